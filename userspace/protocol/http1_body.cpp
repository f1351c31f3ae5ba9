#include "protocol/http1_body.h"

#include <algorithm>

#include "protocol/http1_text.h"

namespace writ::protocol {
namespace {

constexpr std::size_t kMaxSizeDigits = 16;
constexpr std::uint64_t kMaxSize = UINT64_MAX / 2;  // what fits in a server's signed integer

// RFC 9112 section 7.1: hexadecimal digits and nothing else; no sign, no "0x", no space before.
std::optional<std::uint64_t> parse_chunk_size(std::string_view digits) {
  if (digits.empty() || digits.size() > kMaxSizeDigits) return std::nullopt;
  std::uint64_t size = 0;
  for (const char c : digits) {
    const int value = hex_value(c);
    if (value < 0) return std::nullopt;
    size = size << 4 | static_cast<unsigned>(value);
  }
  if (size > kMaxSize) return std::nullopt;
  return size;
}

}  // namespace

BodyReader::BodyReader(Side side, const Http1Limits& limits)
    : side_(side),
      chunk_line_{limits.chunk_line, "chunk_line_too_long",
                  "a chunk size line that is longer than allowed"},
      trailers_(side,
                {limits.trailer_bytes, "trailer_too_large",
                 "a trailer section that is larger than allowed"},
                limits.headers) {}

void BodyReader::start(BodyKind kind, std::uint64_t length) {
  chunked_ = kind == BodyKind::kChunked;
  stage_ = chunked_                        ? Stage::kChunkSize
           : kind == BodyKind::kUntilClose ? Stage::kUntilClose
                                           : Stage::kData;
  left_ = length;
}

bool BodyReader::read(Cursor& in, LineReader& lines, BodySink& sink,
                      std::optional<Problem>& problem) {
  while (!in.rest.empty()) {
    switch (stage_) {
      case Stage::kUntilClose: {
        const std::string_view bytes = in.take(in.rest.size());
        sink.on_body(bytes, in.offset);
        return false;
      }
      case Stage::kData: {
        const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(left_, in.rest.size()));
        const std::string_view bytes = in.take(count);
        left_ -= count;
        sink.on_body(bytes, in.offset);
        if (left_ > 0) return false;
        if (!chunked_) return true;
        stage_ = Stage::kChunkCr;
        break;
      }
      case Stage::kChunkCr:
      case Stage::kChunkLf: {
        const bool want_cr = stage_ == Stage::kChunkCr;
        if (in.rest.front() != (want_cr ? '\r' : '\n')) {
          problem = {"bad_chunk_end", "a chunk that is longer than its size says", in.offset};
          return false;
        }
        in.take(1);
        stage_ = want_cr ? Stage::kChunkLf : Stage::kChunkSize;
        break;
      }
      case Stage::kChunkSize:
        if (!read_chunk_size(in, lines, problem)) return false;
        break;
      case Stage::kTrailers:
        return read_trailers(in, lines, sink, problem);
    }
  }
  return false;
}

bool BodyReader::read_chunk_size(Cursor& in, LineReader& lines, std::optional<Problem>& problem) {
  const auto line = lines.next(in, chunk_line_, problem);
  if (!line) return false;
  const std::size_t semicolon = line->find(';');
  std::string_view digits = line->substr(0, semicolon);
  if (side_ == Side::kResponse) {
    // Old servers pad the size to a fixed width; every client skips it.
    while (!digits.empty() && (digits.back() == ' ' || digits.back() == '\t'))
      digits.remove_suffix(1);
  }
  const auto size = parse_chunk_size(digits);
  if (!size) {
    problem = {"bad_chunk_size", "a chunk size that is not a plain hexadecimal number",
               lines.begin()};
    return false;
  }
  if (semicolon != std::string_view::npos) {
    if (side_ == Side::kRequest) {
      problem = {"chunk_extension", "a chunk size with an extension behind it", lines.begin()};
      return false;
    }
    if (!is_utf8(*line)) {
      problem = {"bad_chunk_extension", "a chunk extension that is not text", lines.begin()};
      return false;
    }
  }
  left_ = *size;
  stage_ = left_ == 0 ? Stage::kTrailers : Stage::kData;
  return true;
}

bool BodyReader::read_trailers(Cursor& in, LineReader& lines, BodySink& sink,
                               std::optional<Problem>& problem) {
  if (!trailers_.read(in, lines, problem)) return false;
  const Headers fields = trailers_.take();
  for (const Header& field : fields) {
    if (!forbidden_in_trailer(field.name)) continue;
    problem = {"forbidden_trailer", "a trailer that may only stand in the header section",
               in.offset};
    return false;
  }
  if (!fields.empty()) sink.on_trailers(fields, in.offset);
  return true;
}

}  // namespace writ::protocol
