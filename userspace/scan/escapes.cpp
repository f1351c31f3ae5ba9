#include "scan/escapes.h"

#include <algorithm>

#include "scan/chars.h"

namespace writ::scan {
namespace {

constexpr std::size_t kPercentLength = 3;

// Whether more bytes could make an escape of `text`, all of which is there so far.
bool may_become_escape(std::string_view text) {
  const bool unicode = text[0] == '\\';
  if (text.size() >= (unicode ? kMaxEscape : kPercentLength)) return false;
  if (unicode && text.size() > 1 && text[1] != 'u') return false;
  const std::string_view digits = text.substr(std::min<std::size_t>(unicode ? 2 : 1, text.size()));
  return std::all_of(digits.begin(), digits.end(), [](char c) { return hex_value(c) >= 0; });
}

Escape encode(unsigned code) {
  const auto byte = [](unsigned value) { return static_cast<char>(value); };
  Escape e{.length = kMaxEscape};
  if (code < 0x80) {
    e.decoded = 1;
    e.bytes = {byte(code)};
  } else if (code < 0x800) {
    e.decoded = 2;
    e.bytes = {byte(0xc0 | code >> 6), byte(0x80 | (code & 0x3f))};
  } else {  // halves of a surrogate pair stay halves; no rule looks for what they make together
    e.decoded = 3;
    e.bytes = {byte(0xe0 | code >> 12), byte(0x80 | (code >> 6 & 0x3f)),
               byte(0x80 | (code & 0x3f))};
  }
  return e;
}

}  // namespace

std::optional<Escape> escape_at(std::string_view text) {
  const bool unicode = text.size() >= kMaxEscape && text[0] == '\\' && text[1] == 'u';
  const bool percent = text.size() >= kPercentLength && text[0] == '%';
  if (!unicode && !percent) return std::nullopt;
  unsigned code = 0;
  for (std::size_t i = unicode ? 2 : 1; i < (unicode ? kMaxEscape : kPercentLength); ++i) {
    const int digit = hex_value(text[i]);
    if (digit < 0) return std::nullopt;
    code = code << 4 | static_cast<unsigned>(digit);
  }
  if (unicode) return encode(code);
  return Escape{.length = kPercentLength, .decoded = 1, .bytes = {static_cast<char>(code)}};
}

bool touches_escape(std::string_view text, std::size_t begin, std::size_t end) {
  for (std::size_t i = begin > kMaxEscape ? begin - kMaxEscape : 0; i < end; ++i) {
    const auto escape = escape_at(text.substr(i));
    if (escape && i + escape->length > begin) return true;
  }
  return false;
}

std::size_t EscapeCursor::find(std::size_t from, std::string_view mark) const {
  for (std::size_t at = from; at < text_.size(); ++at) {
    at = std::min(text_.find(mark, at), text_.size());
    if (at == text_.size()) break;
    if (escape_at(text_.substr(at)) || may_become_escape(text_.substr(at))) return at;
  }
  // A backslash alone at the end has no 'u' to be found by.
  if (mark.size() > 1 && text_.size() > from && text_.back() == mark[0]) return text_.size() - 1;
  return text_.size();
}

std::size_t EscapeCursor::next(std::size_t from) {
  if (!started_ || percent_ < from) percent_ = find(from, "%");
  if (!started_ || backslash_ < from) backslash_ = find(from, "\\u");
  started_ = true;
  return std::min(percent_, backslash_);
}

void EscapeMap::add(std::uint64_t decoded_at, std::uint64_t raw_at, const Escape& escape) {
  entries_.push_back({decoded_at, raw_at, escape.decoded, escape.length});
}

void EscapeMap::forget_before(std::uint64_t decoded) {
  const Entry* first = before(decoded);
  if (first != nullptr) entries_.erase(entries_.begin(), entries_.begin() + (first - &entries_[0]));
}

const EscapeMap::Entry* EscapeMap::before(std::uint64_t decoded) const {
  const auto after =
      std::upper_bound(entries_.begin(), entries_.end(), decoded,
                       [](std::uint64_t at, const Entry& e) { return at < e.decoded_at; });
  return after == entries_.begin() ? nullptr : &*(after - 1);
}

std::uint64_t EscapeMap::raw(std::uint64_t decoded) const {
  const Entry* entry = before(decoded);
  if (entry == nullptr) return decoded;  // before the first escape both count alike
  const std::uint64_t into = decoded - entry->decoded_at;
  if (into < entry->decoded) return entry->raw_at;
  return entry->raw_at + entry->length + (into - entry->decoded);
}

bool EscapeMap::touches(std::uint64_t begin, std::uint64_t end) const {
  if (begin >= end) return false;
  const Entry* entry = before(end - 1);
  return entry != nullptr && entry->decoded_at + entry->decoded > begin;
}

}  // namespace writ::scan
