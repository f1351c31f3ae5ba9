// Asks the decision point, for an event loop that never waits.
//
//   auto client = PdpClient::open(config);
//   watch((*client)->fd(), EPOLLIN);            // readable: (*client)->on_ready()
//   (*client)->ask(flow, input, [=](PdpAnswer answer) { … });
//   (*client)->forget(flow);                    // the flow is gone: its callbacks are dropped
//
// What holds for every ask():
//   - one answer, at the latest `timeout` after it, whatever the decision point does; the timer is
//     part of fd(), so there is no tick;
//   - the answers of a flow come in the order of its asks. They are asked for at the same time, so
//     a slow one keeps those behind it in its flow waiting, and no other flow;
//   - a flow has at most a quarter of the places (at least one), and flows take turns, so that one
//     flow does not use up what all share;
//   - no error allows anything, unless on_error says so.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>

#include "pdp/answer.h"
#include "pdp/config.h"
#include "pdp/document.h"
#include "pdp/http_post.h"
#include "util/result.h"

namespace writ::pdp {

// One thread.
class PdpClient {
 public:
  // Called once, inside on_ready() and never inside ask(). It may call ask() and forget(), and must
  // not destroy the client or call on_ready().
  using Callback = std::function<void(PdpAnswer)>;

  // Of requests that wait for a place; more are answered with pdp_overloaded.
  static constexpr std::size_t kMaxWaiting = 1024;
  static constexpr std::size_t kMaxWaitingOfFlow = 64;
  static constexpr std::size_t kMaxWaitingBytes = 16u << 20;

  static Result<std::unique_ptr<PdpClient>> open(PdpConfig config);
  // Callbacks that still wait are dropped, not called.
  ~PdpClient();
  PdpClient(const PdpClient&) = delete;
  PdpClient& operator=(const PdpClient&) = delete;

  // Writes the document and sends it, or queues it. The views of `input` are not kept.
  void ask(std::uint64_t flow, const PdpInput& input, Callback done);
  // Ends what the flow has asked.
  void forget(std::uint64_t flow);

  [[nodiscard]] int fd() const { return post_->fd(); }
  // Call when fd() is readable; without a result it does nothing.
  void on_ready();

  // For `writ status` and `writ doctor`.
  struct State {
    std::uint64_t asked = 0;
    std::uint64_t connections = 0;               // made since the start
    std::map<std::string, std::uint64_t> codes;  // answers given, by PdpAnswer::code
    std::size_t under_way = 0;
    std::size_t waiting = 0;
    std::string last_error;  // the reason of the last answer that was none; empty: the last was one
  };
  [[nodiscard]] State state() const;
  [[nodiscard]] const PdpConfig& config() const { return config_; }

 private:
  using Time = HttpPost::Time;
  struct Request;
  struct Flow;

  PdpClient(PdpConfig config, std::unique_ptr<HttpPost> post);
  void queue(Request& request, Flow& flow);
  void take_turn(std::uint64_t id, Flow& flow);
  void send_waiting();
  void take_outcomes();
  void expire();
  void settle(Request& request, PdpAnswer answer);
  void settle_error(Request& request, const char* code, std::string reason);
  void leave(Request& request, Flow& flow);
  void deliver();
  void arm();
  PdpAnswer read(HttpPost::Done& done) const;

  const PdpConfig config_;
  const std::size_t most_of_flow_;
  std::unique_ptr<HttpPost> post_;

  std::uint64_t next_id_ = 1;
  std::unordered_map<std::uint64_t, std::unique_ptr<Request>> requests_;  // by id
  std::unordered_map<std::uint64_t, std::unique_ptr<Flow>> flows_;
  std::set<std::uint64_t> open_;       // ids without an answer: the first has the earliest deadline
  std::deque<std::uint64_t> turns_;    // flows that have something to send and a place for it
  std::deque<std::uint64_t> settled_;  // flows whose first request may have an answer
  std::size_t waiting_ = 0;
  std::size_t waiting_bytes_ = 0;

  std::uint64_t asked_ = 0;
  std::map<std::string, std::uint64_t> codes_;
  std::string last_error_;
};

}  // namespace writ::pdp
