#include "budget/limits.h"

#include <algorithm>

namespace writ::budget {
namespace {

constexpr std::chrono::seconds kMinute{60};

double seconds(std::chrono::steady_clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

Status LimitBook::open_session(const std::string& session, const std::string& user,
                               const SessionLimits& limits, TimePoint now) {
  const std::lock_guard lock(mutex_);
  now = advance(now);
  drop_idle_users();
  if (sessions_.contains(session))
    return fail(ErrorCode::kInvalid, "session '{}' is open already", session);
  User& owner = users_[user];
  owner.id = user;
  owner.calls_per_minute = limits.calls_per_minute;
  if (!owner.calls_per_minute) owner.committed.clear();
  ++owner.sessions;
  sessions_[session] = Session{.user = &owner, .limits = limits, .started = now};
  return {};
}

void LimitBook::close_session(std::string_view session, TimePoint now) {
  const std::lock_guard lock(mutex_);
  advance(now);
  const auto found = sessions_.find(session);
  if (found == sessions_.end()) return;
  Session& closed = found->second;
  for (auto entry = reserved_.begin(); entry != reserved_.end();) {
    const auto next = std::next(entry);
    if (entry->session == &closed) drop_reservation(entry);
    entry = next;
  }
  for (auto entry = remembered_.begin(); entry != remembered_.end();) {
    const auto next = std::next(entry);
    if (entry->session == &closed) forget(remembered_, entry);
    entry = next;
  }
  --closed.user->sessions;
  sessions_.erase(found);
  drop_idle_users();
}

std::optional<Refusal> LimitBook::reserve(std::string_view session, std::string_view call,
                                          TimePoint now) {
  const std::lock_guard lock(mutex_);
  now = advance(now);
  const auto found = sessions_.find(session);
  if (found == sessions_.end())
    return Refusal{"no_session", fmt::format("session '{}' is not open", session)};
  Session& owner = found->second;
  if (const auto known = entries_.find(call); known != entries_.end()) {
    if (known->second->session == &owner) return std::nullopt;
    return Refusal{"no_session", fmt::format("call '{}' belongs to another session", call)};
  }
  if (auto refusal = refuse(owner, now)) return refusal;
  reserved_.push_back({.call = std::string(call), .session = &owner, .at = now});
  entries_.emplace(reserved_.back().call, std::prev(reserved_.end()));
  ++owner.reserved;
  ++owner.user->reserved;
  return std::nullopt;
}

bool LimitBook::commit(std::string_view call, TimePoint now) {
  const std::lock_guard lock(mutex_);
  now = advance(now);
  const auto found = entries_.find(call);
  if (found == entries_.end()) return false;
  const Entries::iterator entry = found->second;
  if (entry->committed) return true;
  Session& owner = *entry->session;
  --owner.reserved;
  ++owner.committed;
  --owner.user->reserved;
  if (owner.user->calls_per_minute) owner.user->committed.push_back(now);
  entry->committed = true;
  entry->at = now;
  remembered_.splice(remembered_.end(), reserved_, entry);
  if (remembered_.size() > kMaxRemembered) forget(remembered_, remembered_.begin());
  return true;
}

void LimitBook::release(std::string_view call, TimePoint now) {
  const std::lock_guard lock(mutex_);
  advance(now);
  const auto found = entries_.find(call);
  if (found == entries_.end() || found->second->committed) return;
  drop_reservation(found->second);
}

std::optional<LimitBook::Usage> LimitBook::usage(std::string_view session, TimePoint now) {
  const std::lock_guard lock(mutex_);
  advance(now);
  const auto found = sessions_.find(session);
  if (found == sessions_.end()) return std::nullopt;
  return Usage{.committed = found->second.committed, .reserved = found->second.reserved};
}

LimitBook::Size LimitBook::size() const {
  const std::lock_guard lock(mutex_);
  Size size{.sessions = sessions_.size(),
            .users = users_.size(),
            .reservations = reserved_.size(),
            .remembered = remembered_.size()};
  for (const auto& [id, user] : users_) size.instants += user.committed.size();
  return size;
}

// Moves the book's clock on and drops what has run out by then.
TimePoint LimitBook::advance(TimePoint now) {
  latest_ = std::max(latest_, now);
  while (!reserved_.empty() && latest_ - reserved_.front().at >= reservation_ttl_)
    drop_reservation(reserved_.begin());
  while (!remembered_.empty() && latest_ - remembered_.front().at >= reservation_ttl_)
    forget(remembered_, remembered_.begin());
  return latest_;
}

void LimitBook::forget(Entries& list, Entries::iterator entry) {
  entries_.erase(entry->call);
  list.erase(entry);
}

void LimitBook::drop_reservation(Entries::iterator entry) {
  --entry->session->reserved;
  --entry->session->user->reserved;
  forget(reserved_, entry);
}

void LimitBook::drop_idle_users() {
  for (auto user = users_.begin(); user != users_.end();) {
    slide(user->second, latest_);
    const bool idle = user->second.sessions == 0 && user->second.committed.empty();
    user = idle ? users_.erase(user) : std::next(user);
  }
}

void LimitBook::slide(User& user, TimePoint now) {
  while (!user.committed.empty() && now - user.committed.front() >= kMinute)
    user.committed.pop_front();
}

std::optional<Refusal> LimitBook::refuse(Session& session, TimePoint now) const {
  const SessionLimits& limits = session.limits;
  if (limits.max_duration && now - session.started >= *limits.max_duration) {
    return Refusal{"limit_duration",
                   fmt::format("the session has run for {:.1f} s, its max_duration is {:.1f} s",
                               seconds(now - session.started), seconds(*limits.max_duration))};
  }
  if (const std::uint64_t used = session.committed + session.reserved;
      limits.max_tool_calls && used >= *limits.max_tool_calls) {
    return Refusal{"limit_tool_calls",
                   fmt::format("the session has used {} of its max_tool_calls of {}", used,
                               *limits.max_tool_calls)};
  }
  User& user = *session.user;
  slide(user, now);
  if (const std::uint64_t used = user.committed.size() + user.reserved;
      user.calls_per_minute && used >= *user.calls_per_minute) {
    std::string message =
        fmt::format("{} has used {} of {} calls_per_minute, over all agents and sessions", user.id,
                    used, *user.calls_per_minute);
    if (!user.committed.empty()) {
      message += fmt::format("; the oldest is a minute old in {:.1f} s",
                             seconds(user.committed.front() + kMinute - now));
    }
    return Refusal{"limit_calls_per_minute", std::move(message)};
  }
  return std::nullopt;
}

}  // namespace writ::budget
