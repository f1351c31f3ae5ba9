// The limit book says whether one more call fits into the limits of its writ, of every writ that
// this one was delegated from, and of its user.
//
//   if (auto refusal = book.reserve(writ, call, now)) deny(refusal->code, refusal->message);
//   ...decide, write the record...
//   allowed:  if (!book.commit(call, now)) deny: the reservation is gone, the call must not go
//   denied:   book.release(call, now)       the call has used nothing
//
// What is reserved counts like what is committed, so that no burst passes between check and use: at
// no moment are more calls committed than a limit says, whatever the number of callers. A call of a
// delegated writ uses the limits of the whole chain, so that a fan-out of workers shares what its
// parent has. Calls per minute are counted exactly: in any 60 seconds at most `calls_per_minute`
// are committed, over all agents and sessions of a user, and over a writ and what is below it. A
// reservation that nobody settles is dropped after `reservation_ttl`.
//
// Every step may be repeated for the same call id without counting twice. A settled call id is
// remembered for `reservation_ttl`, and the newest kMaxRemembered only.
//
// Thread-safe. Time is handed in; an instant before the latest one seen counts as the latest one.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "util/result.h"

namespace writ::budget {

using TimePoint = std::chrono::steady_clock::time_point;

struct WritLimits {
  std::optional<std::uint64_t> max_tool_calls;
  std::optional<std::chrono::milliseconds> max_duration;
  std::optional<std::uint32_t> calls_per_minute;
  // The user's: the newest writ's value is in force for all of the user's writs.
  std::optional<std::uint32_t> user_calls_per_minute;
};

struct Refusal {
  std::string code;     // "limit_tool_calls", "limit_duration", "limit_calls_per_minute", "no_writ"
  std::string message;  // a sentence with the numbers
};

class LimitBook {
 public:
  static constexpr std::size_t kMaxRemembered = 65'536;

  explicit LimitBook(std::chrono::milliseconds reservation_ttl = std::chrono::minutes(10))
      : reservation_ttl_(reservation_ttl) {}

  // `user` is the key that the user's writs share: unique over tenants. `parent` is the writ that
  // it was delegated from, or empty; `used` how many calls were committed under it before (a
  // restart). kInvalid: the writ is open already, or its parent is not.
  Status open_writ(const std::string& writ, std::string_view parent, const std::string& user,
                   const WritLimits& limits, TimePoint now, std::uint64_t used = 0);
  // Drops the writ's reservations. What is below it stays open, and bound by it. The user's last
  // minute stays: a new writ does not start it afresh.
  void close_writ(std::string_view writ, TimePoint now);

  // Nothing: the call is reserved (or was already).
  std::optional<Refusal> reserve(std::string_view writ, std::string_view call, TimePoint now);
  // Whether the call may go: it is counted now, or was already.
  [[nodiscard]] bool commit(std::string_view call, TimePoint now);
  // Gives a reservation back. A committed call stays counted; an unknown one is ignored.
  void release(std::string_view call, TimePoint now);

  // Whether any limit at all is on the writ, those above it, or its user. True of one that is not
  // there.
  [[nodiscard]] bool limited(std::string_view writ) const;

  // Calls of the writ and of all below it.
  struct Usage {
    std::uint64_t committed = 0;
    std::uint64_t reserved = 0;
  };
  // nullopt: no such writ.
  [[nodiscard]] std::optional<Usage> usage(std::string_view writ, TimePoint now);

  // How much the book holds, to show that it is bounded.
  struct Size {
    std::size_t writs = 0;
    std::size_t users = 0;
    std::size_t reservations = 0;
    std::size_t remembered = 0;
    std::size_t instants = 0;  // in the windows of users and writs
  };
  [[nodiscard]] Size size() const;

 private:
  // Commits of the last minute, ascending; empty while there is no limit.
  struct Window {
    std::optional<std::uint32_t> limit;
    std::deque<TimePoint> committed;
    void slide(TimePoint now);
  };
  struct User {
    std::string id;
    Window minute;
    std::uint64_t writs = 0;
    std::uint64_t reserved = 0;
  };
  struct Writ {
    std::string id;
    Writ* parent = nullptr;
    User* user = nullptr;
    WritLimits limits;
    TimePoint started;
    Window minute;
    std::uint64_t committed = 0;
    std::uint64_t reserved = 0;
    std::uint64_t children = 0;
    bool open = true;  // closed ones wait for their children
  };
  struct Entry {
    std::string call;
    Writ* writ = nullptr;
    TimePoint at;
    bool committed = false;
  };
  using Entries = std::list<Entry>;

  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };
  template <class T>
  using Table = std::unordered_map<std::string, T, Hash, std::equal_to<>>;  // values do not move

  TimePoint advance(TimePoint now);
  void forget(Entries& list, Entries::iterator entry);
  void drop_reservation(Entries::iterator entry);
  void drop_idle_users();
  void drop_ended(Writ* writ);
  std::optional<Refusal> refuse(Writ& writ, TimePoint now) const;

  mutable std::mutex mutex_;
  const std::chrono::milliseconds reservation_ttl_;
  TimePoint latest_ = TimePoint::min();
  Table<Writ> writs_;
  Table<User> users_;
  Entries reserved_;    // oldest first
  Entries remembered_;  // committed, oldest first
  // Keys view Entry::call, which does not move.
  std::unordered_map<std::string_view, Entries::iterator> entries_;
};

}  // namespace writ::budget
