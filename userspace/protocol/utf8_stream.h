// Whether a text that comes in pieces is UTF-8 (RFC 3629), wherever its characters are cut.
//
//   Utf8Stream utf8;
//   if (!utf8.feed(piece) ... || !utf8.finish()) ...
#pragma once

#include <cstddef>
#include <string_view>

namespace writ::protocol {

class Utf8Stream {
 public:
  // False: it is none. How the text is cut does not change at which piece's bytes that shows, but
  // for a character that is cut itself.
  [[nodiscard]] bool feed(std::string_view piece);
  // The text ended: false within a character. Ready for the next text.
  [[nodiscard]] bool finish();

 private:
  // The beginning of a character whose rest is still to come.
  char cut_[3] = {};
  std::size_t have_ = 0;
};

}  // namespace writ::protocol
