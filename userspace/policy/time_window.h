// A part of the week: "mon to fri, 08:00 to 18:00, at +01:00".
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace writ::policy {

// Offsets are fixed: no host's time zone files and no summer time can change what a policy means.
struct TimeWindow {
  std::uint8_t days = 0x7f;  // bit 0: Monday. The days on which the window begins
  int from = 0;              // minutes of the day
  int to = 24 * 60;          // not part of it; smaller than or equal to `from`: of the next day
  int offset = 0;            // minutes east of UTC

  [[nodiscard]] bool contains(std::chrono::system_clock::time_point now) const;
  friend bool operator==(const TimeWindow&, const TimeWindow&) = default;
};

// "08:30" or "24:00" as minutes.
std::optional<int> parse_clock(std::string_view text);
// "UTC", "Z" or "+02:00" as minutes.
std::optional<int> parse_offset(std::string_view text);
// "mon", "mon-fri", "sat-mon" as bits of TimeWindow::days.
std::optional<std::uint8_t> parse_days(std::string_view text);

}  // namespace writ::policy
