// Follows a message body to its end: by length, by chunks, or until the connection closes.
//
// RFC 9112 sections 6 and 7. The body is handed on as views; of a chunked one only the lines
// between the chunks are looked at.
#pragma once

#include <cstdint>
#include <optional>

#include "protocol/http1_fields.h"
#include "protocol/http1_line.h"
#include "protocol/http1_types.h"

namespace writ::protocol {

class BodyReader {
 public:
  BodyReader(Side side, const Http1Limits& limits);

  // Begins a body; `length` is that of kLength. REQUIRES: kLength, kChunked or kUntilClose.
  void start(BodyKind kind, std::uint64_t length);

  // True when the body, with its trailers, has ended; then nothing behind it was taken. False: more
  // bytes are needed, or `problem` is set: bad_chunk_size, chunk_extension (requests: bytes that
  // leave the host and that no one reads), bad_chunk_extension, chunk_line_too_long, bad_chunk_end,
  // trailer_too_large, forbidden_trailer, and those of FieldReader.
  bool read(Cursor& in, LineReader& lines, BodySink& sink, std::optional<Problem>& problem);

 private:
  enum class Stage { kData, kChunkSize, kChunkCr, kChunkLf, kTrailers, kUntilClose };

  bool read_chunk_size(Cursor& in, LineReader& lines, std::optional<Problem>& problem);
  bool read_trailers(Cursor& in, LineReader& lines, BodySink& sink,
                     std::optional<Problem>& problem);

  Side side_;
  LineLimit chunk_line_;
  FieldReader trailers_;
  Stage stage_ = Stage::kData;
  bool chunked_ = false;
  std::uint64_t left_ = 0;  // of the body, or of the chunk
};

}  // namespace writ::protocol
