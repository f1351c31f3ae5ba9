// The WebSocket conversation on a channel: each message of the agent becomes a call of the
// exchange, and what the server says is the result of the call that the handshake was.
//
// Of control frames, which belong to no message, only such may leave as could say nothing: an echo
// of what the server sent, a PING of up to 8 bytes, an empty PONG, a Close without a reason. The
// reason of a Close is a message too; all else is a Problem:
//   ping_too_long unsolicited_pong close_in_message
//
// Owner: the exchange, which must outlive it; loop thread only.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "daemon/call.h"
#include "protocol/websocket.h"

namespace writ::daemon {

class Exchange;

// Of a message as a call: host, path and query are the handshake's.
inline constexpr const char* kMessageProtocol = "websocket";
inline constexpr const char* kMessageMethod = "MESSAGE";

class WebSocketConversation {
 public:
  // `offset`: of the channel, where the agent's frames begin. `message_max`: what a message may
  // decompress to. The handshake must stay until close().
  WebSocketConversation(Exchange& exchange, Call& handshake, const protocol::WebSocketTerms& terms,
                        std::uint64_t offset, std::uint64_t message_max);

  // What cannot be read ends as a call with a problem.
  void feed_out(std::string_view bytes);
  // False: what the server says cannot be read any more.
  [[nodiscard]] bool feed_in(std::string_view bytes);
  // A part of what came is not known.
  void lose_in() { lost_in_ = true; }
  // Nothing more is read: the handshake has its result.
  void close();

  [[nodiscard]] Call& handshake() { return handshake_; }
  // True once for all that came since it was last asked.
  [[nodiscard]] bool take_news();
  // Up to here the channel's bytes belong to whole messages, or to control frames that may leave.
  [[nodiscard]] std::uint64_t boundary() const {
    return problem_ ? refused_from_ : offset_ + requests_.boundary();
  }
  // As far as was read, a control frame of the server may stand here.
  [[nodiscard]] bool between_frames() const {
    return !lost_in_ && responses_.at_frame_boundary() && !responses_.closed();
  }

 private:
  // Both sinks have the same functions, so they are two objects.
  struct Requests : protocol::WebSocketSink {
    explicit Requests(WebSocketConversation& c) : conversation(c) {}
    void on_message(const protocol::WebSocketMessage& message) override;
    void on_message_bytes(std::string_view bytes) override;
    void on_message_end(std::uint64_t end) override;
    void on_control(const protocol::WebSocketControl& control) override;
    WebSocketConversation& conversation;
  };
  struct Responses : protocol::WebSocketSink {
    explicit Responses(WebSocketConversation& c) : conversation(c) {}
    void on_message(const protocol::WebSocketMessage& message) override;
    void on_message_bytes(std::string_view bytes) override;
    void on_message_end(std::uint64_t end) override;
    void on_control(const protocol::WebSocketControl& control) override;
    WebSocketConversation& conversation;
  };

  void judge_close(const protocol::WebSocketControl& close);
  [[nodiscard]] bool echoes_a_ping(std::string_view payload);
  void refuse(protocol::Problem problem);
  [[nodiscard]] std::string summary() const;

  Exchange& exchange_;
  Call& handshake_;
  std::uint64_t offset_;
  protocol::WebSocketReader requests_;
  protocol::WebSocketReader responses_;
  Requests request_sink_{*this};
  Responses response_sink_{*this};
  Call* call_ = nullptr;  // whose message arrives
  bool problem_ = false;  // of the agent's: nothing of it is read any more
  std::uint64_t refused_from_ = 0;
  bool lost_in_ = false;
  bool news_ = false;
  std::deque<std::string> pings_;  // that came and were not answered, oldest first
  std::string closed_;             // the payload of the server's Close
  std::string_view closed_by_;     // whose Close came first
  std::uint64_t messages_out_ = 0;
  std::uint64_t messages_in_ = 0;
};

}  // namespace writ::daemon
