#include <algorithm>
#include <array>

#include "scan/chars.h"
#include "scan/readers.h"

namespace writ::scan {
namespace {

constexpr bool is_separator(char c) { return c == ' ' || c == '+' || c == '-'; }

struct Country {
  char code[3];
  std::size_t length;
};

// ISO 13616 registry, release 99 (sorted by code).
constexpr std::array kCountries = {
    Country{"AD", 24}, Country{"AE", 23}, Country{"AL", 28}, Country{"AT", 20}, Country{"AZ", 28},
    Country{"BA", 20}, Country{"BE", 16}, Country{"BG", 22}, Country{"BH", 22}, Country{"BI", 27},
    Country{"BR", 29}, Country{"BY", 28}, Country{"CH", 21}, Country{"CR", 22}, Country{"CY", 28},
    Country{"CZ", 24}, Country{"DE", 22}, Country{"DJ", 27}, Country{"DK", 18}, Country{"DO", 28},
    Country{"EE", 20}, Country{"EG", 29}, Country{"ES", 24}, Country{"FI", 18}, Country{"FK", 18},
    Country{"FO", 18}, Country{"FR", 27}, Country{"GB", 22}, Country{"GE", 22}, Country{"GI", 23},
    Country{"GL", 18}, Country{"GR", 27}, Country{"GT", 28}, Country{"HN", 28}, Country{"HR", 21},
    Country{"HU", 28}, Country{"IE", 22}, Country{"IL", 23}, Country{"IQ", 23}, Country{"IS", 26},
    Country{"IT", 27}, Country{"JO", 30}, Country{"KW", 30}, Country{"KZ", 20}, Country{"LB", 28},
    Country{"LC", 32}, Country{"LI", 21}, Country{"LT", 20}, Country{"LU", 20}, Country{"LV", 21},
    Country{"LY", 25}, Country{"MC", 27}, Country{"MD", 24}, Country{"ME", 22}, Country{"MK", 19},
    Country{"MN", 20}, Country{"MR", 27}, Country{"MT", 31}, Country{"MU", 30}, Country{"NI", 28},
    Country{"NL", 18}, Country{"NO", 15}, Country{"OM", 23}, Country{"PK", 24}, Country{"PL", 28},
    Country{"PS", 29}, Country{"PT", 25}, Country{"QA", 29}, Country{"RO", 24}, Country{"RS", 22},
    Country{"RU", 33}, Country{"SA", 24}, Country{"SC", 31}, Country{"SD", 18}, Country{"SE", 24},
    Country{"SI", 19}, Country{"SK", 24}, Country{"SM", 27}, Country{"SO", 23}, Country{"ST", 25},
    Country{"SV", 28}, Country{"TL", 23}, Country{"TN", 24}, Country{"TR", 26}, Country{"UA", 29},
    Country{"VA", 22}, Country{"VG", 24}, Country{"XK", 20}, Country{"YE", 30}};
constexpr std::size_t kMaxIban = 34;

std::size_t iban_length(std::string_view code) {
  const auto* found =
      std::lower_bound(kCountries.begin(), kCountries.end(), code,
                       [](const Country& c, std::string_view key) { return c.code < key; });
  return found != kCountries.end() && found->code == code ? found->length : 0;
}

// ISO 7064 mod 97-10 over the number with its first four characters moved to the end.
bool mod97(std::string_view iban) {
  unsigned rest = 0;
  for (std::size_t i = 0; i < iban.size(); ++i) {
    const char c = iban[(i + 4) % iban.size()];
    rest = is_digit(c) ? rest * 10 + static_cast<unsigned>(c - '0')
                       : rest * 100 + static_cast<unsigned>(c - 'A' + 10);
    rest %= 97;
  }
  return rest == 1;
}

std::optional<Span> iban_at(std::string_view window, std::size_t begin) {
  if (begin + 5 > window.size()) return std::nullopt;
  const std::size_t length = iban_length(window.substr(begin, 2));
  if (length == 0) return std::nullopt;
  std::array<char, kMaxIban> text{};
  const char separator = is_separator(window[begin + 4]) ? window[begin + 4] : '\0';
  std::size_t at = begin;
  for (std::size_t i = 0; i < length; ++i) {
    if (separator != '\0' && i > 0 && i % 4 == 0) {
      if (at >= window.size() || window[at] != separator) return std::nullopt;
      ++at;
    }
    if (at >= window.size()) return std::nullopt;
    const char c = window[at++];
    if (!is_digit(c) && !is_upper(c)) return std::nullopt;
    text[i] = c;
  }
  const Span span{begin, at};
  if (!mod97({text.data(), length}) || !starts_clean(window, begin) || !ends_clean(window, at))
    return std::nullopt;
  return span;
}

}  // namespace

// The trigger is two letters, two digits, perhaps a separator, and four more characters.
std::optional<Span> read_iban(std::string_view window, std::size_t trigger_end) {
  for (const std::size_t width : {8u, 9u}) {
    if (trigger_end < width) continue;
    if (auto span = iban_at(window, trigger_end - width)) return span;
  }
  return std::nullopt;
}

}  // namespace writ::scan
