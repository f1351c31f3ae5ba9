#include "daemon/stdio_voice.h"

#include <fmt/format.h>

#include <utility>

namespace writ::daemon {

void say_for(StdioServer& server, std::string line, Servers& servers, const Report& report) {
  if (server.unsaid.empty()) {
    const Status said = servers.say(server.pid, line);
    if (said) return;
    if (said.error().code != ErrorCode::kUnavailable) {
      return report(context(said.error(), "answer a denied call").value().message);
    }
  }
  if (server.unsaid.size() >= kMaxUnsaid) {
    report(fmt::format("{} answers to denied calls wait for process {}; one is dropped", kMaxUnsaid,
                       server.pid));
    return;
  }
  server.unsaid.push_back(std::move(line));
}

void say_unsaid(StdioServer& server, Servers& servers, const Report& report) {
  while (!server.unsaid.empty()) {
    const Status said = servers.say(server.pid, server.unsaid.front());
    if (!said && said.error().code == ErrorCode::kUnavailable) return;
    if (!said) report(said.error().message);
    server.unsaid.pop_front();
  }
}

}  // namespace writ::daemon
