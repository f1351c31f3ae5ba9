// An exchange is the HTTP conversation on one channel: its calls in order, each with its arguments
// and its result. HTTP/1.1 is read here, HTTP/2 by Http2Conversation; which of them it is, the
// first bytes say. What a WebSocket handshake leads to is read by WebSocketConversation.
//
// It parses, and feeds what it reads to the calls' contents; it decides nothing. Memory: one Call
// for each request without an answer (as many as the parser allows to be pipelined).
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "audit/key.h"
#include "daemon/call.h"
#include "daemon/session.h"
#include "flow/channel.h"
#include "kernel/hands.h"
#include "protocol/http1.h"
#include "protocol/http2.h"
#include "protocol/websocket_handshake.h"
#include "scan/scanner.h"

namespace writ::daemon {

class Http2Conversation;
class WebSocketConversation;

class Exchange : public flow::ChannelState {
 public:
  // Channel and scanner must outlive it. `message_max`: what a coded body may decode to.
  Exchange(flow::Channel& channel, scan::Scanner& scanner, const audit::Key& key,
           std::uint64_t message_max);
  ~Exchange() override;

  // What the agent sent, and received. Never fails: what cannot be read ends as a call with a
  // problem.
  void feed_out(std::string_view bytes);
  void feed_in(std::string_view bytes);
  // A part of what it received is not known.
  void lose_in();
  // The connection ended: a result that lasts until then is complete.
  void close();

  flow::Channel& channel;
  std::deque<std::unique_ptr<Call>> calls;  // oldest first
  Endpoint peer;                            // once it is known
  bool dead = false;     // a call was denied: nothing more is judged, nothing more may leave
  bool refused = false;  // dead, and the refusal lies in the agent's receive queue
  bool tunnel = false;   // HTTP has ended here by CONNECT or Upgrade, and what follows is not read
  bool tunnel_judged = false;
  bool keep_bodies = false;  // of requests, as far as arguments are read
  bool blind = false;        // results cannot be read any more
  std::uint64_t fed = 0;     // of channel.out: this was handed to feed_out()
  std::uint64_t released = 0;
  std::optional<kernel::BufferBefore> widened;  // how the send buffer was
  std::uint64_t room = 0;                       // bytes that the widened buffer holds
  std::uint64_t stalled_at = 0;     // channel.out when the arriving call was last looked at
  std::uint64_t stalled_since = 0;  // CLOCK_MONOTONIC

  // The call whose bytes are arriving, or nullptr. Of several the oldest without a verdict, else
  // the oldest.
  [[nodiscard]] Call* arriving();
  // A call for bytes that are none: it takes the problem. `of`: the call that it is of; else the
  // one that arrives.
  Call& problem_call(protocol::Problem problem, Call* of = nullptr);
  // False: the head of a request has begun that is no call yet, or a call arrives.
  [[nodiscard]] bool between_requests() const;
  // True when no byte of an answer has been read that belongs to a call still open.
  [[nodiscard]] bool between_results() const { return responses_.at_message_boundary(); }
  // An answer in HTTP/1.1 may be understood.
  [[nodiscard]] bool http1() const {
    return opening_ != protocol::Opening::kHttp2 && opening_ != protocol::Opening::kMidway;
  }
  // The call at `index` is over.
  void erase(std::size_t index);

  // HTTP/2: several calls at once.
  [[nodiscard]] bool multiplexed() const { return http2_ != nullptr; }
  // After a WebSocket handshake; nullptr before.
  [[nodiscard]] WebSocketConversation* websocket() { return websocket_.get(); }
  // Of both: up to here the channel's bytes were read, and belong to no frame that is yet to end.
  [[nodiscard]] std::uint64_t readable() const;
  // Of HTTP/2: how much more body the server takes of the call now.
  [[nodiscard]] std::int64_t window(const Call& call) const;

  // For the protocol that reads the channel: positions are the channel's.
  Call& open_call(const protocol::RequestHead& head, std::uint64_t begin, std::uint64_t end);
  void feed_call(Call& call, std::string_view bytes);
  void end_call(Call& call, std::uint64_t end);
  // A message on the WebSocket connection that `handshake` has opened.
  Call& open_message(const Call& handshake, std::uint64_t begin);
  void open_result(Call& call, const protocol::ResponseHead& head);
  void end_result(Call& call);

 private:
  // Both sinks have the same functions, so they are two objects.
  struct Requests : protocol::RequestSink {
    explicit Requests(Exchange& e) : exchange(e) {}
    void on_head(const protocol::RequestHead& head, std::uint64_t end) override;
    void on_body(std::string_view bytes, std::uint64_t end) override;
    void on_trailers(const protocol::Headers& trailers, std::uint64_t end) override;
    void on_message_end(std::uint64_t end) override;
    void on_tunnel(std::string_view bytes, std::uint64_t end) override;
    Exchange& exchange;
  };
  struct Responses : protocol::ResponseSink {
    explicit Responses(Exchange& e) : exchange(e) {}
    void on_head(const protocol::ResponseHead& head, std::uint64_t end) override;
    void on_body(std::string_view bytes, std::uint64_t end) override;
    void on_trailers(const protocol::Headers& trailers, std::uint64_t end) override;
    void on_message_end(std::uint64_t end) override;
    void on_tunnel(std::string_view bytes, std::uint64_t end) override;
    Exchange& exchange;
  };

  Call* answering();
  bool enter_websocket(Call& handshake);
  void read_out(std::string_view bytes);

  scan::Scanner& scanner_;
  audit::DigestStream digests_;  // what each content's is a copy of
  std::uint64_t message_max_;
  std::uint64_t offset_;  // of the channel where this exchange began
  protocol::RequestParser requests_;
  protocol::ResponseParser responses_;
  Requests request_sink_{*this};
  Responses response_sink_{*this};
  protocol::Opening opening_ = protocol::Opening::kUnknown;
  std::string first_out_;  // until it is known
  std::string first_in_;   // what an HTTP/2 server says before that
  std::unique_ptr<Http2Conversation> http2_;
  std::optional<protocol::WebSocketTerms> websocket_terms_;  // of the 101 that is being read
  std::unique_ptr<WebSocketConversation> websocket_;
};

}  // namespace writ::daemon
