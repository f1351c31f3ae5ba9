// Policies of any size for the measurements, and the calls that are asked of them.
//
//   spread     10 rules a service with four tools: few rules can match a call, however many there
//              are in all; what a real policy looks like
//   crowded    all rules name the one tool there is, and only the last is meant for this person: as
//              bad as it gets
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "policy/source_text.h"
#include "protocol/tool_call.h"

namespace writ::bench {

// REQUIRES: `rules` is a multiple of 10, over 0.
std::vector<policy::SourceText> spread_policy(std::size_t rules);
std::vector<policy::SourceText> crowded_policy(std::size_t rules);

// A call of the `tool`-th tool (0 to 3) of a service.
ToolCall call_of(std::size_t service, std::size_t tool);

// Whom the last rule of crowded_policy() lets in.
std::string last_user(std::size_t rules);

}  // namespace writ::bench
