#include "daemon/websocket_conversation.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "daemon/exchange.h"

namespace writ::daemon {
namespace {

// What a client tells its pings apart by. As many bytes as a PING of HTTP/2 has.
constexpr std::size_t kMaxPing = 8;

// An agent may answer several at once, or only the last one (RFC 6455 section 5.5.3).
constexpr std::size_t kMaxPings = 16;

constexpr std::size_t kCloseCode = 2;  // bytes

}  // namespace

WebSocketConversation::WebSocketConversation(Exchange& exchange, Call& handshake,
                                             const protocol::WebSocketTerms& terms,
                                             std::uint64_t offset, std::uint64_t message_max)
    : exchange_(exchange),
      handshake_(handshake),
      offset_(offset),
      requests_(protocol::Side::kRequest, terms.client, message_max),
      responses_(protocol::Side::kResponse, terms.server, message_max) {}

void WebSocketConversation::feed_out(std::string_view bytes) {
  if (problem_) return;
  const bool read = requests_.feed(bytes, request_sink_);
  if (problem_) return;
  if (!read) {
    refuse(*requests_.problem());
  } else if (call_ != nullptr) {
    call_->request.bytes = offset_ + requests_.offset() - call_->begin;
  }
}

bool WebSocketConversation::feed_in(std::string_view bytes) {
  news_ = true;
  return responses_.feed(bytes, response_sink_);
}

void WebSocketConversation::close() {
  exchange_.end_result(handshake_);
  handshake_.conversation = summary();
  if (!closed_by_.empty()) return;
  handshake_.answered = false;
  handshake_.broken_off = handshake_.conversation;
}

bool WebSocketConversation::take_news() { return std::exchange(news_, false); }

// The message that arrives takes the problem, or one that is opened for it.
void WebSocketConversation::refuse(protocol::Problem problem) {
  problem_ = true;
  refused_from_ = std::min(offset_ + requests_.boundary(), offset_ + problem.offset);
  if (call_ == nullptr) call_ = &exchange_.open_message(handshake_, refused_from_);
  problem.offset += offset_;
  exchange_.problem_call(std::move(problem), call_);
}

std::string WebSocketConversation::summary() const {
  std::string text = fmt::format("WebSocket: {} messages of the agent, {} of the server, ",
                                 messages_out_, messages_in_);
  text += closed_by_.empty() ? "no Close frame" : fmt::format("closed by {}", closed_by_);
  if (const auto& problem = responses_.problem()) {
    text +=
        fmt::format("; what came was not read to its end: {}: {}", problem->code, problem->message);
  } else if (lost_in_) {
    text += "; what came was not read to its end: a part of it was lost";
  }
  return text;
}

// --- What the agent sends ---

void WebSocketConversation::Requests::on_message(const protocol::WebSocketMessage& message) {
  if (conversation.problem_) return;
  Call& call = conversation.exchange_.open_message(conversation.handshake_,
                                                   conversation.offset_ + message.begin);
  call.chunked = !message.whole;
  call.content_length = message.length;
  conversation.call_ = &call;
}

void WebSocketConversation::Requests::on_message_bytes(std::string_view bytes) {
  if (!conversation.problem_) conversation.exchange_.feed_call(*conversation.call_, bytes);
}

void WebSocketConversation::Requests::on_message_end(std::uint64_t end) {
  if (conversation.problem_) return;
  Call& call = *std::exchange(conversation.call_, nullptr);
  conversation.exchange_.end_call(call, conversation.offset_ + end);
  call.request.bytes = call.end - call.begin;
  ++conversation.messages_out_;
}

void WebSocketConversation::Requests::on_control(const protocol::WebSocketControl& control) {
  WebSocketConversation& c = conversation;
  if (c.problem_) return;
  switch (control.opcode) {
    case protocol::WebSocketOpcode::kPing:
      if (control.payload.size() > kMaxPing) {
        c.refuse(
            {"ping_too_long", "a PING of more than 8 bytes: nobody looks at them", control.begin});
      }
      return;
    case protocol::WebSocketOpcode::kPong:
      if (!control.payload.empty() && !c.echoes_a_ping(control.payload)) {
        c.refuse({"unsolicited_pong",
                  "a PONG whose bytes echo no PING of the server: nobody looks "
                  "at them",
                  control.begin});
      }
      return;
    case protocol::WebSocketOpcode::kClose:
      c.judge_close(control);
      return;
    case protocol::WebSocketOpcode::kContinuation:
    case protocol::WebSocketOpcode::kText:
    case protocol::WebSocketOpcode::kBinary:
      return;  // no control frames
  }
}

bool WebSocketConversation::echoes_a_ping(std::string_view payload) {
  const auto found = std::find(pings_.begin(), pings_.end(), payload);
  if (found == pings_.end()) return false;
  pings_.erase(pings_.begin(), found + 1);  // it answers those before it too
  return true;
}

void WebSocketConversation::judge_close(const protocol::WebSocketControl& close) {
  if (call_ != nullptr) {
    refuse(
        {"close_in_message", "a Close frame within a message, whose end is missing", close.begin});
    return;
  }
  if (closed_by_.empty()) closed_by_ = "the agent";
  if (close.payload.size() <= kCloseCode || close.payload == closed_) return;
  Call& call = exchange_.open_message(handshake_, offset_ + close.begin);
  exchange_.feed_call(call, close.payload.substr(kCloseCode));
  exchange_.end_call(call, offset_ + close.end);
  call.request.bytes = call.end - call.begin;
}

// --- What the server sends ---

void WebSocketConversation::Responses::on_message(const protocol::WebSocketMessage& /*message*/) {}

void WebSocketConversation::Responses::on_message_bytes(std::string_view bytes) {
  conversation.handshake_.result.feed(bytes);
}

void WebSocketConversation::Responses::on_message_end(std::uint64_t /*end*/) {
  conversation.handshake_.result.end_part();
  ++conversation.messages_in_;
}

// Of what they carry, the reason of a Close is what programs are told.
void WebSocketConversation::Responses::on_control(const protocol::WebSocketControl& control) {
  if (control.opcode == protocol::WebSocketOpcode::kPing) {
    conversation.pings_.emplace_back(control.payload);
    if (conversation.pings_.size() > kMaxPings) conversation.pings_.pop_front();
  } else if (control.opcode == protocol::WebSocketOpcode::kClose) {
    conversation.closed_ = control.payload;
    if (control.payload.size() > kCloseCode) {
      conversation.handshake_.result.scan_beside(control.payload.substr(kCloseCode));
    }
    if (conversation.closed_by_.empty()) conversation.closed_by_ = "the server";
  }
}

}  // namespace writ::daemon
