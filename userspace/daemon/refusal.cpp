#include "daemon/refusal.h"

#include <fmt/format.h>

#include "util/json_text.h"

namespace writ::daemon {
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
