#include "daemon/loop_queue.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <utility>

namespace writ::daemon {

std::optional<identity::TokenResponse> LoopQueue::ask(Question question,
                                                      std::chrono::milliseconds timeout) {
  const auto slot = std::make_shared<Slot>();
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return std::nullopt;
    items_.push_back({std::move(question), slot});
    waiting_.push_back(slot);
  }
  // It cannot fail but by a counter that is full, and then the loop has been woken.
  (void)::eventfd_write(wakeup_.get(), 1);
  std::optional<identity::TokenResponse> response;
  {
    std::unique_lock lock(slot->mutex);
    slot->changed.wait_for(lock, timeout, [&] { return slot->response || slot->closed; });
    response = std::move(slot->response);
    slot->closed = true;
  }
  const std::lock_guard lock(mutex_);
  waiting_.remove(slot);
  items_.remove_if([&](const Item& item) { return item.slot == slot; });
  return response;
}

void LoopQueue::run() {
  eventfd_t ignored = 0;
  (void)::eventfd_read(wakeup_.get(), &ignored);  // nothing to read is fine
  std::list<Item> items;
  {
    const std::lock_guard lock(mutex_);
    items.swap(items_);
  }
  for (Item& item : items) {
    item.question([slot = std::move(item.slot)](identity::TokenResponse response) {
      const std::lock_guard lock(slot->mutex);
      if (slot->closed || slot->response) return;
      slot->response = std::move(response);
      slot->changed.notify_one();
    });
  }
}

void LoopQueue::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  for (const auto& slot : waiting_) {
    const std::lock_guard inner(slot->mutex);
    slot->closed = true;
    slot->changed.notify_one();
  }
}

}  // namespace writ::daemon
