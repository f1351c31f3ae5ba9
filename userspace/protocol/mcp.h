// MCP over HTTP: the body of a POST → McpMessage, what its header fields say of it, and what an
// answer says of the call.
//
// For the five published versions (2024-11-05, 2025-03-26, 2025-06-18, 2025-11-25, 2026-07-28) the
// same: nothing hangs on a session id or on an earlier initialize, since the newest version has
// neither. A message stands for itself.
//
// Problem codes, beside those of json_rpc.h
//   bad_mcp       a tool, prompt or resource without a name, or with one over kMaxMcpName bytes; a
//                 member of params that some readers take for the name or the arguments; arguments
//                 that are no object; a method that wants an answer, sent without an id
//   mcp_mismatch  Mcp-Method or Mcp-Name says something else than the body, or is there twice
//   mcp_charset   a Content-Type by which the body is not read as UTF-8, or two of them
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "protocol/http1_types.h"
#include "protocol/mcp_message.h"

namespace writ::protocol {

inline constexpr std::size_t kMaxMcpName = 1024;
inline constexpr std::size_t kMaxMcpMethod = 128;

// Problem::offset is 0. `version` is not filled.
tl::expected<McpMessage, Problem> read_mcp(std::string_view body);

// Of a request's header fields, those that speak of its message.
struct McpHeaders {
  std::string version;                // MCP-Protocol-Version, printable and cut
  std::optional<std::string> method;  // Mcp-Method (from 2026-07-28 on)
  std::optional<std::string> name;    // Mcp-Name, as sent
  std::optional<Problem> problem;     // they cannot be right, whatever the body says
  // The client takes an answer as JSON or as an event stream: Streamable HTTP. The older HTTP+SSE
  // pair does not read what answers a POST.
  bool streamable = false;
};
McpHeaders read_mcp_headers(const Headers& headers);

// The body decides; header fields that say otherwise are two readings of one request.
std::optional<Problem> check_mcp_headers(const McpHeaders& headers, const McpMessage& message);

}  // namespace writ::protocol
