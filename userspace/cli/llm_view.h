// Language models, as people see them: what a call said to one, and whether one asked for a call.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "cli/output.h"
#include "control.pb.h"

namespace writ::cli {

// Labels and values for `writ trace`; none of a call that has nothing to do with a model.
using LlmRows = std::vector<std::pair<std::string, std::string>>;
LlmRows llm_request_rows(const v1::Decision& decision, const Palette& palette);
LlmRows llm_answer_rows(const v1::Outcome& outcome);

// ", gpt-5: 120+34 tokens, 0.001673 USD", ", not asked for": for the line of a call. Empty: nothing
// to say.
std::string llm_line(const v1::Call& call);

// "0.001673 USD" of 1673 micro-units.
std::string cost_text(std::uint64_t micro, const std::string& currency);

}  // namespace writ::cli
