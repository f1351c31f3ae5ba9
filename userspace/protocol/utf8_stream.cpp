#include "protocol/utf8_stream.h"

#include <simdjson.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace writ::protocol {
namespace {

constexpr std::size_t kLongestCharacter = 4;

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

// Bytes of the character that begins with `lead`; of what is no lead 1, which the validator
// refuses.
std::size_t character_length(char lead) {
  const auto byte = static_cast<unsigned char>(lead);
  return byte < 0xc0 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : byte < 0xf8 ? 4 : 1;
}

// How many bytes at the end of `text` begin a character that goes on behind it.
std::size_t cut_at_end(std::string_view text) {
  for (std::size_t back = 1; back < kLongestCharacter && back <= text.size(); ++back) {
    const char c = text[text.size() - back];
    if (!is_continuation(c)) return character_length(c) > back ? back : 0;
  }
  return 0;
}

}  // namespace

bool Utf8Stream::feed(std::string_view piece) {
  while (have_ != 0 && !piece.empty()) {
    const char next = piece.front();
    if (!is_continuation(next)) return false;
    piece.remove_prefix(1);
    if (have_ + 1 < character_length(cut_[0])) {
      cut_[have_++] = next;
      continue;
    }
    char whole[kLongestCharacter];
    std::memcpy(whole, cut_, have_);
    whole[have_] = next;
    if (!simdjson::validate_utf8(whole, std::exchange(have_, 0) + 1)) return false;
  }
  const std::size_t cut = cut_at_end(piece);
  if (cut != 0) {
    std::copy_n(piece.end() - static_cast<std::ptrdiff_t>(cut), cut, cut_);
    have_ = cut;
  }
  return simdjson::validate_utf8(piece.data(), piece.size() - cut);
}

bool Utf8Stream::finish() { return std::exchange(have_, 0) == 0; }

}  // namespace writ::protocol
