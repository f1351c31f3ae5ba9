// An exchange is the HTTP conversation on one channel: its calls in order, each with its arguments
// and its result.
//
// It parses, and feeds what it reads to the calls' contents; it decides nothing. Memory: one Call
// for each request without an answer (as many as the parser allows to be pipelined).
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string_view>

#include "audit/key.h"
#include "daemon/call.h"
#include "daemon/session.h"
#include "flow/channel.h"
#include "kernel/hands.h"
#include "protocol/http1.h"
#include "scan/scanner.h"

namespace writ::daemon {

class Exchange : public flow::ChannelState {
 public:
  // Channel and scanner must outlive it. `message_max`: what a coded body may decode to.
  Exchange(flow::Channel& channel, scan::Scanner& scanner, const audit::Key& key,
           std::uint64_t message_max);
  ~Exchange() override = default;

  // What the agent sent, and received. Never fails: what cannot be read ends as a call with a
  // problem.
  void feed_out(std::string_view bytes);
  void feed_in(std::string_view bytes);
  // The connection ended: a result that lasts until then is complete.
  void close();

  flow::Channel& channel;
  std::deque<std::unique_ptr<Call>> calls;  // oldest first
  bool dead = false;     // a call was denied: nothing more is judged, nothing more may leave
  bool refused = false;  // dead, and the refusal lies in the agent's receive queue
  bool tunnel = false;   // HTTP has ended here by CONNECT or Upgrade
  bool tunnel_judged = false;
  bool keep_bodies = false;  // of requests, as far as arguments are read
  bool blind = false;        // results cannot be read any more
  std::uint64_t released = 0;
  std::optional<kernel::BufferBefore> widened;  // how the send buffer was
  std::uint64_t room = 0;                       // bytes that the widened buffer holds
  std::uint64_t stalled_at = 0;     // channel.out when the arriving call was last looked at
  std::uint64_t stalled_since = 0;  // CLOCK_MONOTONIC

  // The call whose bytes are arriving, or nullptr.
  [[nodiscard]] Call* arriving();
  // A call for bytes that are none: it takes the problem.
  Call& problem_call(protocol::Problem problem);
  // False: the head of a request has begun that is no call yet, or a call arrives.
  [[nodiscard]] bool between_requests() const { return requests_.at_message_boundary(); }
  // True when no byte of an answer has been read that belongs to a call still open.
  [[nodiscard]] bool between_results() const { return responses_.at_message_boundary(); }
  // The oldest call has its whole result.
  [[nodiscard]] bool front_answered() const { return answered_ > 0; }
  void pop_front();

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

  scan::Scanner& scanner_;
  audit::DigestStream digests_;  // what each content's is a copy of
  std::uint64_t message_max_;
  std::uint64_t offset_;  // of the channel where this exchange began
  protocol::RequestParser requests_;
  protocol::ResponseParser responses_;
  Requests request_sink_{*this};
  Responses response_sink_{*this};
  std::size_t answered_ = 0;  // calls at the front that have their result
};

}  // namespace writ::daemon
