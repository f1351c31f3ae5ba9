// Messages on a byte stream: each is a 4-byte big-endian length and that many bytes.
//
//   FrameDecoder decoder;
//   decoder.feed(received);                 // any cut of the stream
//   for (;;) {
//     auto frame = decoder.next();
//     if (!frame) drop_connection(frame.error());
//     if (!*frame) break;                   // incomplete: feed more
//     use(**frame);
//   }
//
// A peer that announces more than the maximum is refused on its header; nothing is allocated for
// it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "util/result.h"

namespace writ {

inline constexpr std::size_t kFrameHeaderBytes = 4;
inline constexpr std::size_t kMaxFrameBytes = 1u << 20;

// Appends header and payload to `out`. kInvalid, with `out` untouched, when the payload is longer
// than kMaxFrameBytes.
Status append_frame(std::string& out, std::string_view payload);

// Cuts a byte stream into frames. One per connection and direction; not thread-safe. It holds what
// was fed and not yet returned: drain next() before the next feed(), and that is at most one frame
// and one feed.
class FrameDecoder {
 public:
  explicit FrameDecoder(std::size_t max_frame_bytes = kMaxFrameBytes) : max_(max_frame_bytes) {}

  void feed(std::string_view bytes);

  // The next whole frame's payload (valid until the next feed()), nullopt when more bytes are
  // needed, or kInvalid when the announced length is over the maximum; the stream is then
  // unusable and every later call fails too.
  Result<std::optional<std::string_view>> next();

  // Bytes fed and not yet returned as a frame: not zero at the end of a stream means a cut frame.
  [[nodiscard]] std::size_t pending() const { return buffer_.size() - start_; }

 private:
  std::size_t max_;
  std::string buffer_;
  std::size_t start_ = 0;  // of the first byte not yet returned
};

}  // namespace writ
