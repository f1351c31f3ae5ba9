// What a server's answer says of the request that it answers.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace writ::protocol {

struct McpResult {
  std::string id;          // of the request, as JSON
  bool error = false;      // a JSON-RPC error, or a tool's result with isError
  std::string error_text;  // of a JSON-RPC error: code and message, not checked for anything
  std::string result;      // JSON without white space; empty with a JSON-RPC error
  std::string structured;  // its structuredContent; empty: it has none
};

// What one message of the server's answers; nullopt: it answers nothing, or is not to be read.
std::optional<McpResult> read_mcp_result(std::string_view message);

// The same of each answer in `body`, with its own text, which is valid during the call only.
// `body`: the whole body of a response; `events`: it is an event stream, each event what the server
// says. That is one message, or an array of them (mcp_batch.h), of which what cannot be read is
// left out.
using OnMcpResult = std::function<void(McpResult&&, std::string_view text)>;
void each_mcp_result(std::string_view body, bool events, const OnMcpResult& visit);

// The answer to the request with that id. nullopt: it is not there, or not to be read.
std::optional<McpResult> find_mcp_result(std::string_view body, bool events, std::string_view id);

// The version that the result of initialize settles, printable; empty: it says none.
std::string mcp_version_of(std::string_view result);

struct McpTool {
  std::string name;
  std::string definition;  // its description and schemas
};

// Of the result of tools/list. What is no tool with a name is left out.
std::vector<McpTool> listed_tools(std::string_view result);

}  // namespace writ::protocol
