#include "protocol/websocket_inflate.h"

#include "protocol/inflater.h"

namespace writ::protocol {

WebSocketInflate::WebSocketInflate(const DeflateTerms& terms, std::uint64_t max)
    : terms_(terms), max_(max) {}
WebSocketInflate::~WebSocketInflate() = default;
WebSocketInflate::WebSocketInflate(WebSocketInflate&&) noexcept = default;
WebSocketInflate& WebSocketInflate::operator=(WebSocketInflate&&) noexcept = default;

void WebSocketInflate::begin() {
  decoded_ = 0;
  if (!inflater_) {
    inflater_ = std::make_unique<Inflater>();
    inflater_->start(-MAX_WBITS);  // negative: without a wrapper
    scratch_.resize(kScratch);
  } else if (!terms_.context_takeover) {
    inflater_->restart();
  }
}

std::optional<Problem> WebSocketInflate::feed(std::string_view payload, std::uint64_t offset,
                                              DecodedSink& sink) {
  for (;;) {
    std::size_t written = 0;
    const int code = inflater_->run(payload, scratch_, written);
    if (written > max_ - decoded_) {
      return Problem{"message_too_large", "a message decompresses to more than message_max",
                     offset};
    }
    decoded_ += written;
    if (written != 0) sink.on_decoded({scratch_.data(), written});
    if (code == Z_STREAM_END) {
      return Problem{"deflate_final_block",
                     "a compressed message holds a last block: readers differ on what follows",
                     offset};
    }
    if (code != Z_OK && code != Z_BUF_ERROR) {
      return Problem{"deflate_corrupt", "a message that cannot be decompressed", offset};
    }
    if (payload.empty() && written < scratch_.size()) return std::nullopt;
  }
}

std::optional<Problem> WebSocketInflate::end(std::uint64_t offset, DecodedSink& sink) {
  // What the sender has left out: RFC 7692 section 7.2.2.
  constexpr std::string_view kTail("\x00\x00\xff\xff", 4);
  if (auto problem = feed(kTail, offset, sink)) return problem;
  if (inflater_->between_blocks()) return std::nullopt;
  return Problem{"deflate_truncated", "a compressed message ends within a block", offset};
}

}  // namespace writ::protocol
