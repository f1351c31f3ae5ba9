#include "daemon/control_outbox.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace writ::daemon {

void Outbox::open(ConnectionId id) {
  const std::scoped_lock lock(mutex_);
  entries_[id];
}

void Outbox::close(ConnectionId id) {
  {
    const std::scoped_lock lock(mutex_);
    entries_.erase(id);
    std::erase_if(items_, [id](const Item& item) { return item.id == id; });
  }
  room_.notify_all();
}

void Outbox::close_all() {
  {
    const std::scoped_lock lock(mutex_);
    entries_.clear();
    items_.clear();
  }
  room_.notify_all();
}

void Outbox::begin(ConnectionId id) {
  const std::scoped_lock lock(mutex_);
  if (const auto found = entries_.find(id); found != entries_.end()) found->second.in_flight = true;
}

std::vector<Outbox::Item> Outbox::take() {
  eventfd_t ignored = 0;
  (void)::eventfd_read(wakeup_.get(), &ignored);  // EAGAIN: nobody rang
  const std::scoped_lock lock(mutex_);
  return std::exchange(items_, {});
}

void Outbox::sent(ConnectionId id, std::size_t bytes) {
  {
    const std::scoped_lock lock(mutex_);
    const auto found = entries_.find(id);
    if (found == entries_.end()) return;
    found->second.bytes -= std::min(bytes, found->second.bytes);
  }
  room_.notify_all();
}

bool Outbox::has_room(const Entry& entry, std::size_t bytes) const {
  return entry.bytes + bytes <= max_bytes_;
}

Posted Outbox::queue(Entry& entry, Item item) {
  entry.bytes += item.frame.size();
  if (item.done || item.overflow) entry.in_flight = false;
  const Posted result = item.overflow ? Posted::kFull : Posted::kQueued;
  items_.push_back(std::move(item));
  wake();
  return result;
}

Posted Outbox::put(ConnectionId id, std::string frame, bool done) {
  const std::scoped_lock lock(mutex_);
  const auto found = entries_.find(id);
  if (found == entries_.end() || !found->second.in_flight) return Posted::kGone;
  if (!has_room(found->second, frame.size())) {
    return queue(found->second, {.id = id, .frame = {}, .done = true, .overflow = true});
  }
  return queue(found->second,
               {.id = id, .frame = std::move(frame), .done = done, .overflow = false});
}

Posted Outbox::put_wait(ConnectionId id, std::string frame, bool done,
                        std::chrono::milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  std::unique_lock lock(mutex_);
  for (;;) {
    const auto found = entries_.find(id);  // looked up anew after each wait: it may be gone
    if (found == entries_.end() || !found->second.in_flight) return Posted::kGone;
    if (has_room(found->second, frame.size())) {
      return queue(found->second,
                   {.id = id, .frame = std::move(frame), .done = done, .overflow = false});
    }
    if (std::chrono::steady_clock::now() >= deadline) {
      return queue(found->second, {.id = id, .frame = {}, .done = true, .overflow = true});
    }
    room_.wait_until(lock, deadline);
  }
}

void Outbox::wake() const {
  (void)::eventfd_write(wakeup_.get(), 1);  // EAGAIN: it is readable already
}

}  // namespace writ::daemon
