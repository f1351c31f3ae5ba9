// A client and the loop that a daemon would be.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>

#include <chrono>
#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pdp/client.h"

namespace writ::pdp::test {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Clock = std::chrono::steady_clock;

inline milliseconds since(Clock::time_point start) {
  return std::chrono::duration_cast<milliseconds>(Clock::now() - start);
}

// One call by sarah, as the demo's agent makes it. `user` is a mark to tell requests apart.
inline PdpInput call_of(std::string_view user) {
  return {.user = {.id = user, .tenant = "default"},
          .agent = {.id = "sales-assistant"},
          .tool = {.name = "crm.contact.read", .effect = "read"},
          .request = {.method = "GET", .host = "crm.example.test", .path = "/contacts/1"}};
}

class Loop {
 public:
  explicit Loop(PdpConfig config) {
    auto opened = PdpClient::open(std::move(config));
    if (!opened) std::abort();
    client_ = std::move(*opened);
  }

  PdpClient& client() { return *client_; }

  struct Answered {
    std::string mark;
    PdpAnswer answer;
    milliseconds after{0};
  };
  // In the order in which they came.
  [[nodiscard]] const std::vector<Answered>& answers() const { return answers_; }

  void ask(std::uint64_t flow, const std::string& mark) {
    const auto start = Clock::now();
    client_->ask(flow, call_of(mark), [this, mark, start](PdpAnswer answer) {
      answers_.push_back({mark, std::move(answer), since(start)});
    });
  }

  // Runs the loop as an epoll loop would: nothing is done unless fd() says so. False: `most` went
  // by first.
  bool run(const std::function<bool()>& until, milliseconds most = seconds(20)) {
    const auto start = Clock::now();
    while (!until()) {
      const milliseconds left = most - since(start);
      if (left.count() <= 0) return false;
      pollfd ready{.fd = client_->fd(), .events = POLLIN, .revents = 0};
      if (::poll(&ready, 1, static_cast<int>(left.count())) == 1) client_->on_ready();
    }
    return true;
  }
  bool run_to(std::size_t count, milliseconds most = seconds(20)) {
    return run([this, count] { return answers_.size() >= count; }, most);
  }

  // One question, one answer.
  PdpAnswer get() {
    answers_.clear();
    ask(1, "sarah");
    if (!run_to(1)) ADD_FAILURE() << "there was no answer";
    return answers_.empty() ? PdpAnswer{.verdict = Verdict::kAllow} : answers_.front().answer;
  }

 private:
  std::unique_ptr<PdpClient> client_;
  std::vector<Answered> answers_;
};

}  // namespace writ::pdp::test
