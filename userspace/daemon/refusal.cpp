#include "daemon/refusal.h"

#include <fmt/format.h>

#include "daemon/mcp_call.h"
#include "protocol/websocket.h"
#include "util/json_text.h"

namespace writ::daemon {
namespace {

// Of those that JSON-RPC leaves to servers (-32000 to -32099), one that MCP does not use.
constexpr int kMcpDenied = -32090;

std::string denial_details(const Call& call, std::string_view reason) {
  return fmt::format(R"("code":{},"message":{},"rule":{},"call":{},"by":"writ")",
                     json_string(call.decision.code), json_string(reason),
                     json_string(call.decision.rule), json_string(call.id));
}

std::string json_rpc_error(const Call& call, std::string_view id, std::string_view reason) {
  return fmt::format(
      R"({{"jsonrpc":"2.0","id":{},"error":{{"code":{},"message":{},"data":{{{}}}}}}})", id,
      kMcpDenied, json_string(reason), denial_details(call, reason));
}

// Of each request in a batch; empty: it has none.
std::string batch_errors(const Call& carrier) {
  std::string all;
  for (const auto& message : carrier.batch) {
    if (!wants_mcp_answer(*message)) continue;
    all += all.empty() ? "[" : ",";
    all += json_rpc_error(*message, message->request.mcp->id, message->decision.reason);
  }
  return all.empty() ? all : all + "]";
}

std::string http_response(std::string_view status, std::string_view body, bool with_body) {
  return fmt::format(
      "HTTP/1.1 {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n"
      "Connection: close\r\n\r\n{}",
      status, body.size(), with_body ? body : "");
}

// As much of a UTF-8 text as fits, whole characters.
std::string_view cut_to(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xc0) == 0x80) --most;
  return text.substr(0, most);
}

}  // namespace

std::string refusal_close(const Call& call) {
  constexpr char kLastClose = '\x88';
  constexpr std::string_view kPolicyViolation = "\x03\xf0";  // 1008
  const std::string text = "writ: " + call.decision.reason;
  const std::string_view reason =
      cut_to(text, protocol::kMaxControlPayload - kPolicyViolation.size());
  std::string frame{kLastClose, static_cast<char>(kPolicyViolation.size() + reason.size())};
  return frame.append(kPolicyViolation).append(reason);
}

std::string refusal_response(const Call& call) {
  if (const std::string errors = batch_errors(call); !errors.empty())  // has Streamable HTTP only
    return http_response("200 OK", errors, true);
  if (wants_mcp_answer(call) && call.mcp_headers.streamable) {
    return http_response("200 OK", json_rpc_error(call, call.request.mcp->id, call.decision.reason),
                         true);
  }
  return http_response(
      "403 Forbidden",
      fmt::format(R"({{"error":{{{}}}}})", denial_details(call, call.decision.reason)),
      call.request.method != "HEAD");
}

std::string stdio_refusal(const Call& call, std::string_view id) {
  std::string line = json_rpc_error(call, id, call.decision.reason) + "\n";
  if (line.size() <= kMaxStdioRefusal) return line;
  return json_rpc_error(call, id, printable(call.decision.reason)) + "\n";
}

}  // namespace writ::daemon
