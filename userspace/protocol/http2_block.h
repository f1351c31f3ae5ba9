// Puts header blocks together from HEADERS, PUSH_PROMISE and CONTINUATION, and takes HPACK off.
//
// RFC 9113 sections 4.3, 6.2, 6.6 and 6.10; RFC 7541 by nghttp2's inflater. One for each direction
// of a connection, because each has a dynamic table that every block changes: after one Problem no
// block can be read any more.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/http2_frame.h"

struct nghttp2_hd_inflater;

namespace writ::protocol {

// What a peer can make us keep, for each direction of a connection.
struct Http2Limits {
  std::size_t header_bytes = 64U << 10;  // of a block, as sent and again decoded
  std::size_t headers = 200;
  std::size_t continuations = 64;          // frames of a block, which may be empty
  std::uint32_t header_table = 64U << 10;  // of HPACK, whatever the other side allows
  std::size_t streams = 1024;              // open at once
};

// RFC 7541's decoder.
class HpackDecoder {
 public:
  explicit HpackDecoder(const Http2Limits& limits = {});

  // The fields of a whole block, as sent: names may be anything. `offset` is for the Problem:
  // bad_header_block, header_section_too_large, too_many_headers; then the decoder is of no use any
  // more.
  std::optional<Problem> decode(std::string_view block, std::uint64_t offset, Headers& out);
  // The decoding side allows this much (SETTINGS_HEADER_TABLE_SIZE). It never shrinks: when a
  // smaller table is used is said in the blocks themselves.
  void allow(std::uint32_t table_bytes);
  [[nodiscard]] std::size_t table_bytes() const;

 private:
  struct Delete {
    void operator()(nghttp2_hd_inflater* inflater) const;
  };
  Http2Limits limits_;
  std::uint32_t table_bytes_ = 4096;  // RFC 9113 section 6.5.2
  std::unique_ptr<nghttp2_hd_inflater, Delete> inflater_;
};

class HeaderBlockReader {
 public:
  HeaderBlockReader(Side side, const Http2Limits& limits)
      : side_(side), limits_(limits), decoder_(limits) {}

  // Takes a whole frame of the three types. True: the block has ended, first() and take() are its
  // own. False: a CONTINUATION is due, or `problem` is set: bad_padding, bad_frame_length,
  // bad_priority, unexpected_continuation, continuation_expected, too_many_continuations,
  // header_section_too_large, and those of HpackDecoder.
  bool add(const Frame& frame, std::string_view payload, std::optional<Problem>& problem);

  // Nothing but a CONTINUATION may come.
  [[nodiscard]] bool open() const { return open_; }
  // The frame that the block began with.
  [[nodiscard]] const Frame& first() const { return first_; }
  Headers take();
  HpackDecoder& decoder() { return decoder_; }

 private:
  std::optional<std::string_view> fragment_of(const Frame& frame, std::string_view payload,
                                              std::optional<Problem>& problem) const;

  Side side_;
  Http2Limits limits_;
  HpackDecoder decoder_;
  bool open_ = false;
  Frame first_;
  std::size_t frames_ = 0;
  std::string block_;  // of a block in more than one frame
  Headers fields_;
};

}  // namespace writ::protocol
