#include "util/framing.h"

namespace writ {
namespace {

// A buffer that once held a large frame is not kept at that size by an idle connection.
constexpr std::size_t kKeepCapacity = 64u << 10;

std::uint32_t big_endian(std::string_view bytes) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < kFrameHeaderBytes; ++i) {
    value = value << 8 | static_cast<unsigned char>(bytes[i]);
  }
  return value;
}

}  // namespace

Status append_frame(std::string& out, std::string_view payload) {
  if (payload.size() > kMaxFrameBytes) {
    return fail(ErrorCode::kInvalid, "a message of {} bytes is longer than the maximum of {}",
                payload.size(), kMaxFrameBytes);
  }
  const auto length = static_cast<std::uint32_t>(payload.size());
  for (int shift = 24; shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>(length >> shift & 0xff));
  }
  out.append(payload);
  return {};
}

void FrameDecoder::feed(std::string_view bytes) {
  if (start_ == buffer_.size()) {
    buffer_.clear();
    start_ = 0;
    if (buffer_.capacity() > kKeepCapacity) buffer_.shrink_to_fit();
  } else if (start_ >= kKeepCapacity) {
    buffer_.erase(0, start_);
    start_ = 0;
  }
  buffer_.append(bytes);
}

Result<std::optional<std::string_view>> FrameDecoder::next() {
  const std::string_view rest = std::string_view(buffer_).substr(start_);
  if (rest.size() < kFrameHeaderBytes) return std::nullopt;
  const std::size_t length = big_endian(rest);
  if (length > max_) {
    return fail(ErrorCode::kInvalid, "a message of {} bytes is announced; the maximum is {}",
                length, max_);
  }
  if (rest.size() - kFrameHeaderBytes < length) return std::nullopt;
  start_ += kFrameHeaderBytes + length;
  return rest.substr(kFrameHeaderBytes, length);
}

}  // namespace writ
