// The stdio desk takes what agents say to MCP servers over pipes and socketpairs to its verdict:
// judged, counted and recorded by the judge of all calls. The server waits in its read, or stopped
// behind it (kernel/stdio_hold.h), until then. What is denied is taken out of what it has read, and
// the agent gets a JSON-RPC error in the server's name. In observe mode nothing waits.
//
//   agent ──► pipe ──► read() waits ──► judged ──► a denied message is overwritten,
//                                                  its error written to the agent
//                      returns      ◄── let go
//
// A message ends with its last brace, which is in the piece that was read last: so a message over
// several reads, of which the server has the others already, can still be made none.
//
// Memory: for each server a message in each direction (message_max), and kMaxOpen calls without an
// answer. Owner: the daemon; loop thread only. Everything handed in must outlive it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "audit/key.h"
#include "daemon/host.h"
#include "daemon/judge.h"
#include "daemon/session.h"
#include "daemon/stdio_server.h"
#include "kernel/tap.h"
#include "pdp/client.h"
#include "scan/scanner.h"

namespace writ::daemon {

class StdioDesk : public kernel::StdioSink {
 public:
  static constexpr std::size_t kMaxOpen = 1024;

  struct Parts {
    Judge& judge;
    pdp::PdpClient* pdp = nullptr;  // nullptr: rules alone decide
    Sessions& sessions;
    std::shared_ptr<const scan::Ruleset> rules;
    const audit::Key& key;
    Servers& servers;
    Report report;
    // What a process runs, for the record.
    std::function<std::string(std::uint32_t pid)> executable_of;
    std::size_t message_max = 16u << 20;
    std::string proc = "/proc";
  };
  explicit StdioDesk(Parts parts) : parts_(std::move(parts)), scanner_(parts_.rules) {}

  void on_stdio(const writ_event_stdio& event, std::string_view bytes) override;

  // It is known now who is behind the session, or that nobody is.
  void resume(const Session& session);
  // The session goes; what still waits in it is denied.
  void end(const Session& session);
  // writd stops: what still waits is denied.
  void end_all();
  // Says what could not be said before. Now and then.
  void say_unsaid();

  // Reads of a session that wait for a verdict now.
  [[nodiscard]] std::uint32_t waiting(std::uint64_t cgroup) const;

 private:
  using Place = std::map<std::uint32_t, std::unique_ptr<StdioServer>>::iterator;
  struct Told;
  struct Says;

  Session& session_of(const StdioServer& server) const {
    return *parts_.sessions.at(server.cgroup);
  }
  StdioServer& server_of(const writ_event_stdio& event);
  void on_read(StdioServer& server, const writ_event_stdio& event, std::string_view bytes);
  void take_message(StdioServer& server, std::string_view text, std::uint64_t begin,
                    std::uint64_t end);
  void take_stray(StdioServer& server, std::string_view text, std::uint64_t begin,
                  std::uint64_t end);
  void take_answer(StdioServer& server, std::string_view text, protocol::McpResult answer);

  void advance(StdioServer& server);
  void judge(StdioServer& server, StdioRead::Message& message);
  void consult(StdioServer& server, Call& call);
  void take_verdict(std::uint32_t pid, const std::string& id, const pdp::PdpAnswer& answer);
  void conclude(StdioServer& server, StdioRead::Message& message);
  void settle(StdioServer& server);
  void refuse(StdioServer& server, StdioRead::Message& message);
  void follow(StdioServer& server, std::unique_ptr<Call> followed);
  void give_up(StdioServer& server, const char* why);
  void forget(Place at, const char* why);

  Parts parts_;
  scan::Scanner scanner_;
  std::map<std::uint32_t, std::unique_ptr<StdioServer>> servers_;  // by process
  bool advancing_ = false;
};

}  // namespace writ::daemon
