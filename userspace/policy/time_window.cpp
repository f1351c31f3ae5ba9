#include "policy/time_window.h"

#include <algorithm>
#include <array>
#include <string>

namespace writ::policy {
namespace {

constexpr int kDay = 24 * 60;
constexpr std::array<std::string_view, 7> kDays = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

std::optional<std::size_t> day_of(std::string_view text) {
  const auto* const found = std::find(kDays.begin(), kDays.end(), text);
  if (found == kDays.end()) return std::nullopt;
  return static_cast<std::size_t>(found - kDays.begin());
}

std::optional<int> two_digits(std::string_view text, int max) {
  if (text.size() != 2 || text[0] < '0' || text[0] > '9' || text[1] < '0' || text[1] > '9')
    return std::nullopt;
  const int value = (text[0] - '0') * 10 + (text[1] - '0');
  if (value > max) return std::nullopt;
  return value;
}

std::optional<int> hours_and_minutes(std::string_view text, int max_hours) {
  if (text.size() != 5 || text[2] != ':') return std::nullopt;
  const auto hours = two_digits(text.substr(0, 2), max_hours);
  const auto minutes = two_digits(text.substr(3), 59);
  if (!hours || !minutes) return std::nullopt;
  return *hours * 60 + *minutes;
}

}  // namespace

bool TimeWindow::contains(std::chrono::system_clock::time_point now) const {
  const auto local = std::chrono::floor<std::chrono::minutes>(now) + std::chrono::minutes(offset);
  const auto midnight = std::chrono::floor<std::chrono::days>(local);
  const auto minute = (local - midnight).count();
  // iso_encoding: Monday is 1.
  const unsigned today = std::chrono::weekday(midnight).iso_encoding() - 1;
  const auto begins = [&](unsigned day) { return (days >> (day % 7) & 1) != 0; };
  if (from < to) return begins(today) && minute >= from && minute < to;
  return (begins(today) && minute >= from) || (begins(today + 6) && minute < to);
}

std::optional<int> parse_clock(std::string_view text) {
  const auto minutes = hours_and_minutes(text, 24);
  if (!minutes || *minutes > kDay) return std::nullopt;
  return minutes;
}

std::optional<int> parse_offset(std::string_view text) {
  if (text == "UTC" || text == "Z") return 0;
  if (text.empty() || (text.front() != '+' && text.front() != '-')) return std::nullopt;
  const auto minutes = hours_and_minutes(text.substr(1), 14);
  if (!minutes || *minutes > 14 * 60) return std::nullopt;
  return text.front() == '-' ? -*minutes : *minutes;
}

std::optional<std::uint8_t> parse_days(std::string_view text) {
  const std::size_t dash = text.find('-');
  const auto first = day_of(text.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : day_of(text.substr(dash + 1));
  if (!first || !last) return std::nullopt;
  unsigned days = 0;
  for (std::size_t day = *first;; day = (day + 1) % 7) {
    days |= 1u << day;
    if (day == *last) break;
  }
  return static_cast<std::uint8_t>(days);
}

}  // namespace writ::policy
