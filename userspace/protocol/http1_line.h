// Takes CRLF-ended lines out of a stream that comes in pieces of any size.
//
// A line that lies whole in the fed bytes is a view into them; only a line that was cut is gathered
// in a buffer, up to the caller's limit. Bytes that no line may hold are found as they come, before
// the line is complete, so that a stream that is not HTTP is known at its first bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/http1_types.h"

namespace writ::protocol {

// The bytes that were fed and not yet read, and where in the stream they begin.
struct Cursor {
  std::string_view rest;
  std::uint64_t offset = 0;

  std::string_view take(std::size_t count) {
    const std::string_view taken = rest.substr(0, count);
    rest.remove_prefix(taken.size());
    offset += taken.size();
    return taken;
  }
};

// How long a line may be, with its CRLF, and what it is called when it is longer.
struct LineLimit {
  std::size_t bytes;
  const char* code;
  const char* message;
};

class LineReader {
 public:
  // The next line without its CRLF, valid until the next call; nullopt: more bytes are needed, or
  // `problem` is set. Within one line `limit` stays the same. REQUIRES: !in.rest.empty().
  //
  // Problems, by the first offending byte: bare_lf, bare_cr (RFC 9112 section 2.2: other readers
  // take them as line ends, or as white space), control_byte (all but HT, and DEL), limit.code.
  std::optional<std::string_view> next(Cursor& in, const LineLimit& limit,
                                       std::optional<Problem>& problem);

  // Whether a part of a line was read.
  [[nodiscard]] bool partial() const { return !fresh_; }
  // Position of the first byte of the current line, or of the one that next() returned last.
  [[nodiscard]] std::uint64_t begin() const { return begin_; }
  // Length of the line that next() returned last, with its CRLF.
  [[nodiscard]] std::size_t length() const { return length_; }
  // Gives back a large buffer; invalidates the last line.
  void shrink();

 private:
  std::string pending_;  // the cut line so far
  bool fresh_ = true;    // no byte of the current line was read
  bool after_cr_ = false;
  std::uint64_t begin_ = 0;
  std::size_t length_ = 0;
};

}  // namespace writ::protocol
