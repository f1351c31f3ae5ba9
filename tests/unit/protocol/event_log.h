// Writes down what a parser reports as lines of text that do not depend on how the stream was cut.
// Shared by the unit tests and the fuzzers.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <cstdlib>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/http1.h"

namespace writ::protocol {

// The common part of both logs. Body and tunnel pieces that follow each other become one line.
template <class Sink>
class EventLog : public Sink {
 public:
  void on_body(std::string_view bytes, std::uint64_t end) override { add("body", bytes, end); }
  void on_tunnel(std::string_view bytes, std::uint64_t end) override { add("tunnel", bytes, end); }
  void on_trailers(const Headers& trailers, std::uint64_t end) override {
    line(fmt::format("trailers{} @{}", text_of(trailers), end));
  }
  void on_message_end(std::uint64_t end) override { line(fmt::format("end @{}", end)); }

  void line(std::string text) {
    flush();
    lines_.push_back(std::move(text));
  }
  std::vector<std::string> take() {
    flush();
    return std::exchange(lines_, {});
  }
  // Where the bytes lie that are being fed: every piece must be a view into them.
  void feeding(std::string_view bytes) { fed_ = bytes; }

 protected:
  static std::string text_of(const Headers& headers) {
    std::string text;
    for (const Header& h : headers) text += fmt::format(" [{}: {}]", h.name, h.value);
    return text;
  }
  static const char* name_of(BodyKind kind) {
    switch (kind) {
      case BodyKind::kNone:
        return "none";
      case BodyKind::kLength:
        return "length";
      case BodyKind::kChunked:
        return "chunked";
      case BodyKind::kUntilClose:
        return "until-close";
      case BodyKind::kTunnel:
        return "tunnel";
    }
    return "?";
  }

 private:
  void add(const char* kind, std::string_view bytes, std::uint64_t end) {
    const std::less_equal<const char*> not_after;
    const bool is_view = not_after(fed_.data(), bytes.data()) &&
                         not_after(bytes.data() + bytes.size(), fed_.data() + fed_.size());
    if (!is_view || bytes.empty()) std::abort();  // a copy, or a piece without bytes
    if (kind != kind_) flush();
    kind_ = kind;
    piece_ += bytes;
    end_ = end;
  }
  void flush() {
    if (kind_.empty()) return;
    lines_.push_back(fmt::format("{} '{}' @{}", kind_, piece_, end_));
    kind_ = {};
    piece_.clear();
  }

  std::vector<std::string> lines_;
  std::string_view kind_;
  std::string piece_;
  std::uint64_t end_ = 0;
  std::string_view fed_;
};

class RequestLog : public EventLog<RequestSink> {
 public:
  void on_head(const RequestHead& h, std::uint64_t end) override {
    line(fmt::format("request {} {} 1.{} {} {}{}{}{}{}{} from {} @{}", h.method, h.target,
                     h.minor_version, name_of(h.body), h.content_length,
                     h.expect_continue ? " expect" : "", h.upgrade ? " upgrade" : "",
                     h.connect ? " connect" : "", h.keep_alive ? "" : " close", text_of(h.headers),
                     h.begin, end));
  }
};

class ResponseLog : public EventLog<ResponseSink> {
 public:
  void on_head(const ResponseHead& h, std::uint64_t end) override {
    line(fmt::format("response {} '{}' 1.{} {} {}{}{}{}{} from {} @{}", h.status, h.reason,
                     h.minor_version, name_of(h.body), h.content_length,
                     h.interim ? " interim" : "", h.upgrade ? " upgrade" : "",
                     h.keep_alive ? "" : " close", text_of(h.headers), h.begin, end));
  }
};

// Cuts `stream` behind every position in `cuts` (ascending) and calls `feed` with the pieces until
// it says no. Each piece lies in memory of its own, so that reading beside it is an error that
// AddressSanitizer sees, and no view can outlive its feed().
inline void feed_pieces(std::string_view stream, const std::vector<std::size_t>& cuts,
                        const std::function<bool(std::string_view)>& feed) {
  std::size_t begin = 0;
  for (std::size_t i = 0; i <= cuts.size(); ++i) {
    const std::size_t end = i < cuts.size() ? cuts[i] : stream.size();
    const std::vector<char> piece(stream.begin() + static_cast<std::ptrdiff_t>(begin),
                                  stream.begin() + static_cast<std::ptrdiff_t>(end));
    if (!feed({piece.data(), piece.size()})) return;
    begin = end;
  }
}

// The code of a Problem, or "" when there is none.
inline std::string code_of(const std::optional<Problem>& problem) {
  return problem ? problem->code : "";
}

template <class Parser, class Log>
void log_state(const Parser& parser, Log& log) {
  const std::optional<Problem>& problem = parser.problem();
  if (problem) log.line(fmt::format("problem {} @{}", problem->code, problem->offset));
  log.line(fmt::format("offset {}{}{}", parser.offset(),
                       parser.at_message_boundary() ? " boundary" : "",
                       parser.tunnel() ? " tunnel" : ""));
}

inline std::vector<std::string> request_events(std::string_view stream,
                                               const std::vector<std::size_t>& cuts,
                                               const Http1Limits& limits = {}) {
  RequestParser parser(limits);
  RequestLog log;
  feed_pieces(stream, cuts, [&](std::string_view piece) {
    log.feeding(piece);
    return parser.feed(piece, log);
  });
  log_state(parser, log);
  log.line(parser.on_close() ? "closed" : code_of(parser.problem()));
  return log.take();
}

inline std::vector<std::string> response_events(std::string_view stream,
                                                const std::vector<Expected>& expected,
                                                const std::vector<std::size_t>& cuts,
                                                const Http1Limits& limits = {}) {
  ResponseParser parser(limits);
  ResponseLog log;
  for (const Expected& e : expected)
    parser.expect(e.head ? "HEAD" : e.connect ? "CONNECT" : "GET", e.upgrade);
  feed_pieces(stream, cuts, [&](std::string_view piece) {
    log.feeding(piece);
    return parser.feed(piece, log);
  });
  log_state(parser, log);
  log.line(parser.on_close(log) ? "closed" : code_of(parser.problem()));
  log.line(fmt::format("outstanding {}", parser.outstanding()));
  return log.take();
}

}  // namespace writ::protocol
