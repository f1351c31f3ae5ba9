// What an agent reads when a cleartext call is refused: a real HTTP response that says why.
#pragma once

#include <string>
#include <string_view>

#include "daemon/call.h"

namespace writ::daemon {

// 403 with a JSON body {"error": {"code", "message", "rule", "call", "by": "writ"}}; "Connection:
// close", because what is held on this connection will never leave. To HEAD without the body (RFC
// 9110 section 9.3.2).
//
// To a request to an MCP server over Streamable HTTP, 200 with a JSON-RPC error that has the
// request's id, so that the client has an answer to that call and goes on with the next one. To a
// batch an array of them, one for each request in it.
std::string refusal_response(const Call& call);

// The same on a WebSocket connection: a Close frame of a server with code 1008 (policy violation)
// and as much of the reason as fits.
std::string refusal_close(const Call& call);

// The JSON-RPC error alone, as one line for a server over stdio. `id`: of the request, as JSON. Not
// longer than kMaxStdioRefusal, whatever the reason is.
inline constexpr std::size_t kMaxStdioRefusal = 4096;
std::string stdio_refusal(const Call& call, std::string_view id);

}  // namespace writ::daemon
