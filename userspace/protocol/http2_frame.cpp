#include "protocol/http2_frame.h"

#include <algorithm>
#include <utility>

namespace writ::protocol {
namespace {

// Frames other than DATA are gathered: this much at most, whatever the other side takes.
constexpr std::uint32_t kMaxGathered = 64U << 10;

enum class On { kStream, kConnection, kEither };

// What RFC 9113 section 6 says of each type: where it may stand, and how long it is.
struct Layout {
  std::uint8_t type;
  On on;
  std::uint32_t least;
  std::uint32_t most;
  std::uint32_t multiple;
};

constexpr std::uint32_t kAny = UINT32_MAX;
constexpr std::array<Layout, 11> kLayouts = {{
    {frame_type::kData, On::kStream, 0, kAny, 1},
    {frame_type::kHeaders, On::kStream, 0, kMaxGathered, 1},
    {frame_type::kPriority, On::kStream, 5, 5, 1},
    {frame_type::kRstStream, On::kStream, 4, 4, 1},
    {frame_type::kSettings, On::kConnection, 0, kMaxGathered, 6},
    {frame_type::kPushPromise, On::kStream, 4, kMaxGathered, 1},
    {frame_type::kPing, On::kConnection, 8, 8, 1},
    {frame_type::kGoaway, On::kConnection, 8, kMaxGathered, 1},
    {frame_type::kWindowUpdate, On::kEither, 4, 4, 1},
    {frame_type::kContinuation, On::kStream, 0, kMaxGathered, 1},
    {frame_type::kPriorityUpdate, On::kConnection, 4, kMaxGathered, 1},
}};

const Layout* layout_of(std::uint8_t type) {
  const auto* found = std::find_if(kLayouts.begin(), kLayouts.end(),
                                   [&](const Layout& layout) { return layout.type == type; });
  return found == kLayouts.end() ? nullptr : found;
}

Frame parse_head(std::string_view bytes, std::uint64_t begin) {
  return {.length = read_number(bytes.substr(0, 3)),
          .type = static_cast<std::uint8_t>(bytes[3]),
          .flags = static_cast<std::uint8_t>(bytes[4]),
          .stream = read_number(bytes.substr(5, 4)) & 0x7fffffffU,  // the first bit is reserved
          .begin = begin};
}

std::optional<Problem> check_head(const Frame& frame, std::uint32_t max_length) {
  if (frame.length > max_length) {
    return Problem{"frame_too_large", "a frame that is larger than the other side takes",
                   frame.begin};
  }
  const Layout* layout = layout_of(frame.type);
  if (layout == nullptr) {
    if (frame.length <= kMaxGathered) return std::nullopt;
    return Problem{"frame_too_large", "a long frame of an unknown type", frame.begin};
  }
  if (layout->most == kMaxGathered && frame.length > kMaxGathered) {
    return Problem{"frame_too_large", "a frame other than DATA that is larger than allowed",
                   frame.begin};
  }
  const bool ack = frame.type == frame_type::kSettings && frame.has(frame_flag::kAck);
  if (frame.length < layout->least || frame.length > layout->most ||
      frame.length % layout->multiple != 0 || (ack && frame.length != 0)) {
    return Problem{"bad_frame_length", "a frame of a length that its type cannot have",
                   frame.begin};
  }
  const bool fits = layout->on == On::kEither || (layout->on == On::kStream) == (frame.stream != 0);
  if (fits) return std::nullopt;
  return Problem{"bad_frame_stream",
                 layout->on == On::kStream ? "a frame without a stream that must have one"
                                           : "a frame of the connection that names a stream",
                 frame.begin};
}

}  // namespace

std::uint32_t read_number(std::string_view bytes) {
  std::uint32_t number = 0;
  for (const char c : bytes) number = number << 8 | static_cast<unsigned char>(c);
  return number;
}

bool looks_like_frame(std::string_view bytes) {
  if (bytes.size() < kFrameHead) return false;
  const Frame frame = parse_head(bytes, 0);
  const bool reserved = (static_cast<unsigned char>(bytes[5]) & 0x80) != 0;
  return !reserved && layout_of(frame.type) != nullptr && !check_head(frame, 16384);
}

void FrameReader::allow(std::uint32_t length) { max_length_ = std::max(max_length_, length); }

bool FrameReader::read_head(Cursor& in, std::optional<Problem>& problem) {
  if (head_size_ == kFrameHead) return true;
  const std::string_view bytes = in.take(kFrameHead - head_size_);
  std::copy(bytes.begin(), bytes.end(), head_.begin() + head_size_);
  head_size_ += bytes.size();
  if (head_size_ < kFrameHead) return false;
  frame_ = parse_head({head_.data(), head_.size()}, in.offset - kFrameHead);
  problem = check_head(frame_, max_length_);
  left_ = frame_.length;
  padding_ = 0;
  fresh_ = true;
  begun_ = false;
  return !problem;
}

std::optional<FrameReader::Piece> FrameReader::next(Cursor& in, std::optional<Problem>& problem) {
  if (!read_head(in, problem)) return std::nullopt;
  if (frame_.type == frame_type::kData) return next_data(in, problem);
  const std::string_view bytes = in.take(left_);
  left_ -= static_cast<std::uint32_t>(bytes.size());
  if (fresh_) payload_.clear();  // views into it were valid until now
  fresh_ = false;
  if (left_ > 0) {
    payload_ += bytes;
    return std::nullopt;
  }
  head_size_ = 0;
  if (payload_.empty()) return Piece{.bytes = bytes, .first = true, .last = true};
  payload_ += bytes;
  return Piece{.bytes = payload_, .first = true, .last = true};
}

std::optional<FrameReader::Piece> FrameReader::next_data(Cursor& in,
                                                         std::optional<Problem>& problem) {
  if (fresh_ && frame_.has(frame_flag::kPadded)) {
    if (frame_.length > 0 && in.rest.empty()) return std::nullopt;
    padding_ = frame_.length == 0 ? 0 : read_number(in.take(1));
    if (padding_ >= frame_.length) {
      problem = {"bad_padding", "a frame with more padding than it is long", frame_.begin};
      return std::nullopt;
    }
    left_ -= padding_ + 1;
  }
  if (fresh_) data_length_ = left_;
  fresh_ = false;
  const std::string_view bytes = in.take(left_);
  left_ -= static_cast<std::uint32_t>(bytes.size());
  if (left_ == 0 && bytes.empty()) {  // a piece does not reach into the padding
    const std::string_view padding = in.take(padding_);
    padding_ -= static_cast<std::uint32_t>(padding.size());
    if (side_ == Side::kRequest && padding.find_first_not_of('\0') != std::string_view::npos) {
      problem = {"bad_padding", "padding that is not zero", frame_.begin};
      return std::nullopt;
    }
  }
  const bool last = left_ == 0 && padding_ == 0;
  if (last) head_size_ = 0;
  if (!last && bytes.empty()) return std::nullopt;
  return Piece{.bytes = bytes, .first = !std::exchange(begun_, true), .last = last};
}

}  // namespace writ::protocol
