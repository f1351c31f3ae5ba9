#include "protocol/http2_block.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace writ::protocol {
namespace {

std::string_view text_of(const std::uint8_t* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

}  // namespace

void HpackDecoder::Delete::operator()(nghttp2_hd_inflater* inflater) const {
  nghttp2_hd_inflate_del(inflater);
}

HpackDecoder::HpackDecoder(const Http2Limits& limits) : limits_(limits) {
  nghttp2_hd_inflater* inflater = nullptr;
  if (nghttp2_hd_inflate_new(&inflater) != 0) std::abort();  // fails of memory only
  inflater_.reset(inflater);
}

void HpackDecoder::allow(std::uint32_t table_bytes) {
  table_bytes = std::min(table_bytes, limits_.header_table);
  if (table_bytes <= table_bytes_) return;
  // Refused after a block that could not be decoded only, and then nothing is decoded any more.
  if (nghttp2_hd_inflate_change_table_size(inflater_.get(), table_bytes) == 0)
    table_bytes_ = table_bytes;
}

std::size_t HpackDecoder::table_bytes() const {
  return nghttp2_hd_inflate_get_dynamic_table_size(inflater_.get());
}

std::optional<Problem> HpackDecoder::decode(std::string_view block, std::uint64_t offset,
                                            Headers& out) {
  const auto* next = reinterpret_cast<const std::uint8_t*>(block.data());
  std::size_t left = block.size();
  std::size_t bytes = 0;
  while (true) {
    nghttp2_nv field{};
    int flags = 0;
    const auto used = nghttp2_hd_inflate_hd2(inflater_.get(), &field, &flags, next, left, 1);
    if (used < 0)
      return Problem{"bad_header_block", "a header block that HPACK cannot decode", offset};
    next += used;
    left -= static_cast<std::size_t>(used);
    if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
      bytes += field.namelen + field.valuelen + 32;  // as RFC 9113 section 10.5.1 counts
      if (bytes > limits_.header_bytes) {
        return Problem{"header_section_too_large", "a header section that is larger than allowed",
                       offset};
      }
      if (out.size() == limits_.headers)
        return Problem{"too_many_headers", "more header fields than allowed", offset};
      out.push_back({std::string(text_of(field.name, field.namelen)),
                     std::string(text_of(field.value, field.valuelen))});
    }
    if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) break;
  }
  (void)nghttp2_hd_inflate_end_headers(inflater_.get());  // always 0
  return std::nullopt;
}

Headers HeaderBlockReader::take() { return std::exchange(fields_, {}); }

// The payload without padding and priority.
std::optional<std::string_view> HeaderBlockReader::fragment_of(
    const Frame& frame, std::string_view payload, std::optional<Problem>& problem) const {
  if (frame.type == frame_type::kContinuation) return payload;
  const std::size_t fixed = frame.type == frame_type::kPushPromise ? 4
                            : frame.has(frame_flag::kPriority)     ? 5
                                                                   : 0;
  std::size_t padding = 0;
  if (frame.has(frame_flag::kPadded)) {
    padding = payload.empty() ? 1 : read_number(payload.substr(0, 1));
    payload.remove_prefix(std::min<std::size_t>(1, payload.size()));
  }
  if (payload.size() < padding + fixed) {
    problem = {padding > 0 ? "bad_padding" : "bad_frame_length",
               "a header frame that is shorter than its own fields", frame.begin};
    return std::nullopt;
  }
  if (side_ == Side::kRequest &&
      payload.substr(payload.size() - padding).find_first_not_of('\0') != std::string_view::npos) {
    problem = {"bad_padding", "padding that is not zero", frame.begin};
    return std::nullopt;
  }
  if (fixed == 5 && (read_number(payload.substr(0, 4)) & 0x7fffffffU) == frame.stream) {
    problem = {"bad_priority", "a stream that depends on itself", frame.begin};
    return std::nullopt;
  }
  payload.remove_suffix(padding);
  payload.remove_prefix(fixed);
  return payload;
}

bool HeaderBlockReader::add(const Frame& frame, std::string_view payload,
                            std::optional<Problem>& problem) {
  const bool continues = frame.type == frame_type::kContinuation;
  if (continues && (!open_ || frame.stream != first_.stream)) {
    problem = {"unexpected_continuation", "a CONTINUATION that continues nothing", frame.begin};
    return false;
  }
  if (!continues && open_) {
    problem = {"continuation_expected", "another frame within a header block", frame.begin};
    return false;
  }
  const auto fragment = fragment_of(frame, payload, problem);
  if (!fragment) return false;
  if (!continues) {
    first_ = frame;
    block_.clear();
    frames_ = 0;
  } else if (++frames_ > limits_.continuations) {
    problem = {"too_many_continuations", "a header block in more frames than allowed", frame.begin};
    return false;
  }
  if (block_.size() + fragment->size() > limits_.header_bytes) {
    problem = {"header_section_too_large", "a header section that is larger than allowed",
               frame.begin};
    return false;
  }
  open_ = !frame.has(frame_flag::kEndHeaders);
  if (open_ || continues) block_ += *fragment;
  if (open_) return false;
  problem =
      decoder_.decode(continues ? std::string_view(block_) : *fragment, first_.begin, fields_);
  if (block_.capacity() > (4U << 10)) block_ = {};
  return !problem;
}

}  // namespace writ::protocol
