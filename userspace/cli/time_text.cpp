#include "cli/time_text.h"

#include <charconv>
#include <chrono>
#include <ctime>
#include <limits>
#include <optional>

namespace writ::cli {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kMinute = 60 * kSecond;
constexpr std::uint64_t kHour = 60 * kMinute;
constexpr std::uint64_t kDay = 24 * kHour;
constexpr std::uint64_t kLatest = static_cast<std::uint64_t>(INT64_MAX);

// Reads `digits` decimal digits off the front of `text`.
std::optional<int> take_number(std::string_view& text, std::size_t digits) {
  if (text.size() < digits) return std::nullopt;
  int value = 0;
  for (const char c : text.substr(0, digits)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  text.remove_prefix(digits);
  return value;
}

bool take(std::string_view& text, std::string_view any_of) {
  if (text.empty() || any_of.find(text.front()) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

// The fraction behind a second, in nanoseconds; digits beyond the ninth are cut.
std::optional<std::int64_t> take_fraction(std::string_view& text) {
  if (!take(text, ".")) return 0;
  std::int64_t value = 0;
  std::int64_t scale = static_cast<std::int64_t>(kSecond);
  bool any = false;
  while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
    scale /= 10;
    value += scale * (text.front() - '0');
    text.remove_prefix(1);
    any = true;
  }
  return any ? std::optional(value) : std::nullopt;
}

// Seconds east of UTC.
std::optional<int> take_offset(std::string_view& text) {
  if (take(text, "Zz")) return 0;
  const bool west = !text.empty() && text.front() == '-';
  if (!take(text, "+-")) return std::nullopt;
  const auto hours = take_number(text, 2);
  if (!hours || !take(text, ":")) return std::nullopt;
  const auto minutes = take_number(text, 2);
  if (!minutes || *hours > 23 || *minutes > 59) return std::nullopt;
  const int seconds = *hours * 3600 + *minutes * 60;
  return west ? -seconds : seconds;
}

std::optional<std::uint64_t> parse_rfc3339(std::string_view text) {
  const auto year = take_number(text, 4);
  if (!year || !take(text, "-")) return std::nullopt;
  const auto month = take_number(text, 2);
  if (!month || !take(text, "-")) return std::nullopt;
  const auto day = take_number(text, 2);
  if (!day || !take(text, "Tt ")) return std::nullopt;
  const auto hour = take_number(text, 2);
  if (!hour || !take(text, ":")) return std::nullopt;
  const auto minute = take_number(text, 2);
  if (!minute || !take(text, ":")) return std::nullopt;
  const auto second = take_number(text, 2);
  if (!second || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  const auto fraction = take_fraction(text);
  if (!fraction) return std::nullopt;
  const auto offset = take_offset(text);
  if (!offset || !text.empty()) return std::nullopt;

  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  const std::int64_t seconds = std::chrono::sys_days(date).time_since_epoch().count() * 86400LL +
                               *hour * 3600LL + *minute * 60LL + *second - *offset;
  if (seconds < 0 || static_cast<std::uint64_t>(seconds) >= kLatest / kSecond) return std::nullopt;
  return static_cast<std::uint64_t>(seconds) * kSecond + static_cast<std::uint64_t>(*fraction);
}

std::optional<std::uint64_t> parse_ago(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  const std::uint64_t factor = unit == "s"   ? kSecond
                               : unit == "m" ? kMinute
                               : unit == "h" ? kHour
                               : unit == "d" ? kDay
                                             : 0;
  if (code != std::errc() || factor == 0 || number > kLatest / factor) return std::nullopt;
  return number * factor;
}

}  // namespace

Result<std::uint64_t> parse_since(std::string_view text, std::uint64_t now_unix_ns) {
  if (const auto ago = parse_ago(text)) return *ago < now_unix_ns ? now_unix_ns - *ago : 0;
  if (const auto at = parse_rfc3339(text)) return *at;
  return fail(ErrorCode::kInvalid,
              "'{}' is not a time (write 90s, 10m, 2h, 3d, or 2026-01-02T03:04:05Z)", text);
}

Result<std::uint64_t> parse_duration_ms(std::string_view text) {
  const auto ns = parse_ago(text);
  if (ns && *ns > 0) return *ns / 1'000'000;
  return fail(ErrorCode::kInvalid, "'{}' is not a duration (write 90s, 10m, 2h, 3d)", text);
}

std::string time_text(std::uint64_t unix_ns) {
  const auto seconds = static_cast<std::time_t>(unix_ns / kSecond);
  std::tm parts{};
  if (::gmtime_r(&seconds, &parts) == nullptr) return fmt::format("{} ns", unix_ns);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900,
                     parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                     unix_ns % kSecond / 1'000'000);
}

std::string duration_text(std::uint64_t ns) {
  if (ns < 1000) return fmt::format("{} ns", ns);
  if (ns < 1'000'000) return fmt::format("{} µs", ns / 1000);
  if (ns < kSecond) return fmt::format("{:.1f} ms", static_cast<double>(ns) / 1e6);
  if (ns < kMinute) return fmt::format("{:.1f} s", static_cast<double>(ns) / 1e9);
  if (ns < kHour) return fmt::format("{}m {}s", ns / kMinute, ns % kMinute / kSecond);
  if (ns < kDay) return fmt::format("{}h {}m", ns / kHour, ns % kHour / kMinute);
  return fmt::format("{}d {}h", ns / kDay, ns % kDay / kHour);
}

std::uint64_t now_unix_ns() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
}

}  // namespace writ::cli
