// What passes between an agent and an MCP server without a tool being called: starting, being
// alive, looking at what there is. Each kind has the name of a tool, so that a record can say it
// and a rule can deny it; it needs no scope and no rule that allows it.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "protocol/tool_call.h"

namespace writ::policy {

struct McpTraffic {
  std::string_view tool;  // its name in rules and records
  std::string_view what;
};

std::span<const McpTraffic> mcp_traffic();

// The place in mcp_traffic() of a call to an MCP server; nullopt: it is none of it.
std::optional<std::size_t> traffic_kind(const ToolCall& call);

// Whether MCP uses the HTTP method: a message, the stream of what the server sends, a session's
// end.
bool mcp_method(std::string_view method);

// Whether a tool of the catalog cannot be called so.
bool names_traffic(std::string_view tool);

}  // namespace writ::policy
