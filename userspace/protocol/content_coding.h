// Undoes the content codings of a message (RFC 9110 section 8.4): gzip, deflate, br and zstd, also
// on top of each other. Bytes in pieces of any size go in, decoded pieces come out:
//
//   std::vector<Coding> codings;
//   if (auto problem = read_codings(head.headers, codings)) ...
//   ContentDecoder decoder(codings, {.decoded_bytes = 16u << 20});
//   if (!decoder.feed(bytes, sink) ... || !decoder.finish()) deny(*decoder.problem());
//
// What two readers could read differently is a Problem: bytes behind the end, an end that is
// missing, a checksum that is wrong. Legal are several gzip members (RFC 1952 section 2.2) or zstd
// frames (RFC 8878 section 3.1) in a row, which are one content, and "deflate" with or without its
// zlib wrapper, since servers send both. What is in a coding beside its content (a gzip member's
// name, a zstd skippable frame, brotli metadata) is skipped, and not told.
//
// Memory, whatever is fed: per coding the largest window (deflate 32 KiB, zstd 8 MiB as RFC 9659
// wants it, br 16 MiB), touched as far as bytes were decoded, and kScratch for what comes out.
//
// Problem codes
//   content_coding_unknown    a coding that is not known, or too many of them
//   content_coding_corrupt    not what the coding allows
//   content_coding_truncated  the message ended first
//   content_coding_trailing   bytes behind the end of the coded content
//   content_coding_too_large  more than CodingLimits
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/http1_types.h"

namespace writ::protocol {

enum class Coding { kGzip, kDeflate, kBrotli, kZstd };

inline constexpr std::size_t kMaxCodings = 3;

// What the Content-Encoding fields say, in the order in which the codings were applied; none for
// "identity" or no field.
std::optional<Problem> read_codings(const Headers& headers, std::vector<Coding>& out);
// As it is written in a field: "br".
std::string_view to_text(Coding coding);

class DecodedSink {
 public:
  virtual ~DecodedSink() = default;
  // Valid during the call only.
  virtual void on_decoded(std::string_view bytes) = 0;
};

struct CodingLimits {
  std::uint64_t decoded_bytes = 16u << 20;  // of each coding
};

class CodingStep;

// One message's content. Problems are sticky. However the bytes are cut, the same content comes
// out, or a problem does; how much comes out before it may differ, and of two problems which is
// told.
class ContentDecoder {
 public:
  static constexpr std::size_t kScratch = 16u << 10;

  // REQUIRES: 1 to kMaxCodings codings.
  explicit ContentDecoder(const std::vector<Coding>& codings, const CodingLimits& limits = {});
  ~ContentDecoder();
  ContentDecoder(ContentDecoder&&) noexcept;
  ContentDecoder& operator=(ContentDecoder&&) noexcept;

  [[nodiscard]] bool feed(std::string_view bytes, DecodedSink& sink);
  // The message ended. An empty one is fine: a head may name a coding of nothing.
  [[nodiscard]] bool finish();
  [[nodiscard]] const std::optional<Problem>& problem() const { return problem_; }

 private:
  struct Stage {
    Coding coding;
    std::unique_ptr<CodingStep> step;
    std::unique_ptr<char[]> scratch;
    std::uint64_t decoded = 0;
  };

  bool run(std::size_t at, std::string_view in, DecodedSink& sink);
  bool fail(const char* code, std::string message);

  std::vector<Stage> stages_;  // the coding that was applied last is undone first
  CodingLimits limits_;
  std::uint64_t fed_ = 0;
  std::optional<Problem> problem_;
};

}  // namespace writ::protocol
