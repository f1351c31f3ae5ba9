// Points in time as people type and read them. All output is UTC.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "util/result.h"

namespace writ::cli {

// "90s", "10m", "2h", "3d" before `now`, or RFC 3339 ("2026-01-02T03:04:05Z", with a fraction, an
// offset instead of Z, a space instead of T), as nanoseconds since 1970. kInvalid otherwise, and
// for times before 1970 or after 2262.
Result<std::uint64_t> parse_since(std::string_view text, std::uint64_t now_unix_ns);

// "90s", "10m", "2h", "3d"; not zero.
Result<std::uint64_t> parse_duration_ms(std::string_view text);

// "2026-01-02T03:04:05.678Z".
std::string time_text(std::uint64_t unix_ns);

// "850 ns", "98 µs", "12.4 ms", "3.2 s", "5m 12s", "2h 3m", "4d 1h".
std::string duration_text(std::uint64_t ns);

std::uint64_t now_unix_ns();

}  // namespace writ::cli
