// A host that does nothing and remembers everything: what was released, refused and ended, in
// order.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/host.h"
#include "writ/abi.h"

namespace writ::daemon {

class FakeKernel : public Host, public Processes {
 public:
  // The n-th call from now on of the function `name` fails, and has no effect.
  void fail_call(const std::string& name, int nth = 1, ErrorCode code = ErrorCode::kUnavailable) {
    faults_[name].emplace_back(nth, code);
  }
  // Asked before a call takes effect; to look at the world as it is then.
  std::function<void(std::string_view name)> before;

  // What was asked for, a line each, since the last take(): "release 5 to 120", "kick 9",
  // "refuse 9", "refuse 9, end sending", "abort 9", "pass 9", "widen 9 to 5000", "restore 9",
  // "forget 5 of 9", "cover 1", "cover 1 at most every 1000", "forget process 1". A cleartext
  // stream is named "c" and its cookie. Failed calls are followed by "failed".
  std::vector<std::string> take() { return std::exchange(lines_, {}); }
  [[nodiscard]] const std::vector<std::string>& lines() const { return lines_; }
  [[nodiscard]] std::size_t count(std::string_view beginning) const {
    return static_cast<std::size_t>(
        std::count_if(lines_.begin(), lines_.end(),
                      [&](const std::string& line) { return line.starts_with(beginning); }));
  }
  // The answers that agents were refused with.
  std::vector<std::string> answers;

  // What the real one would let leave.
  [[nodiscard]] std::uint64_t released(std::uint64_t stream) const {
    const auto found = released_.find(stream);
    return found == released_.end() ? 0 : found->second;
  }
  [[nodiscard]] bool passes(std::uint64_t cookie) const { return passes_.contains(cookie); }

  Status release(std::uint64_t stream, std::uint64_t offset) override {
    Status done = call("release", fmt::format("release {} to {}", name_of(stream), offset));
    if (done) released_[stream] = offset;
    return done;
  }
  Status pass_all(std::uint64_t cookie) override {
    Status done = call("pass_all", fmt::format("pass {}", cookie));
    if (done) passes_.insert(cookie);
    return done;
  }
  void forget(std::uint64_t stream, std::uint64_t cookie) override {
    (void)call("forget", fmt::format("forget {} of {}", name_of(stream), cookie));
  }
  Status kick(kernel::SocketId& socket) override {
    return call("kick", fmt::format("kick {}", socket.cookie));
  }
  Status refuse(kernel::SocketId& socket, std::string_view answer, bool end_sending) override {
    Status done = call(
        "refuse", fmt::format("refuse {}{}", socket.cookie, end_sending ? ", end sending" : ""));
    if (done) answers.emplace_back(answer);
    return done;
  }
  Status abort(const kernel::SocketId& socket) override {
    return call("abort", fmt::format("abort {}", socket.cookie));
  }
  Result<kernel::BufferBefore> widen(kernel::SocketId& socket, std::uint64_t bytes) override {
    const Status done = call("widen", fmt::format("widen {} to {}", socket.cookie, bytes));
    if (!done) return tl::unexpected(done.error());
    return kernel::BufferBefore{.bytes = kBuffer, .lock = 0};
  }
  Status restore(kernel::SocketId& socket, const kernel::BufferBefore& before_it) override {
    return call("restore", fmt::format("restore {} to {}", socket.cookie, before_it.bytes));
  }
  Status cover_process(std::uint32_t pid, std::chrono::milliseconds at_most_every) override {
    return call("cover_process",
                at_most_every.count() == 0
                    ? fmt::format("cover {}", pid)
                    : fmt::format("cover {} at most every {}", pid, at_most_every.count()));
  }
  void forget_process(std::uint32_t pid) override {
    (void)call("forget_process", fmt::format("forget process {}", pid));
  }

  static constexpr int kBuffer = 87040;  // what a send buffer had before it was widened

 private:
  static std::string name_of(std::uint64_t stream) {
    return (stream & WRIT_STREAM_CLEAR) != 0 ? fmt::format("c{}", stream & ~WRIT_STREAM_CLEAR)
                                             : fmt::format("{}", stream);
  }
  Status call(const std::string& name, std::string line) {
    if (before) before(name);
    lines_.push_back(std::move(line));
    auto& faults = faults_[name];
    Status done;
    for (auto it = faults.begin(); it != faults.end();) {
      if (--it->first > 0) {
        ++it;
        continue;
      }
      done = fail(it->second, "{} fails as the test wants it to", name);
      it = faults.erase(it);
    }
    if (!done) lines_.emplace_back("failed");
    return done;
  }

  std::vector<std::string> lines_;
  std::map<std::string, std::vector<std::pair<int, ErrorCode>>> faults_;
  std::map<std::uint64_t, std::uint64_t> released_;
  std::set<std::uint64_t> passes_;
};

}  // namespace writ::daemon
