// An incremental reader of one direction of a WebSocket connection (RFC 6455 section 5): bytes in
// pieces of any size go in, messages and control frames come out.
//
//   WebSocketReader reader(Side::kRequest, terms.client);
//   if (!reader.feed(bytes, sink)) deny(*reader.problem());
//
// As strict as http1.h, for the same reason: what a server could read differently, or does not look
// at, is a Problem and no message. Problems are sticky. However the bytes are cut, the same events
// come out, but that a message's content comes in pieces, and of a message that ends in a Problem
// more or less.
//
// Memory: a scratch buffer of kScratch, and what websocket_inflate.h says where compression was
// agreed to. Messages are neither kept nor copied.
//
// Problem codes
//   frames    reserved_bits reserved_opcode mask_missing mask_unexpected length_not_minimal
//             length_too_large control_too_long control_fragmented
//   messages  unexpected_continuation unfinished_message not_utf8, and those of
//             websocket_inflate.h
//   end       bad_close (a code that may not be sent, or half of one) bytes_after_close
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "protocol/http1_fields.h"
#include "protocol/http1_types.h"
#include "protocol/utf8_stream.h"
#include "protocol/websocket_handshake.h"
#include "protocol/websocket_inflate.h"

namespace writ::protocol {

enum class WebSocketOpcode : std::uint8_t {
  kContinuation = 0,
  kText = 1,
  kBinary = 2,
  kClose = 8,
  kPing = 9,
  kPong = 10,
};

inline constexpr std::size_t kMaxControlPayload = 125;  // RFC 6455 section 5.5

// The first frame of a message.
struct WebSocketMessage {
  bool text = false;         // else binary
  bool whole = false;        // there are no more frames of it
  std::uint64_t length = 0;  // of the frame's payload, as sent
  std::uint64_t begin = 0;   // position of the frame
};

struct WebSocketControl {
  WebSocketOpcode opcode = WebSocketOpcode::kPing;
  std::string_view payload;  // of kClose: nothing, or two bytes of code and a reason in UTF-8
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

// Views are valid during the call only. A sink must not call the reader that calls it.
class WebSocketSink {
 public:
  virtual ~WebSocketSink() = default;
  virtual void on_message(const WebSocketMessage& message) = 0;
  // Unmasked and decompressed; never empty.
  virtual void on_message_bytes(std::string_view bytes) = 0;
  // `end`: position behind the last frame.
  virtual void on_message_end(std::uint64_t end) = 0;
  // May come between the frames of a message.
  virtual void on_control(const WebSocketControl& control) = 0;
};

class WebSocketReader {
 public:
  static constexpr std::size_t kScratch = 16u << 10;

  // `side`: who sends. `deflate`: what compressed messages are read with; nullopt: there are none.
  // `message_max`: what one may decompress to.
  WebSocketReader(Side side, const std::optional<DeflateTerms>& deflate,
                  std::uint64_t message_max = 16u << 20);

  [[nodiscard]] bool feed(std::string_view bytes, WebSocketSink& sink);

  // Bytes read; with a Problem, where the frame begins that it is in.
  [[nodiscard]] std::uint64_t offset() const { return offset_; }
  // Everything before it belongs to messages and control frames that were reported whole, and
  // nothing of it to a message that is not.
  [[nodiscard]] std::uint64_t boundary() const { return boundary_; }
  [[nodiscard]] bool at_message_boundary() const { return !problem_ && boundary_ == offset_; }
  // No frame has begun that has not ended: a control frame may stand here.
  [[nodiscard]] bool at_frame_boundary() const {
    return !problem_ && !in_payload_ && head_size_ == 0;
  }
  [[nodiscard]] bool in_message() const { return in_message_; }
  // A Close frame was read: nothing may follow.
  [[nodiscard]] bool closed() const { return closed_; }
  [[nodiscard]] const std::optional<Problem>& problem() const { return problem_; }

 private:
  struct Content;  // what the inflater tells

  void read_head(std::string_view& in, WebSocketSink& sink);
  void check_first_byte();
  void check_length_byte();
  void read_length();
  void begin_frame(WebSocketSink& sink);
  void read_payload(std::string_view& in, WebSocketSink& sink);
  std::string_view unmask(std::string_view masked);
  void take(std::string_view payload, WebSocketSink& sink);
  bool deliver(std::string_view bytes, WebSocketSink& sink);
  void finish_frame(WebSocketSink& sink);
  void finish_message(WebSocketSink& sink);
  void finish_control(WebSocketSink& sink);
  void check_close();
  void fail(const char* code, const char* message);

  [[nodiscard]] bool is_control() const { return (head_[0] & 0x08) != 0; }
  [[nodiscard]] bool is_last() const { return (head_[0] & 0x80) != 0; }
  [[nodiscard]] WebSocketOpcode opcode() const {
    return static_cast<WebSocketOpcode>(head_[0] & 0x0f);
  }

  Side side_;
  std::optional<WebSocketInflate> inflate_;
  // The frame: its head while that is read, then what is left of its payload.
  std::array<std::uint8_t, 14> head_ = {};
  std::size_t head_size_ = 0;
  std::uint64_t frame_begin_ = 0;
  bool in_payload_ = false;
  std::uint64_t left_ = 0;
  std::array<std::uint8_t, 4> key_ = {};  // as it goes on with the next byte
  std::array<char, kMaxControlPayload> control_ = {};
  std::size_t control_size_ = 0;
  // The message.
  bool in_message_ = false;
  bool text_ = false;
  bool compressed_ = false;
  Utf8Stream utf8_;
  bool closed_ = false;
  std::vector<char> scratch_;
  std::uint64_t offset_ = 0;
  std::uint64_t boundary_ = 0;
  std::optional<Problem> problem_;
};

}  // namespace writ::protocol
