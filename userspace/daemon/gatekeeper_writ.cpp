// What a writ that does not count any more means for calls: the next byte is denied.
#include <algorithm>

#include "daemon/gatekeeper.h"
#include "daemon/websocket_conversation.h"
#include "flow/flow_table.h"

namespace writ::daemon {

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
    if (call == nullptr && exchange.websocket()) call = &exchange.websocket()->handshake();
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
