// What both directions of an HTTP/2 connection have in common: order, SETTINGS, windows.
#include <algorithm>

#include "protocol/http2.h"

namespace writ::protocol {
namespace {

// RFC 9113 section 6.5.2.
constexpr std::uint32_t kHeaderTableSize = 1, kEnablePush = 2, kInitialWindowSize = 4,
                        kMaxFrameSize = 5;
constexpr std::uint32_t kMaxWindow = 0x7fffffff;
constexpr std::uint32_t kLargestFrame = 0xffffff;

}  // namespace

Opening opening_of(std::string_view bytes) {
  const std::string_view begin = bytes.substr(0, kHttp2Preface.size());
  if (kHttp2Preface.starts_with(begin))
    return begin == kHttp2Preface ? Opening::kHttp2 : Opening::kUnknown;
  // A frame's length takes three bytes, and of frames that everybody takes the first is 0.
  if (bytes.front() != '\0') return Opening::kHttp1;
  if (bytes.size() < kFrameHead) return Opening::kUnknown;
  return looks_like_frame(bytes) ? Opening::kMidway : Opening::kHttp1;
}

Http2Connection::Http2Connection(const Http2Limits& limits)
    : limits_(limits), client_(Side::kRequest, limits), server_(Side::kResponse, limits) {}

void Http2Connection::lose_in() {
  if (!server_.problem) {
    server_.problem = {"response_lost", "a part of what the server sent is not known", in_offset_};
  }
  client_.frames.allow(kLargestFrame);
}

std::int64_t Http2Connection::window(std::uint32_t stream) const {
  const auto found = streams_.find(stream);
  if (server_.problem || found == streams_.end()) return 0;
  return std::min(window_, found->second.window);
}

std::optional<Problem> Http2Connection::check_order(Half& half) {
  const Frame& frame = half.frames.frame();
  if (!half.settled) {
    if (frame.type != frame_type::kSettings || frame.has(frame_flag::kAck)) {
      return Problem{"settings_expected", "a connection that does not begin with SETTINGS",
                     frame.begin};
    }
    half.settled = true;
  }
  if (half.blocks.open() && frame.type != frame_type::kContinuation)
    return Problem{"continuation_expected", "another frame within a header block", frame.begin};
  return std::nullopt;
}

// What one side says of itself rules what the other may send.
std::optional<Problem> Http2Connection::read_settings(
    std::string_view payload, std::uint64_t offset, Half& other,
    std::optional<std::uint32_t>& initial_window) {
  for (; !payload.empty(); payload.remove_prefix(6)) {
    const std::uint32_t value = read_number(payload.substr(2, 4));
    bool valid = true;
    switch (read_number(payload.substr(0, 2))) {
      case kHeaderTableSize:
        other.blocks.decoder().allow(value);
        break;
      case kEnablePush:
        valid = value <= 1;
        break;
      case kInitialWindowSize:
        valid = value <= kMaxWindow;
        initial_window = value;
        break;
      case kMaxFrameSize:
        valid = value >= 16384 && value <= kLargestFrame;
        other.frames.allow(value);
        break;
      default:  // RFC 9113 section 6.5.2: must be ignored
        break;
    }
    if (!valid) return Problem{"bad_settings", "a setting with a value it cannot have", offset};
  }
  return std::nullopt;
}

}  // namespace writ::protocol
