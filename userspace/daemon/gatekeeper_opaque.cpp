// Bytes that no channel explains, and the processes behind them.
#include <fmt/format.h>

#include <chrono>

#include "daemon/gatekeeper.h"
#include "flow/flow_table.h"

namespace writ::daemon {
namespace {

// A process that connects is looked at for new libraries no more often than this.
constexpr std::chrono::milliseconds kLookEvery{1000};

const char* opaque_words(std::uint32_t reason) {
  switch (reason) {
    case WRIT_OPAQUE_NO_PLAINTEXT:
      return "TLS records that no covered library made";
    case WRIT_OPAQUE_UNSEEN:
      return "cleartext that no captured send call made";
    case WRIT_OPAQUE_NOT_TLS:
      return "the TLS record layer broke off";
    case WRIT_OPAQUE_OTHER_STREAM:
      return "TLS records of another stream than the one of this connection";
    case WRIT_OPAQUE_CONTROL:
      return "more TLS handshake and control bytes than a connection may have";
    case WRIT_OPAQUE_INBOUND:
      return "the agent answers a peer that connected to it";
    default:
      return "bytes without plaintext behind them";
  }
}

}  // namespace

void Gatekeeper::on_opaque(flow::Connection& connection, flow::Channel* channel,
                           std::uint32_t reason) {
  Session* session = session_of(connection.session);
  if (session == nullptr) return;
  if (channel != nullptr && channel->state) {
    auto& exchange = static_cast<Exchange&>(*channel->state);
    if (exchange.dead) {
      if (session->enforced()) (void)end_connection(connection.socket);
      return;
    }
  }
  Call call;
  call.id = new_call_id();
  call.first_seen_ns = monotonic_ns();
  call.request.protocol = "opaque";
  call.request.tls = connection.tls;
  call.request.destination = destination_of(*session, connection.socket);
  policy::Input input{.call = call.request, .writ = session->known_writ()};
  input.what =
      reason == WRIT_OPAQUE_INBOUND ? policy::Input::What::kInbound : policy::Input::What::kOpaque;
  input.problem = opaque_words(reason);
  auto stale = judge_.check_writ(*session);
  call.decision = stale ? *std::move(stale) : Judge::ask(*session, input);
  const std::uint32_t pid = connection.socket.pid;
  const bool recorded = judge_.write_decision(*session, call, pid, executable_of(pid));
  if (!session->enforced()) {
    judge_.write_outcome(*session, call, "incomplete", "observed only: its content cannot be read");
    return;
  }
  if (recorded && !call.denied()) {
    if (Status passed = parts_.host.pass_all(connection.socket.cookie); passed) {
      if (!parts_.host.kick(connection.socket)) ++counters_.missed_kicks;
      judge_.write_outcome(*session, call, "incomplete",
                           "allowed as opaque: its result cannot be read");
      return;
    }
  }
  const bool ended = end_connection(connection.socket);
  if (channel != nullptr && channel->state) static_cast<Exchange&>(*channel->state).dead = true;
  judge_.write_outcome(*session, call, ended ? "aborted" : "held", "");
}

// Behind CONNECT or Upgrade the bytes are not HTTP: opaque.
void Gatekeeper::judge_tunnel(Exchange& exchange, Session& session) {
  exchange.tunnel_judged = true;
  flow::Connection connection{.session = exchange.channel.session,
                              .stream = exchange.channel.stream,
                              .tls = exchange.channel.tls,
                              .placed = true,
                              .socket = exchange.channel.socket};
  if (session.enforced() || exchange.channel.bound) on_opaque(connection, nullptr, 0);
}

void Gatekeeper::on_connect(const flow::Connection& connection) {
  // The moment before a handshake is the last one at which a library that was loaded late can still
  // be covered.
  if (Status covered = parts_.processes.cover_process(connection.socket.pid, kLookEvery);
      !covered) {
    parts_.report(
        fmt::format("{}: what it encrypts stays held as opaque", covered.error().message));
  }
}

void Gatekeeper::on_exec(std::uint64_t /*session*/, std::uint32_t pid, std::string_view /*path*/) {
  executables_.erase(pid);
  // (void): a process that ended at once needs no cover.
  (void)parts_.processes.cover_process(pid, {});
}

void Gatekeeper::on_exit(std::uint64_t /*session*/, std::uint32_t pid) {
  executables_.erase(pid);
  parts_.processes.forget_process(pid);
}

}  // namespace writ::daemon
