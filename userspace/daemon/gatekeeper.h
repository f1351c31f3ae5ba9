// The gatekeeper takes each call from its first byte to its outcome: what the exchange read is
// judged and recorded (judge.h), and then released or refused. gatekeeper.cpp is the way to the
// verdict, in its order; gatekeeper_deny.cpp makes a denial true; gatekeeper_result.cpp is what
// comes back; gatekeeper_opaque.cpp is for bytes that no channel explains; gatekeeper_writ.cpp for
// writs that end; gatekeeper_names.cpp for datagrams, and what DNS says of addresses;
// gatekeeper_pdp.cpp asks an external decision point; gatekeeper_streams.cpp is for calls that
// share a connection; gatekeeper_websocket.cpp for WebSocket; gatekeeper_mcp.cpp ties what comes on
// one connection to a call on another.
//
// Owner: the daemon; loop thread only. Everything handed in must outlive it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "audit/writer.h"
#include "budget/limits.h"
#include "daemon/exchange.h"
#include "daemon/host.h"
#include "daemon/judge.h"
#include "daemon/session.h"
#include "daemon/settings.h"
#include "flow/flow_table.h"
#include "pdp/client.h"
#include "policy/policy.h"
#include "scan/scanner.h"

namespace writ::daemon {

struct GatekeeperCounters {
  std::uint64_t degraded_denials = 0;  // a refusal that had to be an abort, or an abort that failed
  std::uint64_t missed_kicks = 0;      // released, and left to the kernel's timer
  std::uint64_t lost_out = 0;
  std::uint64_t lost_in = 0;
  std::uint64_t dns_unread = 0;  // answers of resolvers that were cut, or are none
};

class Gatekeeper : public flow::ChannelHandler {
 public:
  struct Parts {
    const Settings& settings;
    pdp::PdpClient* pdp = nullptr;        // nullptr: rules alone decide
    const llm::Prices* prices = nullptr;  // nullptr: nobody has said what models cost
    Sessions& sessions;
    std::shared_ptr<const scan::Ruleset> rules;
    budget::LimitBook& limits;
    const identity::WritBook& book;
    audit::Writer& audit;
    Host& host;
    Processes& processes;
    Report report;
  };
  explicit Gatekeeper(Parts parts);

  void on_out(flow::Channel& channel, std::string_view bytes) override;
  void on_in(flow::Channel& channel, std::string_view bytes) override;
  void on_bound(flow::Channel& channel) override;
  void on_lost(flow::Channel& channel, bool outgoing, const char* why) override;
  void on_agent_closed(flow::Channel& channel) override;
  void on_end(flow::Channel& channel) override;
  void on_opaque(flow::Connection& connection, flow::Channel* channel,
                 std::uint32_t reason) override;
  void on_connect(const flow::Connection& connection) override;
  void on_datagram(std::uint64_t session, std::uint32_t protocol, const kernel::SocketId& socket,
                   bool passed) override;
  void on_dns(std::uint64_t session, std::string_view message, bool cut) override;
  void on_exec(std::uint64_t session, std::uint32_t pid, std::string_view path) override;
  void on_exit(std::uint64_t session, std::uint32_t pid) override;

  // Whose channels the answers of a decision point, and of MCP servers on another channel, are for.
  // Once, before the first call.
  void serve(flow::FlowTable& flows) { flows_ = &flows; }

  // Gives more room where a call that is held has not grown for a while: its agent may wait for
  // just that. Now and then.
  void help_stalled(flow::FlowTable& flows);

  // Ends every connection on which something is held, so that nothing leaves when the gate goes.
  // For the shutdown.
  void destroy_held(flow::Channel& channel);

  // The session's writ does not count any more: denies what is held under it, and returns how many
  // calls that were. What comes later is denied as it comes.
  std::uint32_t withdraw(flow::FlowTable& flows, std::uint64_t cgroup);

  // It is known now who is behind the session, or that nobody is: judges what waited for that.
  void resume(flow::FlowTable& flows, std::uint64_t cgroup);

  // When a held call was last found incomplete (CLOCK_MONOTONIC): its rest is often only
  // microseconds away.
  [[nodiscard]] std::uint64_t last_hold_ns() const { return last_hold_ns_; }

  // Calls of a session that wait for a verdict now.
  [[nodiscard]] static std::uint32_t held_calls(flow::FlowTable& flows, std::uint64_t session);
  [[nodiscard]] const GatekeeperCounters& counters() const { return counters_; }
  // What a process runs, printable; empty: it has ended.
  const std::string& executable_of(std::uint32_t pid);
  // Of everybody's calls.
  [[nodiscard]] Judge& judge() { return judge_; }

 private:
  Session* session_of(std::uint64_t cgroup);
  Exchange& exchange_of(flow::Channel& channel);

  enum class Tail { kKeep, kGo };

  void advance(Exchange& exchange, Session& session);
  void hold_stream(Exchange& exchange, Session& session, Call& call);
  void pass(Exchange& exchange, Session& session, Tail tail);
  void pass_frames(Exchange& exchange, const Session& session);
  void note_messages(Exchange& exchange, Session& session);
  bool judge_ends(Exchange& exchange, Session& session);
  void look_at_streams(flow::FlowTable& flows, std::uint64_t time);
  void decide_stalled(Exchange& exchange, Session& session, std::uint64_t time);
  static std::string waited(const Call& call);
  static void forget_over(Exchange& exchange);
  void hold(Exchange& exchange, Session& session, Call& call);
  void give_room(Exchange& exchange, std::uint64_t bytes);
  void give_room_back(Exchange& exchange);
  bool judge_head(Exchange& exchange, Session& session, Call& call);
  void decide(Exchange& exchange, Session& session, Call& call);
  void consult(Exchange& exchange, Session& session, Call& call);
  void take_answer(std::uint64_t stream, const std::string& id, const pdp::PdpAnswer& answer);
  void conclude(Exchange& exchange, Session& session, Call& call);
  void stream_on(Exchange& exchange, Session& session, Call& call);
  void release(Exchange& exchange, std::uint64_t offset);
  // `detail` is for the outcome's record: what a decision that is older than the denial cannot say.
  void deny(Exchange& exchange, Session& session, Call& call, std::string detail = {});
  void deny_late(Exchange& exchange, Session& session, Call& call, policy::Decision late);
  static Endpoint destination_of(Session& session, const kernel::SocketId& socket);
  const char* enforce_denial(Exchange& exchange, const Call& call);
  bool end_connection(const kernel::SocketId& socket);
  void settle(Exchange& exchange, Session& session);
  void finish(Session& session, Call& call);
  void deliver(const Session& session, Exchange& exchange);
  McpStream* stream_for(const Session& session, const Call& posted);
  Call* posted_to(const Session& session, const McpStream& stream, const std::string& id);
  template <class F>
  void for_each_open_call(const Session& session, F&& visit);
  void judge_tunnel(Exchange& exchange, Session& session);
  void write_gap(const Session* session, const char* kind, std::uint64_t count, std::string detail);

  Parts parts_;
  flow::FlowTable* flows_ = nullptr;
  scan::Scanner scanner_;
  Judge judge_;
  GatekeeperCounters counters_;
  std::uint64_t last_look_ns_ = 0;
  std::uint64_t last_hold_ns_ = 0;
  std::set<std::uint64_t> lingering_;  // HTTP/2 channels that hold something
  std::unordered_map<std::uint32_t, std::string> executables_;  // by process, until it ends
};

}  // namespace writ::daemon
