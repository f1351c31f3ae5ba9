// Questions from threads that may wait to a loop that may not.
//
//   worker:  auto answer = queue.ask([&](LoopQueue::Answer answer) { … answer("text"); }, 10s);
//   loop:    watch(queue.fd()); readable: queue.run();
//
// As many questions wait as there are threads that ask, so it bounds itself.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>

#include "identity/token_exchange.h"
#include "util/unique_fd.h"

namespace writ::daemon {

class LoopQueue {
 public:
  using Answer = std::function<void(identity::TokenResponse)>;
  // Runs on the loop's thread. Answers once, inside or later; an answer that comes too late, or
  // after the queue is gone, is dropped.
  using Question = std::function<void(Answer)>;

  explicit LoopQueue(UniqueFd wakeup) : wakeup_(std::move(wakeup)) {}

  // Any thread but the loop's. nullopt: there was no answer in time, or the queue is closed.
  std::optional<identity::TokenResponse> ask(Question question, std::chrono::milliseconds timeout);

  // Loop thread: takes what waits and runs it.
  void run();
  // Everyone who waits or asks from now on gets nullopt.
  void close();
  [[nodiscard]] int fd() const { return wakeup_.get(); }  // an eventfd

 private:
  // What one ask() waits for. Outlives both sides.
  struct Slot {
    std::mutex mutex;
    std::condition_variable changed;
    std::optional<identity::TokenResponse> response;
    bool closed = false;
  };
  struct Item {
    Question question;
    std::shared_ptr<Slot> slot;
  };

  const UniqueFd wakeup_;
  std::mutex mutex_;
  std::list<Item> items_;                     // not yet taken by the loop
  std::list<std::shared_ptr<Slot>> waiting_;  // all that ask() waits for
  bool closed_ = false;
};

}  // namespace writ::daemon
