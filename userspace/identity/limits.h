// How much may be done under a writ. What is absent is not limited.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

namespace writ::identity {

inline constexpr std::chrono::hours kMaxTtl{30 * 24};  // the longest life to be asked for

struct Limits {
  std::optional<std::uint64_t> max_tool_calls;            // allowed calls, in all
  std::optional<std::chrono::milliseconds> max_duration;  // from the start of a session
  std::optional<std::uint32_t> calls_per_minute;          // of this writ, not of its user

  bool operator==(const Limits&) const = default;
};

// The stricter of two; one that is absent does not bind.
template <class T>
std::optional<T> min_limit(const std::optional<T>& a, const std::optional<T>& b) {
  if (!a || !b) return a ? a : b;
  return std::min(*a, *b);
}

inline Limits min(const Limits& a, const Limits& b) {
  return {.max_tool_calls = min_limit(a.max_tool_calls, b.max_tool_calls),
          .max_duration = min_limit(a.max_duration, b.max_duration),
          .calls_per_minute = min_limit(a.calls_per_minute, b.calls_per_minute)};
}

}  // namespace writ::identity
