// Writes HTTP/2 frames, right and wrong ones, and writes down what a reader makes of them. Shared
// by the unit tests and the fuzzer.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "event_log.h"
#include "protocol/http2.h"

namespace writ::protocol {

inline std::string number(std::uint64_t value, int bytes) {
  std::string text;
  for (int i = bytes - 1; i >= 0; --i) text.push_back(static_cast<char>(value >> (8 * i)));
  return text;
}

inline std::string frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream,
                         std::string_view payload = {}) {
  return number(payload.size(), 3) + number(type, 1) + number(flags, 1) + number(stream, 4) +
         std::string(payload);
}

// A header block of literals without index and without Huffman's code (RFC 7541 section 6.2.2).
inline std::string block(const std::vector<std::pair<std::string, std::string>>& fields) {
  const auto text = [](const std::string& s) {
    std::string out;
    if (s.size() < 127) {
      out = number(s.size(), 1);
    } else {
      out = "\x7f";
      std::size_t rest = s.size() - 127;
      for (; rest >= 128; rest >>= 7) out.push_back(static_cast<char>(0x80 | (rest & 0x7f)));
      out.push_back(static_cast<char>(rest));
    }
    return out + s;
  };
  std::string out;
  for (const auto& [name, value] : fields) out += std::string(1, '\0') + text(name) + text(value);
  return out;
}

using Fields = std::vector<std::pair<std::string, std::string>>;

inline Fields request_fields(const std::string& method, const std::string& path,
                             const Fields& more = {}) {
  Fields all = {
      {":method", method}, {":scheme", "http"}, {":authority", "crm.test"}, {":path", path}};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

// HEADERS; `flags` beside END_HEADERS.
inline std::string headers(std::uint32_t stream, const Fields& fields, std::uint8_t flags = 0) {
  return frame(frame_type::kHeaders, frame_flag::kEndHeaders | flags, stream, block(fields));
}
inline std::string get2(std::uint32_t stream, const std::string& path, const Fields& more = {}) {
  return headers(stream, request_fields("GET", path, more), frame_flag::kEndStream);
}
inline std::string post2(std::uint32_t stream, const std::string& path, const Fields& more = {}) {
  return headers(stream, request_fields("POST", path, more));
}
inline std::string data(std::uint32_t stream, std::string_view bytes, bool end = false) {
  return frame(frame_type::kData, end ? frame_flag::kEndStream : 0, stream, bytes);
}
inline std::string settings(const std::vector<std::pair<int, std::uint32_t>>& values = {}) {
  std::string payload;
  for (const auto& [id, value] : values) payload += number(id, 2) + number(value, 4);
  return frame(frame_type::kSettings, 0, 0, payload);
}
inline std::string window_update(std::uint32_t stream, std::uint32_t more) {
  return frame(frame_type::kWindowUpdate, 0, stream, number(more, 4));
}
inline std::string reset(std::uint32_t stream, std::uint32_t error = 8) {
  return frame(frame_type::kRstStream, 0, stream, number(error, 4));
}
// How every client begins.
inline std::string opening() { return std::string(kHttp2Preface) + settings(); }

// What a connection tells, as lines that do not depend on how the bytes were cut.
template <class Sink>
class Http2Log : public Sink {
 public:
  void on_body(std::uint32_t stream, std::string_view bytes, std::uint64_t end) override {
    if (bytes.empty()) std::abort();
    if (stream != body_stream_) flush();
    body_stream_ = stream;
    body_ += bytes;
    body_end_ = end;
  }
  void on_trailers(std::uint32_t stream, const Headers& fields, std::uint64_t end) override {
    line(fmt::format("{} trailers{} @{}", stream, text_of(fields), end));
  }
  void on_message_end(std::uint32_t stream, std::uint64_t end) override {
    line(fmt::format("{} end @{}", stream, end));
  }
  void on_reset(std::uint32_t stream, std::uint32_t error, std::uint64_t end) override {
    line(fmt::format("{} reset {} @{}", stream, error, end));
  }
  void line(std::string text) {
    flush();
    lines_.push_back(std::move(text));
  }
  std::vector<std::string> take() {
    flush();
    return std::exchange(lines_, {});
  }

 protected:
  static std::string text_of(const Headers& fields) {
    std::string text;
    for (const Header& h : fields) text += fmt::format(" [{}: {}]", h.name, h.value);
    return text;
  }

 private:
  void flush() {
    if (!body_.empty())
      lines_.push_back(fmt::format("{} body '{}' @{}", body_stream_, body_, body_end_));
    body_.clear();
  }
  std::vector<std::string> lines_;
  std::uint32_t body_stream_ = 0;
  std::string body_;
  std::uint64_t body_end_ = 0;
};

class Http2RequestLog : public Http2Log<Http2RequestSink> {
 public:
  void on_head(std::uint32_t stream, const RequestHead& h, std::uint64_t end) override {
    line(fmt::format("{} {} {}{}{}{} from {} @{}", stream, h.method, h.target,
                     h.body == BodyKind::kNone     ? ""
                     : h.body == BodyKind::kLength ? fmt::format(" length {}", h.content_length)
                                                   : " open",
                     h.expect_continue ? " expect" : "", text_of(h.headers), h.begin, end));
  }
};

class Http2ResponseLog : public Http2Log<Http2ResponseSink> {
 public:
  void on_head(std::uint32_t stream, const ResponseHead& h, std::uint64_t end) override {
    line(fmt::format("{} status {}{}{} @{}", stream, h.status, h.interim ? " interim" : "",
                     text_of(h.headers), end));
  }
};

// The events of what a client sends after it has read `from_server`, cut behind every position in
// `cuts`.
inline std::vector<std::string> http2_events(std::string_view from_client,
                                             std::string_view from_server,
                                             const std::vector<std::size_t>& cuts,
                                             const Http2Limits& limits = {}) {
  Http2Connection connection(limits);
  Http2RequestLog log;
  Http2ResponseLog server;
  (void)connection.feed_in(from_server, server);
  feed_pieces(from_client, cuts, [&](std::string_view piece) {
    const bool fine = connection.feed_out(piece, log);
    if (fine && connection.boundary() > connection.offset()) std::abort();
    return fine;
  });
  const auto& problem = connection.problem();
  if (problem) {
    log.line(fmt::format("problem {} of {} @{}", problem->code, connection.problem_stream(),
                         problem->offset));
  } else {
    log.line(fmt::format("boundary {}", connection.boundary()));
  }
  log.line(fmt::format("offset {} open {}", connection.offset(), connection.open_streams()));
  return log.take();
}

}  // namespace writ::protocol
