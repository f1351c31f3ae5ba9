// How a denial is made true, and what else ends a call: lost plaintext, an agent that closes.
#include <fmt/format.h>

#include "audit/calls.h"
#include "daemon/gatekeeper.h"
#include "daemon/refusal.h"
#include "daemon/websocket_conversation.h"
#include "flow/flow_table.h"

namespace writ::daemon {
namespace {

// What a cleartext agent is told; nullopt: another answer is due before, or a part of one has come.
std::optional<std::string> refusal_of(Exchange& exchange, const Call& call) {
  if (!exchange.channel.clear() || exchange.tunnel) return std::nullopt;
  if (const WebSocketConversation* conversation = exchange.websocket()) {
    if (!conversation->between_frames()) return std::nullopt;
    return refusal_close(call);
  }
  const bool first = exchange.calls.front().get() == &call;
  if (!exchange.http1() || !first || !exchange.between_results()) return std::nullopt;
  return refusal_response(call);
}

}  // namespace

// After the call's decision was recorded, and perhaps a part of it released.
void Gatekeeper::deny_late(Exchange& exchange, Session& session, Call& call,
                           policy::Decision late) {
  call.decision = std::move(late);
  ++session.denied;
  deny(exchange, session, call,
       fmt::format("denied later, by {}: {}", call.decision.rule, call.decision.reason));
}

void Gatekeeper::deny(Exchange& exchange, Session& session, Call& call, std::string detail) {
  if (!session.enforced()) return;
  const char* how = enforce_denial(exchange, call);
  if (WebSocketConversation* conversation = exchange.websocket()) conversation->close();
  exchange.dead = true;
  judge_.write_outcome(session, call, how, std::move(detail));
  for (const auto& other : exchange.calls) {
    if (other.get() == &call || other->stage == Stage::kDone) continue;
    if (other->message && other->received() && !other->undecided()) {
      finish(session, *other);  // it has left, and nothing more is expected of it
      continue;
    }
    if (other->undecided()) {
      name(session, *other);
      other->decision = call.decision;
      const std::uint32_t pid = exchange.channel.pid;
      if (!judge_.write_decision(session, *other, pid, executable_of(pid))) continue;
    }
    judge_.write_outcome(session, *other, "incomplete",
                         fmt::format("{}{}{}{}", audit::kEndedByAnother, call.id,
                                     other->conversation.empty() ? "" : "; ", other->conversation));
  }
  exchange.calls.clear();
  if (parts_.pdp != nullptr) parts_.pdp->forget(exchange.channel.stream);
}

// Makes the denial true. Cleartext is told why, if no other answer is due before; else the
// connection is ended.
const char* Gatekeeper::enforce_denial(Exchange& exchange, const Call& call) {
  flow::Channel& channel = exchange.channel;
  if (const auto answer = refusal_of(exchange, call)) {
    if (parts_.host.refuse(channel.socket, *answer, !call.received())) {
      exchange.refused = true;
      return "refused";
    }
    ++counters_.degraded_denials;
  }
  return end_connection(channel.socket) ? "aborted" : "held";
}

bool Gatekeeper::end_connection(const kernel::SocketId& socket) {
  const Status ended = parts_.host.abort(socket);
  if (ended || ended.error().code == ErrorCode::kNotFound) return true;
  ++counters_.degraded_denials;
  parts_.report(fmt::format("a denied connection could not be ended, its bytes stay held: {}",
                            ended.error().message));
  return false;
}

void Gatekeeper::on_lost(flow::Channel& channel, bool outgoing, const char* why) {
  Session* session = session_of(channel.session);
  if (session == nullptr) return;
  ++(outgoing ? counters_.lost_out : counters_.lost_in);
  write_gap(session, outgoing ? "plaintext_lost" : "response_lost", 1,
            fmt::format("{}; connection to {}", why, flow::peer_of(channel.socket).address));
  Exchange& exchange = exchange_of(channel);
  if (!outgoing) {
    exchange.lose_in();
    return;
  }
  if (exchange.dead) return;
  Call& call =
      exchange.problem_call({.code = "plaintext_lost", .message = why, .offset = channel.out});
  if (call.stage == Stage::kDecided) {
    stream_on(exchange, *session, call);
  } else {
    advance(exchange, *session);
  }
}

void Gatekeeper::on_agent_closed(flow::Channel& channel) {
  Session* session = session_of(channel.session);
  if (session == nullptr || !channel.state) return;
  auto& exchange = static_cast<Exchange&>(*channel.state);
  if (exchange.dead) {
    if (session->enforced()) (void)end_connection(channel.socket);
    return;
  }
  Call* call = exchange.arriving();
  if (exchange.multiplexed() && exchange.between_requests() &&
      (call == nullptr || !call->undecided())) {
    pass(exchange, *session, Tail::kGo);  // a stream may be left open
    return;
  }
  if (call == nullptr ? !exchange.between_requests() : !call->problem) {
    call = &exchange.problem_call({.code = "incomplete_message",
                                   .message = "the agent closed the connection within the request",
                                   .offset = channel.out});
    if (call->stage == Stage::kDecided) {
      stream_on(exchange, *session, *call);
    } else {
      advance(exchange, *session);
    }
  }
}

void Gatekeeper::destroy_held(flow::Channel& channel) {
  Session* session = session_of(channel.session);
  if (session == nullptr || !session->enforced() || !channel.state) return;
  auto& exchange = static_cast<Exchange&>(*channel.state);
  if (exchange.dead || exchange.released < channel.out) (void)end_connection(channel.socket);
}

}  // namespace writ::daemon
