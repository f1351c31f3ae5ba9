// What a writ that does not count any more means for calls: the next byte is denied.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "daemon/gatekeeper.h"
#include "flow/flow_table.h"

namespace writ::daemon {

// The decision when the session's writ does not count; nullopt: it does.
std::optional<policy::Decision> Gatekeeper::check_writ(const Session& session) const {
  if (!session.attributed()) return std::nullopt;  // which the policy denies
  const auto state = parts_.book.state(session.handle, std::chrono::system_clock::now());
  if (state == identity::WritState::kActive) return std::nullopt;
  std::string code = fmt::format("writ_{}", identity::to_text(state));
  return policy::Decision{
      .verdict = policy::Verdict::kDeny,
      .rule = "built-in:" + code,
      .reason = fmt::format(
          "writ {}, under which {} acts for {}, is {}", session.writ.id, session.writ.agent.id,
          session.writ.user.id,
          state == identity::WritState::kNotYet ? "not in force yet" : identity::to_text(state)),
      .code = std::move(code),
      .missing = {}};
}

// Denies what waits under a writ that has ended, and ends what passes without a look at each call.
std::uint32_t Gatekeeper::withdraw(flow::FlowTable& flows, std::uint64_t cgroup) {
  Session* session = session_of(cgroup);
  if (session == nullptr || !session->enforced()) return 0;
  std::uint32_t denied = 0;
  flows.for_each_channel([&](flow::Channel& channel) {
    if (channel.session != cgroup || !channel.state) return;
    auto& exchange = static_cast<Exchange&>(*channel.state);
    if (exchange.dead) return;
    if (exchange.tunnel) {
      (void)end_connection(channel.socket);
      exchange.dead = true;
      return;
    }
    const auto asking = std::find_if(exchange.calls.begin(), exchange.calls.end(),
                                     [](const auto& c) { return c->stage == Stage::kAsking; });
    Call* call = asking != exchange.calls.end() ? asking->get() : exchange.arriving();
    if (call == nullptr || !channel.bound) return;
    if (call->stage == Stage::kDecided) {
      stream_on(exchange, *session, *call);
    } else {
      decide(exchange, *session, *call);
    }
    ++denied;
  });
  // Connections without a channel may have been let pass as opaque.
  flows.for_each_connection([&](const flow::Connection& connection, const flow::Channel* channel) {
    if (connection.session == cgroup && connection.placed && channel == nullptr) {
      (void)end_connection(connection.socket);
    }
  });
  return denied;
}

void Gatekeeper::resume(flow::FlowTable& flows, std::uint64_t cgroup) {
  Session* session = session_of(cgroup);
  if (session == nullptr) return;
  flows.for_each_channel([&](flow::Channel& channel) {
    if (channel.session == cgroup && channel.state) {
      advance(static_cast<Exchange&>(*channel.state), *session);
    }
  });
}

}  // namespace writ::daemon
