// How often something may happen in a minute, by a key that the caller makes ("acme/sarah/pay").
//
//   if (!rates.take(key, 60, now)) deny: 60 have been taken in the last minute
//
// Counted exactly: in any 60 seconds at most `limit` of a key are taken. At most kMaxKeys keys with
// something in the last minute; beyond that nothing is taken.
//
// One thread. Time is handed in, and does not go back.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <string>
#include <unordered_map>

namespace writ::budget {

class RateBook {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  static constexpr std::size_t kMaxKeys = 65'536;

  // False: the limit is reached, or there is no room.
  bool take(const std::string& key, std::uint32_t limit, TimePoint now);

 private:
  using Window = std::deque<TimePoint>;  // ascending
  static void slide(Window& window, TimePoint now);
  void sweep(TimePoint now);

  std::unordered_map<std::string, Window> windows_;
};

}  // namespace writ::budget
