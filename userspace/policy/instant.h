// Points in time as arguments and policies write them: RFC 3339 section 5.6.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string_view>

namespace writ::policy {

struct Instant {
  bool date_only = false;    // "2026-01-31"; else "2026-01-31T08:00:00.5+01:00"
  std::int64_t seconds = 0;  // since 1970-01-01T00:00:00Z
  std::uint32_t nanos = 0;

  friend bool operator==(const Instant&, const Instant&) = default;
};

// A full-date or a date-time with its offset; fractions below a nanosecond are cut off. A leap
// second is the second behind it. nullopt: it is neither, or over 64 characters.
std::optional<Instant> parse_instant(std::string_view text);

// nullopt: one is a day and the other a moment, which have no order.
std::optional<std::strong_ordering> compare(const Instant& a, const Instant& b);

}  // namespace writ::policy
