#include "daemon/state_keeper.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <chrono>
#include <iterator>

namespace writ::daemon {
namespace {

constexpr std::chrono::seconds kTryAgain{1};

}  // namespace

Result<std::unique_ptr<StateKeeper>> StateKeeper::start(
    std::unique_ptr<identity::ChangeSink> sink, std::chrono::steady_clock::duration prune_every) {
  std::unique_ptr<StateKeeper> keeper(new StateKeeper(std::move(sink), prune_every));
  keeper->done_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!keeper->done_) return fail_errno(errno, "make an eventfd");
  keeper->thread_ = std::thread([raw = keeper.get()] { raw->work(); });
  return keeper;
}

StateKeeper::~StateKeeper() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  wanted_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void StateKeeper::keep(std::vector<identity::Change> changes, Then then) {
  const std::scoped_lock lock(mutex_);
  changes_.insert(changes_.end(), std::make_move_iterator(changes.begin()),
                  std::make_move_iterator(changes.end()));
  if (then) waiting_.push_back(std::move(then));
  wanted_.notify_one();
}

void StateKeeper::on_ready() {
  std::uint64_t count = 0;
  (void)!::read(done_.get(), &count, sizeof count);  // only says that there is something
  std::vector<Finished> finished;
  {
    const std::scoped_lock lock(mutex_);
    finished.swap(finished_);
  }
  for (const Finished& one : finished) {
    for (const Then& then : one.then) then(one.status);
  }
}

std::size_t StateKeeper::unsaved() const {
  const std::scoped_lock lock(mutex_);
  return changes_.size();
}

void StateKeeper::work() {
  std::unique_lock lock(mutex_);
  bool failed = false;
  auto pruned = std::chrono::steady_clock::now();  // by who opened the sink
  for (;;) {
    const auto due = [&] {
      return stopping_ || !waiting_.empty() || (!failed && !changes_.empty());
    };
    if (failed) {
      (void)wanted_.wait_for(lock, kTryAgain, due);  // due or not: it is tried again
    } else {
      wanted_.wait(lock, due);
    }
    std::vector<identity::Change> batch;
    batch.swap(changes_);
    Finished finished;
    finished.then.swap(waiting_);
    const bool last = stopping_;
    lock.unlock();
    finished.status = batch.empty() ? Status() : sink_->apply(batch);
    if (finished.status && std::chrono::steady_clock::now() - pruned >= prune_every_) {
      pruned = std::chrono::steady_clock::now();
      // (void): what is not forgotten now is at the next time; a disk that fails shows in apply().
      (void)sink_->prune(std::chrono::system_clock::now());
    }
    lock.lock();
    failed = !finished.status;
    if (failed) {
      batch.insert(batch.end(), std::make_move_iterator(changes_.begin()),
                   std::make_move_iterator(changes_.end()));
      changes_.swap(batch);
    }
    if (!finished.then.empty()) {
      finished_.push_back(std::move(finished));
      const std::uint64_t one = 1;
      (void)!::write(done_.get(), &one, sizeof one);  // full means readable already
    }
    // One last try is made for what came meanwhile, and none for what fails.
    if (last && (failed || changes_.empty())) return;
  }
}

}  // namespace writ::daemon
