#include "policy/number_text.h"

#include <algorithm>
#include <charconv>

namespace writ::policy {
namespace {

bool digit(char c) { return c >= '0' && c <= '9'; }

// Takes digits from the front; false: there is none.
bool take_digits(std::string_view& text) {
  const auto* const end = std::find_if_not(text.begin(), text.end(), digit);
  const bool any = end != text.begin();
  text.remove_prefix(static_cast<std::size_t>(end - text.begin()));
  return any;
}

bool is_json_number(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  if (text.size() > 1 && text[0] == '0' && digit(text[1])) return false;
  if (!take_digits(text)) return false;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    if (!take_digits(text)) return false;
  }
  if (text.starts_with('e') || text.starts_with('E')) {
    text.remove_prefix(1);
    if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
    if (!take_digits(text)) return false;
  }
  return text.empty();
}

}  // namespace

std::optional<long double> parse_number(std::string_view text) {
  if (text.size() > 400 || !is_json_number(text)) return std::nullopt;
  // A double as the JSON parser makes one, so that 0.1 is the same number everywhere; an integer
  // exactly.
  if (text.find_first_of(".eE") == std::string_view::npos) {
    long double whole = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), whole);
    if (code != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return whole;
  }
  double number = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (code != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace writ::policy
