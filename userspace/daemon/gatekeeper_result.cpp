// What comes back: results, the end of a connection, and the records of both.
#include <fmt/format.h>

#include <chrono>

#include "daemon/gatekeeper.h"
#include "daemon/mcp_call.h"

namespace writ::daemon {

namespace {

// What the outcome's record says of a result that could not be read.
std::string unread(const Call& call) {
  if (const auto& problem = call.result.problem()) {
    return fmt::format("the result was not read to its end: {}: {}", problem->code,
                       printable(problem->message));
  }
  // A message of MCP is read whole or not at all; it was scanned all the same.
  if (waits_for_mcp_answer(call) && call.result.opened() && !call.result.body())
    return fmt::format("the MCP answer was not read: {}", call.result.body_missing());
  return {};
}

}  // namespace

void Gatekeeper::on_in(flow::Channel& channel, std::string_view bytes) {
  Session* session = session_of(channel.session);
  if (session == nullptr) return;
  // What an agent is told before it has said anything means nothing, but for HTTP/2's SETTINGS.
  if (!channel.state && !protocol::looks_like_frame(bytes)) return;
  Exchange& exchange = exchange_of(channel);
  if (exchange.dead) return;
  exchange.feed_in(bytes);
  settle(exchange, *session);
}

void Gatekeeper::settle(Exchange& exchange, Session& session) {
  deliver(session, exchange);
  note_messages(exchange, session);
  bool over = false;
  for (std::size_t i = 0; i < exchange.calls.size() && !exchange.dead; ++i) {
    Call& call = *exchange.calls[i];
    if (!call.answered && call.broken_off.empty()) continue;
    if (!call.received()) {
      if (!exchange.multiplexed()) continue;  // HTTP/1.1 agents send the rest all the same
      if (call.stage == Stage::kArriving && exchange.channel.bound) decide(exchange, session, call);
    }
    if (exchange.dead || call.stage != Stage::kDecided) continue;
    finish(session, call);
    over = true;
  }
  if (over) forget_over(exchange);
  if (exchange.tunnel && !exchange.tunnel_judged) judge_tunnel(exchange, session);
}

// It has its result, or there will be none.
void Gatekeeper::finish(Session& session, Call& call) {
  if (!call.answered) {
    judge_.write_outcome(session, call, "incomplete", call.broken_off);
    return;
  }
  const std::string not_read = unread(call);
  judge_.take_result(session, call);  // it keeps no body
  std::string detail;
  for (const std::string& part : {not_read, call.grpc_status, call.conversation, waited(call)}) {
    if (!part.empty()) detail += (detail.empty() ? "" : "; ") + part;
  }
  if (McpStream* stream = stream_for(session, call)) {
    judge_.await_answer(session, call, *stream, std::move(detail));
  } else {
    judge_.write_outcome(session, call, "completed", std::move(detail));
  }
}

void Gatekeeper::on_end(flow::Channel& channel) {
  Session* session = session_of(channel.session);
  if (session != nullptr && channel.state) {
    auto& exchange = static_cast<Exchange&>(*channel.state);
    exchange.close();
    settle(exchange, *session);
    if (!exchange.dead && exchange.arriving() == nullptr && !exchange.between_requests()) {
      exchange.problem_call({.code = "incomplete_message",
                             .message = "the connection ended within the request",
                             .offset = channel.out});
    }
    for (const auto& call : exchange.calls) {
      if (call->stage == Stage::kDone) continue;
      if (call->undecided()) {
        if (!call->problem) {
          call->problem = protocol::Problem{.code = "incomplete_message",
                                            .message = call->received()
                                                           ? "the connection ended before a verdict"
                                                           : "the connection ended within the "
                                                             "request",
                                            .offset = channel.out};
        }
        call->decision = judge_.judge(*session, *call, false);
        parts_.limits.release(call->id, std::chrono::steady_clock::now());
        if (!judge_.write_decision(*session, *call, channel.pid, executable_of(channel.pid)))
          continue;
      }
      (void)call->result.look();  // what there is of it was seen
      const std::string why = unread(*call);
      judge_.write_outcome(*session, *call, "incomplete",
                           why.empty() ? "the connection ended before the result did"
                                       : "the connection ended before the result did; " + why);
    }
  }
  if (parts_.pdp != nullptr) parts_.pdp->forget(channel.stream);
  parts_.host.forget(channel.stream, channel.socket.cookie);
}

void Gatekeeper::write_gap(const Session* session, const char* kind, std::uint64_t count,
                           std::string detail) {
  v1::Record record;
  v1::Gap& gap = *record.mutable_gap();
  if (session != nullptr) gap.set_session_id(session->id);
  gap.set_kind(kind);
  gap.set_count(count);
  gap.set_detail(std::move(detail));
  if (const auto sequence = parts_.audit.append(record); !sequence) {
    parts_.report(fmt::format("a gap could not be recorded: {}", sequence.error().message));
  }
}

std::uint32_t Gatekeeper::held_calls(flow::FlowTable& flows, std::uint64_t session) {
  std::uint32_t held = 0;
  flows.for_each_channel([&](flow::Channel& channel) {
    if (channel.session != session || !channel.state) return;
    for (const auto& call : static_cast<Exchange&>(*channel.state).calls) {
      if (call->undecided()) ++held;
    }
  });
  return held;
}

}  // namespace writ::daemon
