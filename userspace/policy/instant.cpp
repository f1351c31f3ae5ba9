#include "policy/instant.h"

#include <chrono>

namespace writ::policy {
namespace {

// Takes text apart from its front.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  std::optional<int> digits(std::size_t count, int min, int max) {
    if (rest_.size() < count) return std::nullopt;
    int value = 0;
    for (const char c : rest_.substr(0, count)) {
      if (c < '0' || c > '9') return std::nullopt;
      value = value * 10 + (c - '0');
    }
    rest_.remove_prefix(count);
    if (value < min || value > max) return std::nullopt;
    return value;
  }
  bool one_of(std::string_view characters) {
    if (rest_.empty() || characters.find(rest_.front()) == std::string_view::npos) return false;
    last_ = rest_.front();
    rest_.remove_prefix(1);
    return true;
  }
  // The character that one_of() took.
  [[nodiscard]] char last() const { return last_; }
  [[nodiscard]] bool at_end() const { return rest_.empty(); }
  [[nodiscard]] bool at_digit() const {
    return !rest_.empty() && rest_.front() >= '0' && rest_.front() <= '9';
  }

 private:
  std::string_view rest_;
  char last_ = 0;
};

std::optional<std::int64_t> read_date(Reader& in) {
  const auto year = in.digits(4, 0, 9999);
  if (!year || !in.one_of("-")) return std::nullopt;
  const auto month = in.digits(2, 1, 12);
  if (!month || !in.one_of("-")) return std::nullopt;
  const auto day = in.digits(2, 1, 31);
  if (!day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date).time_since_epoch().count() * std::int64_t{86'400};
}

// Seconds of the day; a leap second (60) is the first of the next minute.
std::optional<std::int64_t> read_clock(Reader& in) {
  const auto hour = in.digits(2, 0, 23);
  if (!hour || !in.one_of(":")) return std::nullopt;
  const auto minute = in.digits(2, 0, 59);
  if (!minute || !in.one_of(":")) return std::nullopt;
  const auto second = in.digits(2, 0, 60);
  if (!second) return std::nullopt;
  return std::int64_t{3600} * *hour + std::int64_t{60} * *minute + *second;
}

std::optional<std::uint32_t> read_fraction(Reader& in) {
  if (!in.one_of(".")) return 0;
  if (!in.at_digit()) return std::nullopt;
  std::uint32_t nanos = 0;
  for (std::uint32_t unit = 100'000'000; in.at_digit(); unit /= 10)
    nanos += static_cast<std::uint32_t>(*in.digits(1, 0, 9)) * unit;
  return nanos;
}

std::optional<std::int64_t> read_offset(Reader& in) {
  if (in.one_of("Zz")) return 0;
  if (!in.one_of("+-")) return std::nullopt;
  const int sign = in.last() == '-' ? -1 : 1;
  const auto hours = in.digits(2, 0, 23);
  if (!hours || !in.one_of(":")) return std::nullopt;
  const auto minutes = in.digits(2, 0, 59);
  if (!minutes) return std::nullopt;
  return sign * (std::int64_t{3600} * *hours + std::int64_t{60} * *minutes);
}

}  // namespace

std::optional<Instant> parse_instant(std::string_view text) {
  constexpr std::size_t kMaxText = 64;
  if (text.size() > kMaxText) return std::nullopt;
  Reader in(text);
  const auto date = read_date(in);
  if (!date) return std::nullopt;
  if (in.at_end()) return Instant{.date_only = true, .seconds = *date};
  if (!in.one_of("Tt ")) return std::nullopt;
  const auto clock = read_clock(in);
  if (!clock) return std::nullopt;
  const auto nanos = read_fraction(in);
  if (!nanos) return std::nullopt;
  const auto offset = read_offset(in);
  if (!offset || !in.at_end()) return std::nullopt;
  return Instant{.seconds = *date + *clock - *offset, .nanos = *nanos};
}

std::optional<std::strong_ordering> compare(const Instant& a, const Instant& b) {
  if (a.date_only != b.date_only) return std::nullopt;
  if (const auto seconds = a.seconds <=> b.seconds; seconds != std::strong_ordering::equal)
    return seconds;
  return a.nanos <=> b.nanos;
}

}  // namespace writ::policy
