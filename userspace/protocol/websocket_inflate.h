// Undoes permessage-deflate (RFC 7692 section 7.2): the messages of one direction, whose compressed
// data may refer to messages before them.
//
//   inflate.begin();
//   inflate.feed(payload, offset, sink) ...; inflate.end(offset, sink);   // a Problem: it is over
//
// Stricter than the RFC where two readers differ: a block that says it is the last one (BFINAL)
// ends the stream of many inflaters, which then read nothing more, and others go on.
//
// Memory: zlib's 40 KiB and kScratch, from the first compressed message on.
//
// Problem codes: deflate_corrupt, deflate_final_block, deflate_truncated (it ends within a block),
// message_too_large (decompressed).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "protocol/content_coding.h"
#include "protocol/websocket_handshake.h"

namespace writ::protocol {

class Inflater;

class WebSocketInflate {
 public:
  static constexpr std::size_t kScratch = 16u << 10;

  // `max`: bytes that a message may decompress to.
  WebSocketInflate(const DeflateTerms& terms, std::uint64_t max);
  ~WebSocketInflate();
  WebSocketInflate(WebSocketInflate&&) noexcept;
  WebSocketInflate& operator=(WebSocketInflate&&) noexcept;

  void begin();
  // `offset`: of the Problem, should there be one.
  [[nodiscard]] std::optional<Problem> feed(std::string_view payload, std::uint64_t offset,
                                            DecodedSink& sink);
  [[nodiscard]] std::optional<Problem> end(std::uint64_t offset, DecodedSink& sink);

 private:
  DeflateTerms terms_;
  std::uint64_t max_;
  std::unique_ptr<Inflater> inflater_;  // from the first message on
  std::vector<char> scratch_;
  std::uint64_t decoded_ = 0;  // of the message
};

}  // namespace writ::protocol
