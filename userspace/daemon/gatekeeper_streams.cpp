// Calls that share a connection (HTTP/2): what each waits for, and how far the bytes of all may go.
//
// The connection is one ordered stream of bytes, so a call that is held holds what was sent behind
// it too. An HTTP/2 client may wait for the server where an HTTP/1.1 client never does: for room in
// the server's flow-control window, or, with a stream that it leaves open, for an answer. A call
// that waits for what its own hold keeps away is therefore decided on what is there of it.
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "daemon/gatekeeper.h"
#include "daemon/holding.h"

namespace writ::daemon {
namespace {

// A stream without Content-Length may be a conversation. gRPC's often are.
constexpr std::uint64_t kStreamOpenNs = 2'000'000'000;

// The tail of a call that streams goes when nothing was sent for so long.
constexpr std::uint64_t kStreamQuietNs = 20'000'000;

// Calls that have their result while their agent has left its stream open. Most agents say nothing
// more of it; these are still read.
constexpr std::size_t kMaxLeftOpen = 64;

// How long a call without a verdict may stay as it is; nullopt: its rest will come by itself.
std::optional<std::uint64_t> patience(const Exchange& exchange, const Call& call) {
  if (call.request.protocol == "grpc") return kStallNs;
  if (call.chunked) return kStreamOpenNs;
  const auto rest = static_cast<std::int64_t>(call.content_length - call.arguments.bytes());
  if (rest <= exchange.window(call)) return std::nullopt;
  return kStallNs;
}

}  // namespace

void Gatekeeper::hold_stream(Exchange& exchange, Session& session, Call& call) {
  if (call.expect_continue && call.held_from == call.begin && call.arguments.bytes() == 0) {
    if (!judge_head(exchange, session, call)) return;
    call.held_from = Call::kHeadOnly;
  }
  const std::uint64_t held = exchange.channel.out - std::min(call.begin, exchange.channel.out);
  if (exchange.window(call) <= 0 || held >= parts_.settings.hold_max) {
    decide(exchange, session, call);
    return;
  }
  if (held > kTail && exchange.room < held + kStep / 2) give_room(exchange, held + kStep);
}

// Lets go what no undecided call holds. Of calls that stream, the newest part stays behind the
// scanner, unless it would keep others waiting: calls that have ended behind it, or the agent
// itself, for room in the server's window.
void Gatekeeper::pass(Exchange& exchange, Session& session, Tail tail) {
  if (!exchange.multiplexed() || exchange.dead || !session.enforced() || !exchange.channel.bound) {
    return;
  }
  std::uint64_t limit = exchange.readable();
  for (const auto& call : exchange.calls) {
    if (call->undecided()) limit = std::min(limit, call->held_from);
  }
  bool streams = false;
  std::uint64_t ended = 0;
  for (const auto& call : exchange.calls) {
    if (call->undecided()) continue;
    if (call->received()) {
      if (call->end <= limit) ended = std::max(ended, call->end);
    } else {
      streams = true;
      if (exchange.window(*call) <= 0) tail = Tail::kGo;
    }
  }
  std::uint64_t up_to = limit;
  if (streams && tail == Tail::kKeep) {
    up_to = std::min(limit, exchange.channel.out - std::min(exchange.channel.out, kTail));
    if (up_to < exchange.released + kReleaseStep) up_to = exchange.released;
    up_to = std::max(up_to, ended);
  }
  if (up_to > exchange.released) {
    if (streams && up_to + kTail > exchange.channel.out && !judge_ends(exchange, session)) return;
    release(exchange, up_to);
    const std::uint64_t time = monotonic_ns();
    for (const auto& call : exchange.calls) {
      if (!call->undecided() && call->released_ns == 0 && call->begin < exchange.released) {
        call->released_ns = time;
      }
    }
  }
  if (exchange.released < exchange.channel.out) lingering_.insert(exchange.channel.stream);
}

// No tail is kept: what ends the bytes of a stream so far counts as its end. False: it was denied.
bool Gatekeeper::judge_ends(Exchange& exchange, Session& session) {
  for (std::size_t i = 0; i < exchange.calls.size(); ++i) {
    Call& call = *exchange.calls[i];
    if (call.undecided() || call.denied() || call.judged_end == call.request.bytes) continue;
    call.judged_end = call.request.bytes;
    if (!session.policy->reads_findings(call.tool ? &*call.tool : nullptr)) continue;
    if (!call.arguments.look_as_if_ended()) continue;
    policy::Decision late = judge_.judge(session, call, call.arguments.complete());
    if (late.verdict == policy::Verdict::kDeny) {
      deny_late(exchange, session, call, std::move(late));
      return false;
    }
  }
  return true;
}

// Of connections that hold something: nobody may wait for ever.
void Gatekeeper::look_at_streams(flow::FlowTable& flows, std::uint64_t time) {
  for (auto it = lingering_.begin(); it != lingering_.end();) {
    flow::Channel* channel = flows.channel(*it);
    Session* session = channel == nullptr ? nullptr : session_of(channel->session);
    if (session == nullptr || !channel->state || !channel->bound ||
        (session->resolving && session->enforced())) {
      it = channel == nullptr ? lingering_.erase(it) : std::next(it);
      continue;
    }
    auto& exchange = static_cast<Exchange&>(*channel->state);
    decide_stalled(exchange, *session, time);
    pass(exchange, *session,
         time - std::min(time, channel->first_out_ns) > kStreamQuietNs ? Tail::kGo : Tail::kKeep);
    const bool done = exchange.dead || exchange.released == channel->out;
    it = done ? lingering_.erase(it) : std::next(it);
  }
}

void Gatekeeper::decide_stalled(Exchange& exchange, Session& session, std::uint64_t time) {
  for (std::size_t i = 0; i < exchange.calls.size() && !exchange.dead; ++i) {
    Call& call = *exchange.calls[i];
    if (call.stage == Stage::kAsking) return;  // what is behind it is decided behind it
    if (call.stage != Stage::kArriving || call.held_from == Call::kHeadOnly) continue;
    const auto most = patience(exchange, call);
    if (most && time - std::min(time, call.grown_ns) > *most) decide(exchange, session, call);
  }
}

// What the outcome's record says of a call whose bytes waited behind those of others.
std::string Gatekeeper::waited(const Call& call) {
  constexpr std::uint64_t kWorthTelling = 10'000'000;
  if (call.stream == 0 || call.released_ns < call.decided_ns + kWorthTelling) return {};
  return fmt::format("waited {} ms behind other calls of its connection after its verdict",
                     (call.released_ns - call.decided_ns) / 1'000'000);
}

// Forgets calls that are over, and of which nothing more is expected.
void Gatekeeper::forget_over(Exchange& exchange) {
  std::size_t left_open = 0;
  for (std::size_t i = exchange.calls.size(); i-- > 0;) {
    const Call& call = *exchange.calls[i];
    if (call.stage != Stage::kDone) continue;
    if (call.received() || ++left_open > kMaxLeftOpen) exchange.erase(i);
  }
}

}  // namespace writ::daemon
