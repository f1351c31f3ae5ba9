#include "daemon/gatekeeper.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "daemon/holding.h"
#include "flow/flow_table.h"

namespace writ::daemon {
namespace {

// A body below this fits into the smallest send buffer there is (SOCK_MIN_SNDBUF), so nobody waits
// for room.
constexpr std::uint64_t kSmallBody = 1024;

// Calls on one connection that wait for their results. An agent that never reads them is not served
// without end.
constexpr std::size_t kMaxOpenCalls = 1024;

// Of WebSocket, so many bytes are read before what they held is judged: fewer messages than
// kMaxOpenCalls, of which none waits for an answer.
constexpr std::size_t kFramesAtOnce = 4096;

std::chrono::steady_clock::time_point now() { return std::chrono::steady_clock::now(); }

// More of a decided call has come than was looked at.
bool grew(const Exchange& exchange, const Call& call) {
  if (exchange.multiplexed()) return call.judged != call.request.bytes || call.problem;
  return exchange.released < (call.received() ? call.end : exchange.fed);
}

}  // namespace

Gatekeeper::Gatekeeper(Parts parts)
    : parts_(std::move(parts)),
      scanner_(parts_.rules),
      judge_({.limits = parts_.limits,
              .book = parts_.book,
              .audit = parts_.audit,
              .pdp = parts_.pdp,
              .prices = parts_.prices,
              .report = parts_.report},
             parts_.rules) {}

Session* Gatekeeper::session_of(std::uint64_t cgroup) {
  const auto found = parts_.sessions.find(cgroup);
  return found == parts_.sessions.end() ? nullptr : found->second.get();
}

Exchange& Gatekeeper::exchange_of(flow::Channel& channel) {
  if (!channel.state) {
    channel.state = std::make_unique<Exchange>(channel, scanner_, parts_.audit.key(),
                                               parts_.settings.message_max);
  }
  return static_cast<Exchange&>(*channel.state);
}

// --- A call arrives ---

void Gatekeeper::on_out(flow::Channel& channel, std::string_view bytes) {
  Session* session = session_of(channel.session);
  if (session == nullptr) return;
  Exchange& exchange = exchange_of(channel);
  if (exchange.dead) {
    // The agent goes on on a connection that was refused: end it, or it would wait for an answer to
    // what never leaves.
    if (exchange.refused && session->enforced()) (void)end_connection(channel.socket);
    return;
  }
  // Whether a model asked for a call is seen by its arguments.
  exchange.keep_bodies = session->reads_bodies || session->asked->any();
  exchange.fed = channel.out - bytes.size();
  while (!bytes.empty() && !exchange.dead) {
    const std::string_view piece =
        bytes.substr(0, exchange.websocket() ? kFramesAtOnce : bytes.size());
    bytes.remove_prefix(piece.size());
    exchange.fed += piece.size();
    exchange.feed_out(piece);
    if (exchange.calls.size() > kMaxOpenCalls) {
      exchange.problem_call(
          {.code = "too_many_pipelined",
           .message = "more requests wait for their answer than a connection may have",
           .offset = channel.out});
    }
    advance(exchange, *session);
  }
}

void Gatekeeper::on_bound(flow::Channel& channel) {
  Session* session = session_of(channel.session);
  if (session != nullptr && channel.state) {
    advance(static_cast<Exchange&>(*channel.state), *session);
  }
}

// Looks at every call on the channel that can go a step further.
void Gatekeeper::advance(Exchange& exchange, Session& session) {
  if (session.resolving && session.enforced()) return;  // resume() comes back to it
  for (std::size_t i = 0; i < exchange.calls.size() && !exchange.dead; ++i) {
    Call& call = *exchange.calls[i];
    if (call.stage == Stage::kDecided || call.stage == Stage::kDone) {
      if (!call.denied() && grew(exchange, call)) stream_on(exchange, session, call);
      continue;
    }
    if (call.stage == Stage::kAsking) break;  // what is behind it is decided behind it
    if (call.stage != Stage::kArriving) continue;
    if (!exchange.channel.bound) break;  // where it goes is not known yet
    if (exchange.peer.address.empty()) {
      exchange.peer = destination_of(session, exchange.channel.socket);
    }
    call.request.destination = exchange.peer;
    if (call.problem || call.received()) {
      decide(exchange, session, call);
    } else {
      hold(exchange, session, call);
    }
  }
  pass(exchange, session, Tail::kKeep);
  pass_frames(exchange, session);
  settle(exchange, session);
}

// Bytes of the call are still to come: give them room, and see to it that nobody waits for ever.
void Gatekeeper::hold(Exchange& exchange, Session& session, Call& call) {
  if (!session.enforced()) return;
  last_hold_ns_ = monotonic_ns();
  if (exchange.multiplexed()) {
    hold_stream(exchange, session, call);
    return;
  }
  if (call.expect_continue && exchange.released < call.head_end) {
    if (!judge_head(exchange, session, call)) return;
    release(exchange, call.head_end);
  }
  if (call.request.bytes >= parts_.settings.hold_max) {
    decide(exchange, session, call);
    return;
  }
  if (!call.chunked && call.content_length <= kSmallBody) return;
  const std::uint64_t whole = call.chunked
                                  ? parts_.settings.hold_max
                                  : std::min(parts_.settings.hold_max, call.content_length + kTail);
  const std::uint64_t wanted = std::min(whole, call.request.bytes + kStep);
  if (exchange.room < wanted && (exchange.room < call.request.bytes + kStep / 2)) {
    give_room(exchange, wanted + kTail);
  }
}

// The buffer grows with what was read, a step ahead: an agent that could write all at once would
// outrun the ring buffer.
void Gatekeeper::give_room(Exchange& exchange, std::uint64_t bytes) {
  // The kernel counts its own overhead too and doubles the value for it (socket(7)); half as much
  // again has been enough.
  auto before = parts_.host.widen(exchange.channel.socket, bytes - bytes / 4);
  if (!before) return;  // the agent has closed the socket: nobody waits for room
  if (!exchange.widened) exchange.widened = *before;
  exchange.room = bytes;
}

void Gatekeeper::give_room_back(Exchange& exchange) {
  if (!exchange.widened) return;
  // An error means that the agent has closed the socket, and then nobody wants the buffer back.
  (void)parts_.host.restore(exchange.channel.socket, *exchange.widened);
  exchange.widened.reset();
  exchange.room = 0;
}

void Gatekeeper::help_stalled(flow::FlowTable& flows) {
  const std::uint64_t time = monotonic_ns();
  look_at_streams(flows, time);
  if (time - last_look_ns_ < kStallNs / 2) return;
  last_look_ns_ = time;
  flows.for_each_channel([&](flow::Channel& channel) {
    Session* session = session_of(channel.session);
    if (session == nullptr || !session->enforced() || !channel.state || !channel.bound) return;
    auto& exchange = static_cast<Exchange&>(*channel.state);
    const Call* call = exchange.arriving();
    if (exchange.dead || call == nullptr) return;
    if (call->stage == Stage::kDecided && !exchange.multiplexed() &&
        channel.out > exchange.released + kTail) {
      release(exchange, channel.out - kTail);
    }
    if (call->stage != Stage::kArriving) return;
    if (exchange.stalled_at != channel.out) {
      exchange.stalled_at = channel.out;
      exchange.stalled_since = time;
    } else if (time - exchange.stalled_since > kStallNs &&
               exchange.room < 4 * parts_.settings.hold_max) {
      exchange.stalled_since = time;
      give_room(exchange, std::max(exchange.room, kStep) * 2);
    }
  });
}

// `Expect: 100-continue`: the client sends the body when the server asks for it, so the head goes
// alone. True: it may.
bool Gatekeeper::judge_head(Exchange& exchange, Session& session, Call& call) {
  name(session, call);
  const policy::Decision first = judge_.judge(session, call, false, true);
  if (first.verdict != policy::Verdict::kDeny &&
      !parts_.limits.reserve(session.writ.id, call.id, now())) {
    return true;
  }
  decide(exchange, session, call);
  return false;
}

// --- It is judged ---

void Gatekeeper::decide(Exchange& exchange, Session& session, Call& call) {
  judge_.weigh(session, call);
  if (Judge::wants_answer(session, call)) {
    consult(exchange, session, call);
  } else {
    conclude(exchange, session, call);
  }
}

// The verdict stands: it is counted, recorded, and made true.
void Gatekeeper::conclude(Exchange& exchange, Session& session, Call& call) {
  const std::uint32_t pid = exchange.channel.pid;
  if (!judge_.conclude(session, call, pid, executable_of(pid))) {
    deny(exchange, session, call);
    return;
  }
  if (!session.enforced() || exchange.multiplexed()) return;  // pass() comes to it
  if (call.received()) {
    release(exchange, call.end);
  } else {
    stream_on(exchange, session, call);
  }
}

const std::string& Gatekeeper::executable_of(std::uint32_t pid) {
  std::string& known = executables_[pid];
  if (known.empty()) known = printable(executable_link(pid));
  return known;
}

// --- It is released ---

// A decided call of which more has arrived, or all: what was scanned may go, but for the tail.
void Gatekeeper::stream_on(Exchange& exchange, Session& session, Call& call) {
  if (!session.enforced()) return;
  if (auto ended = judge_.check_writ(session)) {
    deny_late(exchange, session, call, *std::move(ended));
    return;
  }
  call.judged = call.request.bytes;
  if (session.policy->reads_findings(call.tool ? &*call.tool : nullptr) && call.arguments.look()) {
    policy::Decision late = judge_.judge(session, call, call.arguments.complete());
    if (late.verdict == policy::Verdict::kDeny) {
      deny_late(exchange, session, call, std::move(late));
      return;
    }
  }
  if (call.problem) {
    deny_late(exchange, session, call, judge_.judge(session, call, false));
    return;
  }
  if (exchange.multiplexed()) return;  // pass() comes to it
  const std::uint64_t up_to =
      call.received() ? call.end : exchange.fed - std::min(exchange.fed, kTail);
  if (call.received() ? up_to > exchange.released : up_to >= exchange.released + kReleaseStep) {
    release(exchange, up_to);
  }
}

void Gatekeeper::release(Exchange& exchange, std::uint64_t offset) {
  if (exchange.dead) return;
  if (Status released = parts_.host.release(exchange.channel.stream, offset); !released) {
    parts_.report(fmt::format("{}: it stays held", released.error().message));
    return;
  }
  exchange.released = offset;
  if (!parts_.host.kick(exchange.channel.socket)) ++counters_.missed_kicks;
  const Call* arriving = exchange.arriving();
  if (arriving == nullptr || arriving->stage == Stage::kDecided) give_room_back(exchange);
}

}  // namespace writ::daemon
