// Says lines in the name of an MCP server, each between two of its own; what cannot be said now is
// kept with the server.
#pragma once

#include <cstddef>
#include <string>

#include "daemon/host.h"
#include "daemon/judge.h"
#include "daemon/stdio_server.h"

namespace writ::daemon {

inline constexpr std::size_t kMaxUnsaid = 256;  // a batch has kMaxMcpBatch errors

// Now, or behind what is kept already. One that is lost is reported.
void say_for(StdioServer& server, std::string line, Servers& servers, const Report& report);

// As much of what is kept as can be said now.
void say_unsaid(StdioServer& server, Servers& servers, const Report& report);

}  // namespace writ::daemon
