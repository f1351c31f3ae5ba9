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

  static Result<std::unique_ptr<StateKeeper>> start(std::unique_ptr<identity::ChangeSink> sink);
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
  explicit StateKeeper(std::unique_ptr<identity::ChangeSink> sink) : sink_(std::move(sink)) {}
  void work();

  const std::unique_ptr<identity::ChangeSink> sink_;
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
