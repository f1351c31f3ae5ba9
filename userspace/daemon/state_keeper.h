// Makes what the book of writs has changed durable, on a thread of its own: nothing that is held
// waits for a disk.
//
//   keeper.keep(book.take_changes().changes, [](Status kept) { answer(kept); });
//   watch(keeper.fd(), EPOLLIN);             // readable: keeper.on_ready() calls what is due
//
// What could not be written is tried again with the next changes, and every second.
//
// Owner: the daemon. All functions belong to its loop thread; destroying it waits for the disk.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "identity/writ_change.h"
#include "util/unique_fd.h"

namespace writ::daemon {

class StateKeeper {
 public:
  using Then = std::function<void(Status)>;

  // `prune_every`: how often the sink is pruned, at the next change that it takes.
  static Result<std::unique_ptr<StateKeeper>> start(
      std::unique_ptr<identity::ChangeSink> sink,
      std::chrono::steady_clock::duration prune_every = std::chrono::hours(1));
  ~StateKeeper();
  StateKeeper(const StateKeeper&) = delete;
  StateKeeper& operator=(const StateKeeper&) = delete;

  // `then` is told once, by on_ready(), whether the changes are durable. An error says that they
  // are not yet. May be empty.
  void keep(std::vector<identity::Change> changes, Then then);

  [[nodiscard]] int fd() const { return done_.get(); }
  void on_ready();

  // Changes that the disk has not taken; for status.
  [[nodiscard]] std::size_t unsaved() const;

 private:
  StateKeeper(std::unique_ptr<identity::ChangeSink> sink,
              std::chrono::steady_clock::duration prune_every)
      : sink_(std::move(sink)), prune_every_(prune_every) {}
  void work();

  const std::unique_ptr<identity::ChangeSink> sink_;
  const std::chrono::steady_clock::duration prune_every_;
  UniqueFd done_;  // eventfd
  mutable std::mutex mutex_;
  std::condition_variable wanted_;
  std::vector<identity::Change> changes_;
  std::vector<Then> waiting_;
  struct Finished {
    std::vector<Then> then;
    Status status;
  };
  std::vector<Finished> finished_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace writ::daemon
