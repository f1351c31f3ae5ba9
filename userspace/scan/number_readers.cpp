#include <algorithm>
#include <array>

#include "scan/chars.h"
#include "scan/readers.h"

namespace writ::scan {
namespace {

constexpr std::size_t kMaxDigits = 19;

constexpr bool groups_digits(char c) { return c == ' ' || c == '+' || c == '-'; }

bool luhn(std::string_view digits) {
  int sum = 0;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    int value = digits[digits.size() - 1 - i] - '0';
    if (i % 2 == 1) value = value * 2 > 9 ? value * 2 - 9 : value * 2;
    sum += value;
  }
  return sum % 10 == 0;
}

int leading(std::string_view digits, std::size_t count) {
  int value = 0;
  for (std::size_t i = 0; i < count; ++i) value = value * 10 + (digits[i] - '0');
  return value;
}

// Number ranges and lengths in use today (ISO/IEC 7812 issuer ranges as the schemes publish them).
// Visa's 13 and 19 digits are left out: next to no card has them, and one random number in ten
// passes Luhn.
bool issued_range(std::string_view digits) {
  const std::size_t size = digits.size();
  if (size < 14 || size > kMaxDigits) return false;
  const int two = leading(digits, 2);
  const int three = leading(digits, 3);
  const int four = leading(digits, 4);
  if (size == 14) return (three >= 300 && three <= 305) || two == 36 || two == 38 || two == 39;
  if (size == 15) return two == 34 || two == 37;
  if (size > 16) return two == 62;
  return digits[0] == '4' || (two >= 51 && two <= 55) || (four >= 2221 && four <= 2720) ||
         four == 6011 || (three >= 644 && three <= 649) || two == 65 || two == 62 ||
         (four >= 3528 && four <= 3589);
}

std::size_t digits_at(std::string_view window, std::size_t at) {
  std::size_t end = at;
  while (end < window.size() && end - at <= kMaxDigits && is_digit(window[end])) ++end;
  return end - at;
}

// A piece of a decimal number, or of a longer word.
bool stands_alone(std::string_view window, Span span) {
  if (!starts_clean(window, span.begin) || !ends_clean(window, span.end)) return false;
  const auto at = [&](std::size_t i) { return i < window.size() ? window[i] : '\0'; };
  if (span.begin >= 2 && window[span.begin - 1] == '.' && is_digit(window[span.begin - 2]))
    return false;
  return at(span.end) != '.' || !is_digit(at(span.end + 1));
}

// "GB82 4111 1111 1111 1111": groups that belong to an IBAN are no card.
bool continues_iban(std::string_view window, std::size_t begin) {
  std::size_t at = begin;
  for (int group = 0; group < 8 && at >= 5 && window[at - 1] == window[begin - 1]; ++group) {
    const std::string_view four = window.substr(at - 5, 4);
    if (!std::all_of(four.begin(), four.end(), is_alnum)) return false;
    if (is_upper(four[0]) && is_upper(four[1]) && is_digit(four[2]) && is_digit(four[3]))
      return true;
    at -= 5;
  }
  return false;
}

std::optional<Span> grouped_card(std::string_view window, std::size_t begin) {
  std::array<char, kMaxDigits + 1> digits{};
  std::size_t count = 0;
  std::array<std::size_t, 5> sizes{};
  std::size_t groups = 0;
  std::size_t at = begin;
  const char separator = begin + 4 < window.size() ? window[begin + 4] : '\0';
  if (!groups_digits(separator)) return std::nullopt;
  for (;;) {
    const std::size_t size = digits_at(window, at);
    if (size == 0 || count + size > kMaxDigits || groups == sizes.size()) return std::nullopt;
    std::copy_n(window.begin() + at, size, digits.begin() + count);
    count += size;
    sizes[groups++] = size;
    at += size;
    const bool amex = groups == 3 && sizes[0] == 4 && sizes[1] == 6 && size >= 4 && size <= 5;
    const bool common = groups == 4 && std::count(sizes.begin(), sizes.begin() + 4, 4u) == 4;
    if (amex || common) break;
    if (groups == 4 || at >= window.size() || window[at] != separator) return std::nullopt;
    ++at;
  }
  const std::string_view number(digits.data(), count);
  const Span span{begin, at};
  if (!issued_range(number) || !luhn(number) || !stands_alone(window, span)) return std::nullopt;
  if (begin > 0 && window[begin - 1] == separator && continues_iban(window, begin))
    return std::nullopt;
  return span;
}

}  // namespace

bool starts_clean(std::string_view window, std::size_t at) {
  if (at == 0 || !is_alnum(window[at - 1])) return true;
  constexpr std::string_view kEscapeLetters = "nrtbf";
  return at >= 2 && window[at - 2] == '\\' &&
         kEscapeLetters.find(window[at - 1]) != std::string_view::npos;
}

bool ends_clean(std::string_view window, std::size_t at) {
  return at >= window.size() || !is_alnum(window[at]);
}

// The trigger ends inside the number; its start is the nearest place to the left, over digits and
// single separators, that the trigger can have started at. Two shapes: contiguous, or groups.
std::optional<Span> read_card(std::string_view window, std::size_t trigger_end) {
  std::size_t begin = trigger_end;
  while (begin > 0 && is_digit(window[begin - 1]) && trigger_end - begin <= kMaxDigits) --begin;
  if (trigger_end - begin >= 12) {
    const Span span{begin, begin + digits_at(window, begin)};
    const std::string_view digits = window.substr(span.begin, span.end - span.begin);
    if (!issued_range(digits) || !luhn(digits) || !stands_alone(window, span)) return std::nullopt;
    return span;
  }
  // The trigger covers twelve digits and up to three separators; groups start four digits before
  // the first separator.
  for (std::size_t width = 13; width <= 15; ++width) {
    if (width > trigger_end) break;
    const std::size_t start = trigger_end - width;
    if (start > 0 && is_digit(window[start - 1])) continue;
    if (digits_at(window, start) != 4) continue;
    if (auto span = grouped_card(window, start)) return span;
  }
  return std::nullopt;
}

// The trigger is the whole of ddd-dd-dddd.
std::optional<Span> read_ssn(std::string_view window, std::size_t trigger_end) {
  constexpr std::size_t kWidth = 11;
  if (trigger_end < kWidth) return std::nullopt;
  const Span span{trigger_end - kWidth, trigger_end};
  const std::string_view text = window.substr(span.begin, kWidth);
  for (std::size_t i = 0; i < kWidth; ++i) {
    if ((i == 3 || i == 6) ? text[i] != '-' : !is_digit(text[i])) return std::nullopt;
  }
  const int area = leading(text, 3);
  if (area == 0 || area == 666 || area >= 900) return std::nullopt;
  if (text.substr(4, 2) == "00" || text.substr(7) == "0000") return std::nullopt;
  if (!stands_alone(window, span)) return std::nullopt;
  // Part of a longer number with dashes: 1-123-45-6789, 123-45-6789-0.
  const auto at = [&](std::size_t i) { return i < window.size() ? window[i] : '\0'; };
  if (span.begin >= 2 && window[span.begin - 1] == '-' && is_alnum(window[span.begin - 2]))
    return std::nullopt;
  if (at(span.end) == '-' && is_alnum(at(span.end + 1))) return std::nullopt;
  return span;
}

}  // namespace writ::scan
