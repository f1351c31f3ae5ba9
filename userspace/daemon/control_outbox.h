// Responses on their way from any thread to the loop that owns the connections, bounded for each.
//
//   worker:  outbox.put_wait(id, frame, done, 30s)     loop:  for (item : outbox.take()) send(item)
//                                                             outbox.sent(id, bytes)
//
// A connection has at most one request in flight: begin() opens it, an item with `done` closes it,
// and what comes after that is refused, so that a late answer never goes to the next request.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "util/unique_fd.h"

namespace writ::daemon {

// Counts up from 1 and is never used twice.
using ConnectionId = std::uint64_t;

enum class Posted {
  kQueued,
  kFull,  // the reader is too slow: nothing was queued, and the connection ends
  kGone,  // no such connection, or no request in flight on it
};

class Outbox {
 public:
  struct Item {
    ConnectionId id = 0;
    std::string frame;
    bool done = false;
    bool overflow = false;  // the connection must end; frame is empty
  };

  // `wakeup` becomes readable when take() has something; an eventfd.
  Outbox(UniqueFd wakeup, std::size_t max_bytes_each)
      : wakeup_(std::move(wakeup)), max_bytes_(max_bytes_each) {}

  // Loop thread.
  void open(ConnectionId id);
  void close(ConnectionId id);
  void close_all();
  void begin(ConnectionId id);
  std::vector<Item> take();
  void sent(ConnectionId id, std::size_t bytes);  // `bytes` of taken frames have left
  [[nodiscard]] int wakeup_fd() const { return wakeup_.get(); }

  // Any thread. put() never waits; put_wait() waits for room, at most `timeout`.
  // REQUIRES of put_wait: not the loop thread, which makes the room.
  Posted put(ConnectionId id, std::string frame, bool done);
  Posted put_wait(ConnectionId id, std::string frame, bool done, std::chrono::milliseconds timeout);

 private:
  struct Entry {
    std::size_t bytes = 0;  // queued here or with the loop, not yet sent
    bool in_flight = false;
  };
  bool has_room(const Entry& entry, std::size_t bytes) const;
  Posted queue(Entry& entry, Item item);
  void wake() const;

  const UniqueFd wakeup_;
  const std::size_t max_bytes_;
  std::mutex mutex_;
  std::condition_variable room_;
  std::unordered_map<ConnectionId, Entry> entries_;
  std::vector<Item> items_;
};

}  // namespace writ::daemon
