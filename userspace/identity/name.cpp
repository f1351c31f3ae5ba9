#include "identity/name.h"

#include <algorithm>
#include <array>
#include <optional>

namespace writ::identity {
namespace {

constexpr std::size_t kMaxLength = 128;

bool plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// The code point that begins at text[at], with `at` moved behind it; nullopt: not UTF-8 (RFC 3629).
std::optional<char32_t> next_code_point(std::string_view text, std::size_t& at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(at++);
  if (first < 0x80) return first;
  const std::size_t more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
  constexpr std::array<char32_t, 4> kLeast{0, 0x80, 0x800, 0x10000};
  if (first < 0xc2 || first > 0xf4 || text.size() - at < more) return std::nullopt;
  char32_t code = first & (0x3fu >> more);
  for (std::size_t i = 0; i < more; ++i) {
    const unsigned char next = byte(at++);
    if ((next & 0xc0u) != 0x80) return std::nullopt;
    code = code << 6 | (next & 0x3fu);
  }
  if (code < kLeast[more] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
    return std::nullopt;
  return code;
}

bool deceives(char32_t code) {
  return code < 0x20 ||
         (code >= 0x7f && code < 0xa0) ||  // C0, DEL, C1
                                           // Zero width space, directional marks; not the joiners,
                                           // which scripts and emoji need.
         code == 0x200b || code == 0x200e || code == 0x200f ||
         (code >= 0x2028 && code <= 0x202e) ||  // line separators, directional overrides
         (code >= 0x2060 && code <= 0x206f) || code == 0x061c || code == 0xfeff ||
         (code >= 0xfff9 && code <= 0xfffb) || (code >= 0xe0000 && code <= 0xe007f);  // tags
}

}  // namespace

bool valid_text(std::string_view text, std::size_t max) {
  if (text.size() > max) return false;
  for (std::size_t at = 0; at < text.size();) {
    const auto code = next_code_point(text, at);
    if (!code || deceives(*code)) return false;
  }
  return true;
}

bool valid_name(std::string_view name) {
  return !name.empty() && name.size() <= kMaxLength && plain(name.front()) &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return plain(c) || c == '.' || c == '@' || c == ':' || c == '-';
         });
}

}  // namespace writ::identity
