#include "identity/base64url.h"

#include <array>
#include <cstdint>

namespace writ::identity {
namespace {

constexpr std::uint8_t kForeign = 0xff;

constexpr std::array<std::uint8_t, 256> make_values() {
  std::array<std::uint8_t, 256> values{};
  for (auto& value : values) value = kForeign;
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    values[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
  }
  return values;
}

constexpr std::array<std::uint8_t, 256> kValues = make_values();

std::uint32_t value_of(char c) { return kValues[static_cast<unsigned char>(c)]; }

}  // namespace

bool decode_base64url(std::string_view text, std::string& out) {
  const std::size_t rest = text.size() % 4;
  if (rest == 1) return false;
  out.resize(text.size() / 4 * 3 + (rest == 0 ? 0 : rest - 1));
  std::size_t to = 0;
  std::size_t from = 0;
  std::uint32_t foreign = 0;  // collects the high bits that only kForeign has
  for (; from + 4 <= text.size(); from += 4) {
    const std::uint32_t a = value_of(text[from]);
    const std::uint32_t b = value_of(text[from + 1]);
    const std::uint32_t c = value_of(text[from + 2]);
    const std::uint32_t d = value_of(text[from + 3]);
    foreign |= a | b | c | d;
    const std::uint32_t bits = a << 18 | b << 12 | c << 6 | d;
    out[to++] = static_cast<char>(bits >> 16 & 0xff);
    out[to++] = static_cast<char>(bits >> 8 & 0xff);
    out[to++] = static_cast<char>(bits & 0xff);
  }
  if (rest != 0) {
    const std::uint32_t a = value_of(text[from]);
    const std::uint32_t b = value_of(text[from + 1]);
    const std::uint32_t c = rest == 3 ? value_of(text[from + 2]) : 0;
    foreign |= a | b | c;
    const std::uint32_t bits = a << 18 | b << 12 | c << 6;
    out[to++] = static_cast<char>(bits >> 16 & 0xff);
    if (rest == 3) out[to++] = static_cast<char>(bits >> 8 & 0xff);
    if ((bits & (rest == 3 ? 0xffu : 0xffffu)) != 0) return false;
  }
  return (foreign & 0xc0) == 0;
}

}  // namespace writ::identity
