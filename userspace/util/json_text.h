// Text as a JSON string, for the few answers that are too small for a library.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace writ {

// With its quotes, RFC 8259 section 7. Bytes over 127 are kept: `text` is UTF-8.
inline std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  return out + '"';
}

}  // namespace writ
