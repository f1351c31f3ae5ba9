#include "pdp/text.h"

#include <cstdint>

namespace writ::pdp {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

struct Character {
  char32_t code = 0;
  std::size_t bytes = 0;  // 0: the first byte is part of no character
};

bool continues(std::string_view text, std::size_t at) {
  return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80;
}

// The first character of `text`, which is not empty (RFC 3629 section 4).
Character first_character(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  if (lead < 0x80) return {lead, 1};
  const std::size_t bytes = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4) return {};
  char32_t code = lead & (0xffu >> (bytes + 1));
  for (std::size_t i = 1; i < bytes; ++i) {
    if (!continues(text, i)) return {};
    code = code << 6 | (static_cast<unsigned char>(text[i]) & 0x3fu);
  }
  const bool overlong = (bytes == 3 && code < 0x800) || (bytes == 4 && code < 0x10000);
  if (overlong || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return {};
  return {code, bytes};
}

struct Range {
  char32_t first;
  char32_t last;
};

// What has no look of its own, or changes that of others.
constexpr Range kHidden[] = {
    {0x0000, 0x001f},    // C0 controls
    {0x007f, 0x009f},    // DEL, C1 controls
    {0x00ad, 0x00ad},    // soft hyphen
    {0x061c, 0x061c},    // Arabic letter mark
    {0x180e, 0x180e},    // Mongolian vowel separator
    {0x200b, 0x200f},    // zero width, directional marks
    {0x2028, 0x202e},    // line and paragraph separators, embeddings, overrides
    {0x2060, 0x206f},    // invisible operators, isolates
    {0xfeff, 0xfeff},    // byte order mark
    {0xfff9, 0xfffb},    // interlinear annotation
    {0xe0000, 0xe0fff},  // tags, further variation selectors
};

bool hidden(char32_t code) {
  for (const Range& range : kHidden) {
    if (code >= range.first && code <= range.last) return true;
  }
  return false;
}

}  // namespace

std::string valid_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t bytes = first_character(text).bytes;
    out += bytes == 0 ? kReplacement : text.substr(0, bytes);
    text.remove_prefix(bytes == 0 ? 1 : bytes);
  }
  return out;
}

std::string showable(std::string_view text, std::size_t max_bytes) {
  constexpr std::string_view kCut = "…";
  std::string out;
  std::size_t cut_at = 0;  // where "…" still fits
  while (!text.empty()) {
    const Character character = first_character(text);
    const std::size_t bytes = character.bytes == 0 ? 1 : character.bytes;
    const std::string_view shown = character.bytes == 0     ? kReplacement
                                   : hidden(character.code) ? "?"
                                                            : text.substr(0, bytes);
    if (out.size() + shown.size() > max_bytes) {
      out.resize(cut_at);
      return out += kCut;
    }
    out += shown;
    if (out.size() + kCut.size() <= max_bytes) cut_at = out.size();
    text.remove_prefix(bytes);
  }
  return out;
}

}  // namespace writ::pdp
