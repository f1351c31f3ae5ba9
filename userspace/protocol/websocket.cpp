#include "protocol/websocket.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace writ::protocol {
namespace {

constexpr std::uint8_t kMaskBit = 0x80;
constexpr std::uint8_t kCompressedBit = 0x40;  // RSV1, RFC 7692 section 6
constexpr std::uint8_t kOtherReserved = 0x30;
constexpr std::uint8_t kLength16 = 126;
constexpr std::uint8_t kLength64 = 127;

// Bytes behind the second one that say how long the payload is.
std::size_t extended_length(std::uint8_t length) {
  return length == kLength64 ? 8 : length == kLength16 ? 2 : 0;
}

// RFC 6455 section 7.4, and the codes registered since (1012 to 1014).
bool may_be_sent(unsigned code) {
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
         (code >= 3000 && code <= 4999);
}

}  // namespace

struct WebSocketReader::Content : DecodedSink {
  Content(WebSocketReader& r, WebSocketSink& s) : reader(r), sink(s) {}
  void on_decoded(std::string_view bytes) override { utf8 = utf8 && reader.deliver(bytes, sink); }
  WebSocketReader& reader;
  WebSocketSink& sink;
  bool utf8 = true;
};

WebSocketReader::WebSocketReader(Side side, const std::optional<DeflateTerms>& deflate,
                                 std::uint64_t message_max)
    : side_(side) {
  if (deflate) inflate_.emplace(*deflate, message_max);
}

bool WebSocketReader::feed(std::string_view bytes, WebSocketSink& sink) {
  while (!problem_ && !bytes.empty()) {
    if (in_payload_) {
      read_payload(bytes, sink);
    } else {
      read_head(bytes, sink);
    }
  }
  if (problem_) offset_ = problem_->offset;
  return !problem_;
}

void WebSocketReader::read_head(std::string_view& in, WebSocketSink& sink) {
  if (head_size_ == 0) frame_begin_ = offset_;
  head_[head_size_++] = static_cast<std::uint8_t>(in.front());
  in.remove_prefix(1);
  ++offset_;
  if (head_size_ == 1) {
    check_first_byte();
    return;
  }
  const std::size_t lengths = 2 + extended_length(head_[1] & ~kMaskBit & 0xff);
  if (head_size_ == 2) check_length_byte();
  if (!problem_ && head_size_ == lengths) read_length();
  if (!problem_ && head_size_ == lengths + ((head_[1] & kMaskBit) != 0 ? key_.size() : 0)) {
    begin_frame(sink);
  }
}

void WebSocketReader::check_first_byte() {
  const bool compressed = (head_[0] & kCompressedBit) != 0;
  if (closed_) {
    fail("bytes_after_close", "bytes behind a Close frame");
    return;
  }
  switch (opcode()) {
    case WebSocketOpcode::kContinuation:
    case WebSocketOpcode::kText:
    case WebSocketOpcode::kBinary:
    case WebSocketOpcode::kClose:
    case WebSocketOpcode::kPing:
    case WebSocketOpcode::kPong:
      break;
    default:  // not a value of ours, but any byte
      fail("reserved_opcode", "a frame of a kind that nobody has defined");
      return;
  }
  const bool may_compress = inflate_ && !is_control() && opcode() != WebSocketOpcode::kContinuation;
  if ((head_[0] & kOtherReserved) != 0 || (compressed && !may_compress)) {
    fail("reserved_bits", "a frame with reserved bits that nothing was agreed on for");
  } else if (is_control() && !is_last()) {
    fail("control_fragmented", "a control frame in parts");
  } else if (!is_control() && in_message_ && opcode() != WebSocketOpcode::kContinuation) {
    fail("unfinished_message", "a message begins before the one before it has ended");
  } else if (!in_message_ && opcode() == WebSocketOpcode::kContinuation) {
    fail("unexpected_continuation", "a frame that goes on with a message, and none has begun");
  }
}

void WebSocketReader::check_length_byte() {
  const bool masked = (head_[1] & kMaskBit) != 0;
  if (side_ == Side::kRequest && !masked) {
    fail("mask_missing", "a client's frame without a mask");
  } else if (side_ == Side::kResponse && masked) {
    fail("mask_unexpected", "a server's frame with a mask");
  } else if (is_control() && (head_[1] & ~kMaskBit) > static_cast<int>(kMaxControlPayload)) {
    fail("control_too_long", "a control frame of more than 125 bytes");
  }
}

void WebSocketReader::read_length() {
  left_ = head_[1] & static_cast<std::uint8_t>(~kMaskBit);
  const std::size_t extended = extended_length(static_cast<std::uint8_t>(left_));
  if (extended == 0) return;
  left_ = 0;
  for (std::size_t i = 0; i < extended; ++i) left_ = (left_ << 8) | head_[2 + i];
  if (left_ < kLength16 || (extended == 8 && left_ <= 0xffff)) {
    fail("length_not_minimal", "a frame's length that takes more bytes than it needs");
  } else if ((left_ >> 63) != 0) {
    fail("length_too_large", "a frame's length of more than 63 bits");
  }
}

void WebSocketReader::begin_frame(WebSocketSink& sink) {
  if (side_ == Side::kRequest) {
    std::copy_n(head_.begin() + static_cast<std::ptrdiff_t>(head_size_ - key_.size()), key_.size(),
                key_.begin());
  }
  head_size_ = 0;
  in_payload_ = true;
  control_size_ = 0;
  if (!is_control() && !in_message_) {
    in_message_ = true;
    text_ = opcode() == WebSocketOpcode::kText;
    compressed_ = (head_[0] & kCompressedBit) != 0;
    if (compressed_) inflate_->begin();
    sink.on_message({.text = text_, .whole = is_last(), .length = left_, .begin = frame_begin_});
  }
  if (left_ == 0) finish_frame(sink);
}

void WebSocketReader::read_payload(std::string_view& in, WebSocketSink& sink) {
  std::size_t size = static_cast<std::size_t>(std::min<std::uint64_t>(left_, in.size()));
  if (side_ == Side::kRequest) size = std::min(size, kScratch);
  std::string_view payload = in.substr(0, size);
  in.remove_prefix(size);
  offset_ += size;
  left_ -= size;
  if (side_ == Side::kRequest) payload = unmask(payload);
  if (is_control()) {
    std::copy(payload.begin(), payload.end(), control_.data() + control_size_);
    control_size_ += size;
  } else {
    take(payload, sink);
  }
  if (!problem_ && left_ == 0) finish_frame(sink);
}

// RFC 6455 section 5.3, a word at a time.
std::string_view WebSocketReader::unmask(std::string_view masked) {
  if (scratch_.empty()) scratch_.resize(kScratch);
  std::uint64_t word_key = 0;
  std::memcpy(&word_key, key_.data(), key_.size());
  std::memcpy(reinterpret_cast<char*>(&word_key) + key_.size(), key_.data(), key_.size());
  std::size_t i = 0;
  for (; i + sizeof word_key <= masked.size(); i += sizeof word_key) {
    std::uint64_t word = 0;
    std::memcpy(&word, masked.data() + i, sizeof word);
    word ^= word_key;
    std::memcpy(scratch_.data() + i, &word, sizeof word);
  }
  for (; i < masked.size(); ++i) {
    scratch_[i] = static_cast<char>(static_cast<std::uint8_t>(masked[i]) ^ key_[i % key_.size()]);
  }
  const auto before = key_;
  for (std::size_t k = 0; k < key_.size(); ++k) key_[k] = before[(masked.size() + k) % key_.size()];
  return {scratch_.data(), masked.size()};
}

void WebSocketReader::take(std::string_view payload, WebSocketSink& sink) {
  if (!compressed_) {
    (void)deliver(payload, sink);  // what it says is in problem_
    return;
  }
  Content content(*this, sink);
  auto problem = inflate_->feed(payload, frame_begin_, content);
  if (!problem_) problem_ = std::move(problem);
}

bool WebSocketReader::deliver(std::string_view bytes, WebSocketSink& sink) {
  if (text_ && !utf8_.feed(bytes)) {
    fail("not_utf8", "a text message that is not UTF-8");
    return false;
  }
  sink.on_message_bytes(bytes);
  return true;
}

void WebSocketReader::finish_frame(WebSocketSink& sink) {
  in_payload_ = false;
  if (is_control()) {
    finish_control(sink);
  } else if (is_last()) {
    finish_message(sink);
  }
  if (!in_message_ && !problem_) boundary_ = offset_;
}

void WebSocketReader::finish_message(WebSocketSink& sink) {
  if (compressed_) {
    Content content(*this, sink);
    auto problem = inflate_->end(frame_begin_, content);
    if (!problem_) problem_ = std::move(problem);
  }
  if (!problem_ && text_ && !utf8_.finish()) fail("not_utf8", "a text message that is not UTF-8");
  if (problem_) return;
  in_message_ = false;
  sink.on_message_end(offset_);
}

void WebSocketReader::finish_control(WebSocketSink& sink) {
  if (opcode() == WebSocketOpcode::kClose) check_close();
  if (problem_) return;
  sink.on_control({.opcode = opcode(),
                   .payload = {control_.data(), control_size_},
                   .begin = frame_begin_,
                   .end = offset_});
}

void WebSocketReader::check_close() {
  closed_ = true;
  if (control_size_ == 0) return;
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(control_[i]); };
  if (control_size_ == 1 || !may_be_sent(byte(0) * 256u + byte(1))) {
    fail("bad_close", "a Close frame with a code that may not be sent");
    return;
  }
  Utf8Stream reason;
  if (!reason.feed({control_.data() + 2, control_size_ - 2}) || !reason.finish()) {
    fail("not_utf8", "a Close frame's reason that is not UTF-8");
  }
}

void WebSocketReader::fail(const char* code, const char* message) {
  problem_ = Problem{code, message, frame_begin_};
}

}  // namespace writ::protocol
