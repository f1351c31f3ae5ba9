#include "budget/limits.h"

#include <algorithm>

namespace writ::budget {
namespace {

constexpr std::chrono::seconds kMinute{60};

double seconds(std::chrono::steady_clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

Status LimitBook::open_writ(const std::string& writ, std::string_view parent,
                            const std::string& user, const WritLimits& limits, TimePoint now,
                            std::uint64_t used) {
  const std::lock_guard lock(mutex_);
  now = advance(now);
  drop_idle_users();
  if (writs_.contains(writ)) return fail(ErrorCode::kInvalid, "writ '{}' is open already", writ);
  Writ* above = nullptr;
  if (!parent.empty()) {
    const auto found = writs_.find(parent);
    if (found == writs_.end() || !found->second.open)
      return fail(ErrorCode::kInvalid, "writ '{}' is not open", parent);
    above = &found->second;
    ++above->children;
  }
  User& owner = users_[user];
  owner.id = user;
  owner.minute.limit = limits.user_calls_per_minute;
  if (!owner.minute.limit) owner.minute.committed.clear();
  ++owner.writs;
  writs_[writ] = Writ{.id = writ,
                      .parent = above,
                      .user = &owner,
                      .limits = limits,
                      .started = now,
                      .minute = {.limit = limits.calls_per_minute, .committed = {}},
                      .committed = used};
  return {};
}

void LimitBook::close_writ(std::string_view writ, TimePoint now) {
  const std::lock_guard lock(mutex_);
  advance(now);
  const auto found = writs_.find(writ);
  if (found == writs_.end() || !found->second.open) return;
  Writ& closed = found->second;
  for (auto entry = reserved_.begin(); entry != reserved_.end();) {
    const auto next = std::next(entry);
    if (entry->writ == &closed) drop_reservation(entry);
    entry = next;
  }
  for (auto entry = remembered_.begin(); entry != remembered_.end();) {
    const auto next = std::next(entry);
    if (entry->writ == &closed) forget(remembered_, entry);
    entry = next;
  }
  closed.open = false;
  --closed.user->writs;
  drop_ended(&closed);
  drop_idle_users();
}

// Closed writs go when nothing is below them any more.
void LimitBook::drop_ended(Writ* writ) {
  while (writ != nullptr && !writ->open && writ->children == 0) {
    Writ* above = writ->parent;
    if (above != nullptr) --above->children;
    writs_.erase(writs_.find(writ->id));
    writ = above;
  }
}

std::optional<Refusal> LimitBook::reserve(std::string_view writ, std::string_view call,
                                          TimePoint now) {
  const std::lock_guard lock(mutex_);
  now = advance(now);
  const auto found = writs_.find(writ);
  if (found == writs_.end() || !found->second.open)
    return Refusal{"no_writ", fmt::format("writ '{}' is not open", writ)};
  Writ& owner = found->second;
  if (const auto known = entries_.find(call); known != entries_.end()) {
    if (known->second->writ == &owner) return std::nullopt;
    return Refusal{"no_writ", fmt::format("call '{}' belongs to another writ", call)};
  }
  if (auto refusal = refuse(owner, now)) return refusal;
  reserved_.push_back({.call = std::string(call), .writ = &owner, .at = now});
  entries_.emplace(reserved_.back().call, std::prev(reserved_.end()));
  for (Writ* one = &owner; one != nullptr; one = one->parent) ++one->reserved;
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
  for (Writ* one = entry->writ; one != nullptr; one = one->parent) {
    --one->reserved;
    ++one->committed;
    if (one->minute.limit) one->minute.committed.push_back(now);
  }
  User& user = *entry->writ->user;
  --user.reserved;
  if (user.minute.limit) user.minute.committed.push_back(now);
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

bool LimitBook::limited(std::string_view writ) const {
  const std::lock_guard lock(mutex_);
  const auto found = writs_.find(writ);
  if (found == writs_.end() || found->second.user->minute.limit) return true;
  for (const Writ* one = &found->second; one != nullptr; one = one->parent) {
    const WritLimits& limits = one->limits;
    if (limits.max_tool_calls || limits.max_duration || limits.calls_per_minute) return true;
  }
  return false;
}

std::optional<LimitBook::Usage> LimitBook::usage(std::string_view writ, TimePoint now) {
  const std::lock_guard lock(mutex_);
  advance(now);
  const auto found = writs_.find(writ);
  if (found == writs_.end() || !found->second.open) return std::nullopt;
  return Usage{.committed = found->second.committed, .reserved = found->second.reserved};
}

LimitBook::Size LimitBook::size() const {
  const std::lock_guard lock(mutex_);
  Size size{.writs = writs_.size(),
            .users = users_.size(),
            .reservations = reserved_.size(),
            .remembered = remembered_.size()};
  for (const auto& [id, user] : users_) size.instants += user.minute.committed.size();
  for (const auto& [id, writ] : writs_) size.instants += writ.minute.committed.size();
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
  for (Writ* one = entry->writ; one != nullptr; one = one->parent) --one->reserved;
  --entry->writ->user->reserved;
  forget(reserved_, entry);
}

void LimitBook::drop_idle_users() {
  for (auto user = users_.begin(); user != users_.end();) {
    user->second.minute.slide(latest_);
    // A closed writ that waits for its children still names its user, and so do they.
    const bool idle = user->second.writs == 0 && user->second.minute.committed.empty();
    user = idle ? users_.erase(user) : std::next(user);
  }
}

void LimitBook::Window::slide(TimePoint now) {
  while (!committed.empty() && now - committed.front() >= kMinute) committed.pop_front();
}

std::optional<Refusal> LimitBook::refuse(Writ& writ, TimePoint now) const {
  for (Writ* one = &writ; one != nullptr; one = one->parent) {
    const std::string whose =
        one == &writ ? "the writ has" : fmt::format("writ {}, which it comes from, has", one->id);
    const WritLimits& limits = one->limits;
    if (limits.max_duration && now - one->started >= *limits.max_duration) {
      return Refusal{"limit_duration",
                     fmt::format("{} run for {:.1f} s, its max_duration is {:.1f} s", whose,
                                 seconds(now - one->started), seconds(*limits.max_duration))};
    }
    if (const std::uint64_t used = one->committed + one->reserved;
        limits.max_tool_calls && used >= *limits.max_tool_calls) {
      return Refusal{"limit_tool_calls", fmt::format("{} used {} of its max_tool_calls of {}",
                                                     whose, used, *limits.max_tool_calls)};
    }
    one->minute.slide(now);
    if (const std::uint64_t used = one->minute.committed.size() + one->reserved;
        one->minute.limit && used >= *one->minute.limit) {
      return Refusal{"limit_calls_per_minute", fmt::format("{} used {} of its {} calls_per_minute",
                                                           whose, used, *one->minute.limit)};
    }
  }
  User& user = *writ.user;
  user.minute.slide(now);
  if (const std::uint64_t used = user.minute.committed.size() + user.reserved;
      user.minute.limit && used >= *user.minute.limit) {
    std::string message =
        fmt::format("{} has used {} of {} calls_per_minute, over all agents and sessions", user.id,
                    used, *user.minute.limit);
    if (!user.minute.committed.empty()) {
      message += fmt::format("; the oldest is a minute old in {:.1f} s",
                             seconds(user.minute.committed.front() + kMinute - now));
    }
    return Refusal{"limit_calls_per_minute", std::move(message)};
  }
  return std::nullopt;
}

}  // namespace writ::budget
