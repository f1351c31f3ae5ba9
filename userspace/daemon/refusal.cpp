#include "daemon/refusal.h"

#include <fmt/format.h>

namespace writ::daemon {
namespace {

// RFC 8259 section 7. Bytes over 127 are kept: reasons are UTF-8.
std::string json_string(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  return out + '"';
}

}  // namespace

std::string refusal_response(const Call& call) {
  const std::string body =
      fmt::format(R"({{"error":{{"code":{},"message":{},"rule":{},"call":{},"by":"writ"}}}})",
                  json_string(call.decision.code), json_string(call.decision.reason),
                  json_string(call.decision.rule), json_string(call.id));
  return fmt::format(
      "HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\nContent-Length: {}\r\n"
      "Connection: close\r\n\r\n{}",
      body.size(), call.request.method == "HEAD" ? "" : body);
}

}  // namespace writ::daemon
