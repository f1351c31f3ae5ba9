#include "daemon/stdio_desk.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "daemon/mcp_call.h"
#include "daemon/refusal.h"
#include "daemon/stdio_call.h"
#include "daemon/stdio_edit.h"
#include "daemon/stdio_voice.h"
#include "protocol/json_rpc.h"

namespace writ::daemon {
namespace {

// Apart from the streams of connections, which have bit 62 or 63, and those of other desks, which
// have 60 or 61. Messages to one server are asked about in their order.
constexpr std::uint64_t kStdioFlow = 1ull << 59;

constexpr const char* kServerEnded = "the server ended before it had answered";

protocol::Problem stray_problem() {
  return {.code = "stdio_stray",
          .message =
              "what is no message of one line (a line break within it, U+2028, longer than "
              "message_max, or no JSON object); send each message as one line",
          .offset = 0};
}

bool speaks_json_rpc(std::string_view text) {
  return text.find("\"jsonrpc\"") != std::string_view::npos;
}

}  // namespace

struct StdioDesk::Told : protocol::JsonFrameSink {
  Told(StdioDesk& d, StdioServer& s) : desk(d), server(s) {}
  void on_message(std::string_view text, std::uint64_t begin, std::uint64_t end) override {
    desk.take_message(server, text, begin, end);
  }
  void on_stray(std::string_view text, std::uint64_t begin, std::uint64_t end) override {
    desk.take_stray(server, text, begin, end);
  }
  StdioDesk& desk;
  StdioServer& server;
};

struct StdioDesk::Says : protocol::JsonFrameSink {
  Says(StdioDesk& d, StdioServer& s) : desk(d), server(s) {}
  void on_message(std::string_view text, std::uint64_t /*begin*/, std::uint64_t /*end*/) override {
    protocol::each_mcp_result(text, false, [&](protocol::McpResult&& answer, std::string_view its) {
      desk.take_answer(server, its, std::move(answer));
    });
  }
  void on_stray(std::string_view /*text*/, std::uint64_t /*begin*/,
                std::uint64_t /*end*/) override {}
  StdioDesk& desk;
  StdioServer& server;
};

void StdioDesk::on_stdio(const writ_event_stdio& event, std::string_view bytes) {
  const std::uint32_t pid = event.head.pid;
  const bool held = (event.flags & WRIT_STDIO_HELD) != 0;
  const bool last = (event.flags & WRIT_STDIO_MORE) == 0;
  if (event.head.type == WRIT_EVENT_STDIO_END) {
    const auto at = servers_.find(pid);
    if (at == servers_.end()) return;
    if (at->second->read) at->second->read->gone = true;
    forget(at, kServerEnded);
  } else if (!parts_.sessions.contains(event.head.session)) {
    // Its session ended meanwhile, so nobody can judge it.
    if (held && last) (void)parts_.servers.end({.pid = pid, .tid = event.head.tid});
  } else if (event.head.type == WRIT_EVENT_STDIO_READ) {
    on_read(server_of(event), event, bytes);
  } else if (const auto at = servers_.find(pid); at != servers_.end()) {
    StdioServer& server = *at->second;
    Says sink(*this, server);
    server.says.feed(bytes, sink);
  }
}

StdioServer& StdioDesk::server_of(const writ_event_stdio& event) {
  auto& slot = servers_[event.head.pid];
  if (!slot) {
    slot = std::make_unique<StdioServer>(parts_.message_max);
    slot->pid = event.head.pid;
    slot->line = server_line(parts_.proc, event.head.pid);
  }
  // Each read is judged for who has written: a server can be shared by a session and its child.
  if (slot->cgroup != event.head.session && !slot->read) {
    slot->cgroup = event.head.session;
    slot->declared = session_of(*slot).policy->catalog().knows_server(slot->line);
  }
  return *slot;
}

void StdioDesk::on_read(StdioServer& server, const writ_event_stdio& event,
                        std::string_view bytes) {
  if (event.writer == 0 && !server.declared && !server.mcp) {
    // An agent reads what its own client says, as far as anybody knows.
    if (!server.read && (event.flags & WRIT_STDIO_MORE) == 0 &&
        (event.flags & WRIT_STDIO_HELD) != 0)
      (void)parts_.servers.go_on({.pid = event.head.pid, .tid = event.head.tid});
    return;
  }
  if (!server.read) {
    server.read.emplace();
    server.read->reader = {.pid = event.head.pid, .tid = event.head.tid};
    server.read->time_ns = event.head.time_ns;
  }
  StdioRead& read = *server.read;
  read.writer = event.writer;
  read.held = (event.flags & WRIT_STDIO_HELD) != 0;
  read.whole = (event.flags & WRIT_STDIO_MORE) == 0;
  const std::uint64_t begin = server.told.offset();
  read.pieces.push_back({.address = event.address, .begin = begin, .end = begin + bytes.size()});
  Told sink(*this, server);
  if (!server.plain) server.told.feed(bytes, sink);
  if (!read.whole) return;
  if (server.plain) {
    parts_.servers.pass_over(server.pid);
    if (read.held) (void)parts_.servers.go_on(read.reader);
    servers_.erase(server.pid);
  } else {
    advance(server);
  }
}

// What reads JSON that is no JSON-RPC is no MCP server, unless the policy says so.
void StdioDesk::take_message(StdioServer& server, std::string_view text, std::uint64_t begin,
                             std::uint64_t end) {
  server.mcp = server.mcp || server.declared || speaks_json_rpc(text);
  server.plain = server.plain || !server.mcp;
  if (server.plain) return;
  auto call = make_stdio_call(text, server.line, std::nullopt, scanner_, parts_.key);
  if (!call) {
    // fail closed: of what cannot be digested there can be no record.
    server.read->strays.push_back({.begin = begin, .end = end});
    return parts_.report(call.error().message);
  }
  (*call)->first_seen_ns = server.read->held ? server.read->time_ns : 0;
  (*call)->mcp_headers.version = server.version;
  StdioRead::Message message{.call = std::move(*call), .begin = begin, .end = end};
  server.read->messages.push_back(std::move(message));
}

// Is on record once, however many pieces it comes in.
void StdioDesk::take_stray(StdioServer& server, std::string_view text, std::uint64_t begin,
                           std::uint64_t end) {
  server.mcp = server.mcp || server.declared || speaks_json_rpc(text);
  server.plain = server.plain || !server.mcp;
  if (server.plain) return;
  server.read->strays.push_back({.begin = begin, .end = end});
  const bool goes_on = std::exchange(server.stray_end, end) == begin && begin != 0;
  if (goes_on) return;
  auto call = make_stdio_call(text, server.line, stray_problem(), scanner_, parts_.key);
  if (!call) return parts_.report(call.error().message);
  (*call)->first_seen_ns = server.read->held ? server.read->time_ns : 0;
  StdioRead::Message message{.call = std::move(*call), .begin = begin, .end = end};
  message.refused_id = protocol::guess_id(text);
  message.stray = true;
  server.read->messages.push_back(std::move(message));
}

void StdioDesk::advance(StdioServer& server) {
  const Session& session = session_of(server);
  if (session.resolving && session.enforced()) return;  // resume() comes back to it
  advancing_ = true;                                    // a decision point may answer at once
  for (StdioRead::Message& message : server.read->messages) {
    if (!message.concluded && message.call->stage == Stage::kArriving) judge(server, message);
  }
  advancing_ = false;
  settle(server);
}

void StdioDesk::judge(StdioServer& server, StdioRead::Message& message) {
  Call& call = *message.call;
  const Session& session = session_of(server);
  parts_.judge.weigh(session, call);
  if (!Judge::wants_answer(session, call)) return conclude(server, message);
  consult(server, call);
}

void StdioDesk::consult(StdioServer& server, Call& call) {
  parts_.judge.consult(kStdioFlow | server.pid, session_of(server), call,
                       [this, pid = server.pid, id = call.id](const pdp::PdpAnswer& answer) {
                         take_verdict(pid, id, answer);
                       });
}

void StdioDesk::take_verdict(std::uint32_t pid, const std::string& id,
                             const pdp::PdpAnswer& answer) {
  const auto at = servers_.find(pid);
  if (at == servers_.end() || !at->second->read) return;
  StdioServer& server = *at->second;
  for (StdioRead::Message& message : server.read->messages) {
    if (message.concluded || message.call->id != id) continue;
    const Session& session = session_of(server);
    parts_.judge.narrow(session, *message.call, answer);
    if (Judge::wants_answer(session, *message.call)) return consult(server, *message.call);
    conclude(server, message);
  }
  if (!advancing_) settle(server);
}

void StdioDesk::conclude(StdioServer& server, StdioRead::Message& message) {
  const std::uint32_t writer = server.read->writer;
  if (message.refused_id.empty()) {
    const auto body = message.call->arguments.body();
    message.refused_id = message.call->request.mcp ? message.call->request.mcp->id
                         : body                    ? protocol::guess_id(*body)
                                                   : "null";
  }
  message.may = parts_.judge.conclude(session_of(server), *message.call, writer,
                                      parts_.executable_of(writer));
  message.concluded = true;
}

// All of the read was judged: the server may look at what is left of it.
void StdioDesk::settle(StdioServer& server) {
  if (!std::all_of(server.read->messages.begin(), server.read->messages.end(),
                   [](const auto& message) { return message.concluded; }))
    return;
  StdioRead read = *std::exchange(server.read, std::nullopt);
  if (read.gone) {
    for (StdioRead::Message& message : read.messages)
      parts_.judge.write_outcome(session_of(server), *message.call, "incomplete", kServerEnded);
    return;
  }
  const Status changed = read.held ? take_out_denied(read, parts_.servers) : Status();
  if (!changed) {
    // fail closed: it does not run with what it must not see.
    parts_.report(changed.error().message);
    (void)parts_.servers.end(read.reader);
  }
  for (StdioRead::Message& message : read.messages) {
    if (read.held && !message.may) {
      refuse(server, message);
    } else {
      follow(server, std::move(message.call));
    }
  }
  if (read.held && changed) (void)parts_.servers.go_on(read.reader);  // or it has ended
}

void StdioDesk::refuse(StdioServer& server, StdioRead::Message& message) {
  const Call& call = *message.call;
  const auto say = [&](std::string line) {
    say_for(server, std::move(line), parts_.servers, parts_.report);
  };
  for (const auto& one : call.batch)
    if (wants_mcp_answer(*one)) say(stdio_refusal(*one, one->request.mcp->id));
  const bool unread = call.batch.empty() && !call.request.mcp;
  if (unread || wants_mcp_answer(call)) say(stdio_refusal(call, message.refused_id));
  parts_.judge.write_outcome(session_of(server), *message.call, "refused",
                             "the server has not seen it");
}

// It goes its way: its outcome is its answer, if there is one to come. So does each message of a
// batch.
void StdioDesk::follow(StdioServer& server, std::unique_ptr<Call> followed) {
  for (auto& one : followed->batch) follow(server, std::move(one));
  if (!followed->batch.empty()) return;
  const Session& session = session_of(server);
  Call& call = *followed;
  if (!wants_mcp_answer(call)) {
    parts_.judge.write_outcome(session, call, "completed", {});
    return;
  }
  const std::string id = call.request.mcp->id;
  if (const auto before = server.open.find(id); before != server.open.end()) {
    parts_.judge.write_outcome(session, *before->second, "incomplete",
                               "its id was used again before it was answered");
    server.open.erase(before);
  }
  if (server.open.size() >= kMaxOpen) {
    parts_.judge.write_outcome(session, call, "incomplete",
                               fmt::format("{} calls before it were not answered", kMaxOpen));
    return;
  }
  server.open.emplace(id, std::move(followed));
}

void StdioDesk::take_answer(StdioServer& server, std::string_view text,
                            protocol::McpResult answer) {
  auto found = server.open.extract(answer.id);
  if (found.empty()) return;
  Call& call = *found.mapped();
  Session& session = session_of(server);
  if (call.request.mcp->method == "initialize")
    server.version = protocol::mcp_version_of(answer.result);
  take_mcp_answer(call, text, std::move(answer), scanner_, make_digest(parts_.key));
  parts_.judge.take_result(session, call);
  parts_.judge.write_outcome(session, call, "completed", {});
}

void StdioDesk::say_unsaid() {
  for (const auto& [pid, server] : servers_)
    daemon::say_unsaid(*server, parts_.servers, parts_.report);
}

// Denied, in the words in which a live call is that ends before a verdict.
void StdioDesk::give_up(StdioServer& server, const char* why) {
  if (parts_.pdp != nullptr) parts_.pdp->forget(kStdioFlow | server.pid);
  if (!server.read) return;
  const Session& session = session_of(server);
  for (StdioRead::Message& message : server.read->messages) {
    if (message.concluded) continue;
    Call& call = *message.call;
    call.problem = protocol::Problem{.code = "incomplete_message", .message = why, .offset = 0};
    name(session, call);
    call.decision = parts_.judge.judge(session, call, false);
    conclude(server, message);
  }
  if (server.read->whole) settle(server);
}

void StdioDesk::forget(Place at, const char* why) {
  StdioServer& server = *at->second;
  if (parts_.sessions.contains(server.cgroup)) {
    give_up(server, why);
    for (const auto& [id, call] : server.open)
      parts_.judge.write_outcome(session_of(server), *call, "incomplete", why);
  }
  servers_.erase(at);
}

void StdioDesk::resume(const Session& session) {
  std::vector<StdioServer*> waiting;
  for (const auto& [pid, server] : servers_) {
    if (&session_of(*server) == &session && server->read && server->read->whole)
      waiting.push_back(server.get());
  }
  for (StdioServer* server : waiting) advance(*server);
}

void StdioDesk::end(const Session& session) {
  for (auto at = servers_.begin(); at != servers_.end();) {
    const auto next = std::next(at);
    if (at->second->cgroup == session.cgroup.id())
      forget(at, "the session ended before it was answered");
    at = next;
  }
}

void StdioDesk::end_all() {
  while (!servers_.empty()) forget(servers_.begin(), "writd stopped before it was answered");
}

std::uint32_t StdioDesk::waiting(std::uint64_t cgroup) const {
  return static_cast<std::uint32_t>(
      std::count_if(servers_.begin(), servers_.end(), [&](const auto& entry) {
        return entry.second->cgroup == cgroup && entry.second->read && entry.second->read->held;
      }));
}

}  // namespace writ::daemon
