// The limit book says whether one more call fits into its session's and its user's limits.
//
//   if (auto refusal = book.reserve(session, call, now)) deny(refusal->code, refusal->message);
//   ...decide, write the record...
//   allowed:  if (!book.commit(call, now)) deny: the reservation is gone, the call must not go
//   denied:   book.release(call, now)       the call has used nothing
//
// What is reserved counts like what is committed, so that no burst passes between check and use: at
// no moment are more calls committed than a limit says, whatever the number of callers. Calls per
// minute are counted exactly: in any 60 seconds at most `calls_per_minute` of a user's calls are
// committed, over all agents and sessions. A reservation that nobody settles is dropped after
// `reservation_ttl`.
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

struct SessionLimits {
  std::optional<std::uint64_t> max_tool_calls;
  std::optional<std::chrono::milliseconds> max_duration;
  // The user's, not the session's: the newest session's value is in force for all of the user's
  // sessions.
  std::optional<std::uint32_t> calls_per_minute;
};

struct Refusal {
  std::string code;  // "limit_tool_calls", "limit_duration", "limit_calls_per_minute", "no_session"
  std::string message;  // a sentence with the numbers
};

class LimitBook {
 public:
  static constexpr std::size_t kMaxRemembered = 65'536;

  explicit LimitBook(std::chrono::milliseconds reservation_ttl = std::chrono::minutes(10))
      : reservation_ttl_(reservation_ttl) {}

  // `user` is the key that the user's sessions share: unique over tenants. kInvalid: the session is
  // open already.
  Status open_session(const std::string& session, const std::string& user,
                      const SessionLimits& limits, TimePoint now);
  // Drops the session's reservations. The user's last minute stays: a new session does not start it
  // afresh.
  void close_session(std::string_view session, TimePoint now);

  // Nothing: the call is reserved (or was already).
  std::optional<Refusal> reserve(std::string_view session, std::string_view call, TimePoint now);
  // Whether the call may go: it is counted now, or was already.
  [[nodiscard]] bool commit(std::string_view call, TimePoint now);
  // Gives a reservation back. A committed call stays counted; an unknown one is ignored.
  void release(std::string_view call, TimePoint now);

  struct Usage {
    std::uint64_t committed = 0;
    std::uint64_t reserved = 0;
  };
  // nullopt: no such session.
  [[nodiscard]] std::optional<Usage> usage(std::string_view session, TimePoint now);

  // How much the book holds, to show that it is bounded.
  struct Size {
    std::size_t sessions = 0;
    std::size_t users = 0;
    std::size_t reservations = 0;
    std::size_t remembered = 0;
    std::size_t instants = 0;  // in the users' windows
  };
  [[nodiscard]] Size size() const;

 private:
  struct User {
    std::string id;
    std::optional<std::uint32_t> calls_per_minute;
    std::uint64_t sessions = 0;
    std::uint64_t reserved = 0;
    std::deque<TimePoint>
        committed;  // of the last minute, ascending; empty while there is no limit
  };
  struct Session {
    User* user = nullptr;
    SessionLimits limits;
    TimePoint started;
    std::uint64_t committed = 0;
    std::uint64_t reserved = 0;
  };
  struct Entry {
    std::string call;
    Session* session = nullptr;
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
  static void slide(User& user, TimePoint now);
  std::optional<Refusal> refuse(Session& session, TimePoint now) const;

  mutable std::mutex mutex_;
  const std::chrono::milliseconds reservation_ttl_;
  TimePoint latest_ = TimePoint::min();
  Table<Session> sessions_;
  Table<User> users_;
  Entries reserved_;    // oldest first
  Entries remembered_;  // committed, oldest first
  // Keys view Entry::call, which does not move.
  std::unordered_map<std::string_view, Entries::iterator> entries_;
};

}  // namespace writ::budget
