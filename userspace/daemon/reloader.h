// Reads the configuration anew on a thread of its own, when it is asked to or when its files have
// changed and been left alone for a moment.
//
//   auto reloader = Reloader::start(settings, [this](Outcome outcome) { … });   // loop thread
//   watch(reloader->fd(), EPOLLIN);                          // readable: reloader->on_ready()
//   reloader->ask();                                         // SIGHUP, `writ reload`
//
// A request while one is being read is served by reading once more behind it, so what is told last
// is never older than the last request.
//
// Owner: the daemon; loop thread only. Destroying it waits for the reading thread.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "daemon/configuration.h"
#include "util/unique_fd.h"

namespace writ::daemon {

class Reloader {
 public:
  struct Outcome {
    std::optional<Configuration> configuration;  // none: `problems` says why
    Diagnostics problems;
  };
  using Then = std::function<void(Outcome)>;  // called by on_ready()

  static Result<std::unique_ptr<Reloader>> start(const Settings& settings, Then then);
  ~Reloader();
  Reloader(const Reloader&) = delete;
  Reloader& operator=(const Reloader&) = delete;

  void ask();
  // Lets go of what was replaced, on the reading thread: who holds 10,000 rules last has
  // milliseconds to do.
  void release(std::shared_ptr<const void> replaced);
  [[nodiscard]] int fd() const { return epoll_.get(); }
  void on_ready();

 private:
  Reloader(const Settings& settings, Then then) : settings_(settings), then_(std::move(then)) {}
  Status watch_files();
  Status watch(int fd);
  bool take_changes();
  void work();
  void read_files();

  const Settings settings_;
  const Then then_;
  UniqueFd epoll_;
  UniqueFd files_;  // inotify
  UniqueFd quiet_;  // timerfd: how long the files have been left alone
  UniqueFd done_;   // eventfd
  std::mutex mutex_;
  std::condition_variable changed_;
  bool wanted_ = false;
  bool stopping_ = false;
  std::optional<Outcome> outcome_;
  std::vector<std::shared_ptr<const void>> replaced_;
  std::thread thread_;
};

}  // namespace writ::daemon
