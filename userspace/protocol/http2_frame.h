// Takes HTTP/2 frames out of one direction of a connection, in pieces of any size.
//
// RFC 9113 section 4 and the layouts of section 6. What a frame's nine bytes say wrong is found at
// these nine bytes. DATA is handed on in views as it comes, without its padding; every other frame
// is short and handed on whole.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/http1_fields.h"
#include "protocol/http1_line.h"
#include "protocol/http1_types.h"

namespace writ::protocol {

// RFC 9113 section 6, RFC 9218 section 7.1.
namespace frame_type {
inline constexpr std::uint8_t kData = 0, kHeaders = 1, kPriority = 2, kRstStream = 3, kSettings = 4,
                              kPushPromise = 5, kPing = 6, kGoaway = 7, kWindowUpdate = 8,
                              kContinuation = 9, kPriorityUpdate = 16;
}  // namespace frame_type
namespace frame_flag {
inline constexpr std::uint8_t kEndStream = 1, kAck = 1, kEndHeaders = 4, kPadded = 8,
                              kPriority = 0x20;
}  // namespace frame_flag

inline constexpr std::size_t kFrameHead = 9;

struct Frame {
  std::uint32_t length = 0;
  std::uint8_t type = 0;
  std::uint8_t flags = 0;
  std::uint32_t stream = 0;
  std::uint64_t begin = 0;  // position of its first byte

  [[nodiscard]] bool has(std::uint8_t flag) const { return (flags & flag) != 0; }
};

class FrameReader {
 public:
  // Of requests, padding that is not zero is a Problem: bytes that leave the host and that no one
  // reads.
  explicit FrameReader(Side side) : side_(side) {}

  struct Piece {
    std::string_view bytes;  // of DATA: a piece, empty only where it is the last; else all of it
    bool first;
    bool last;  // the frame ends behind it
  };
  // The next piece of frame(), valid until the next call; nullopt: more bytes are needed, or
  // `problem` is set: frame_too_large, bad_frame_length, bad_frame_stream, bad_padding.
  std::optional<Piece> next(Cursor& in, std::optional<Problem>& problem);

  [[nodiscard]] const Frame& frame() const { return frame_; }
  // Of a DATA frame of which a piece was handed out: its length without padding.
  [[nodiscard]] std::uint32_t data_length() const { return data_length_; }
  // The other side takes frames of this size (SETTINGS_MAX_FRAME_SIZE). It never shrinks: the size
  // of a frame is beyond doubt, and a server that does not want it ends the connection.
  void allow(std::uint32_t length);

 private:
  bool read_head(Cursor& in, std::optional<Problem>& problem);
  std::optional<Piece> next_data(Cursor& in, std::optional<Problem>& problem);

  Side side_;
  std::uint32_t max_length_ = 16384;
  Frame frame_;
  std::array<char, kFrameHead> head_{};
  std::size_t head_size_ = 0;
  std::string payload_;  // the cut frame so far
  bool fresh_ = false;   // no byte of the payload was read
  bool begun_ = false;   // a piece of it was handed out
  std::uint32_t left_ = 0;
  std::uint32_t data_length_ = 0;
  std::uint32_t padding_ = 0;
};

// What a client sends first: RFC 9113 section 3.4.
inline constexpr std::string_view kHttp2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// Whether bytes look like the middle of an HTTP/2 connection: nine bytes that a frame may begin
// with. No proof; HTTP/1.1 never begins so.
bool looks_like_frame(std::string_view bytes);

// The big-endian number of `bytes`, which are four at most.
std::uint32_t read_number(std::string_view bytes);

}  // namespace writ::protocol
