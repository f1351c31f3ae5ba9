#include <utility>

#include "protocol/http1.h"

namespace writ::protocol {

ResponseParser::ResponseParser(const Http1Limits& limits)
    : start_line_{limits.start_line, "start_line_too_long",
                  "a status line that is longer than allowed"},
      max_pipelined_(limits.pipelined),
      fields_(Side::kResponse,
              {limits.header_bytes, "header_section_too_large",
               "a header section that is larger than allowed"},
              limits.headers),
      body_(Side::kResponse, limits) {}

void ResponseParser::expect(std::string_view method, bool upgrade) {
  if (problem_) return;
  if (expected_.size() == max_pipelined_) {
    problem_ = {"too_many_pipelined", "more requests without a response than allowed", offset_};
    return;
  }
  expected_.push_back(
      {.head = method == "HEAD", .connect = method == "CONNECT", .upgrade = upgrade});
}

bool ResponseParser::feed(std::string_view bytes, ResponseSink& sink) {
  Cursor in{bytes, offset_};
  while (!problem_ && !in.rest.empty()) step(in, sink);
  offset_ = problem_ ? problem_->offset : in.offset;
  return !problem_;
}

void ResponseParser::step(Cursor& in, ResponseSink& sink) {
  switch (stage_) {
    case Stage::kStart:
      read_start(in);
      return;
    case Stage::kFields:
      if (fields_.read(in, lines_, problem_)) finish_head(sink, in.offset);
      return;
    case Stage::kBody:
      if (body_.read(in, lines_, sink, problem_)) finish_message(sink, in.offset);
      return;
    case Stage::kTunnel: {
      const std::string_view bytes = in.take(in.rest.size());
      sink.on_tunnel(bytes, in.offset);
      return;
    }
  }
}

void ResponseParser::read_start(Cursor& in) {
  if (closing_) {
    problem_ = {"bytes_after_close", "bytes behind a response that said it was the last",
                in.offset};
    return;
  }
  if (expected_.empty()) {
    problem_ = {"unexpected_response", "a response to no request", in.offset};
    return;
  }
  const auto line = lines_.next(in, start_line_, problem_);
  if (!line) return;
  head_ = {};
  head_.begin = lines_.begin();
  problem_ = parse_status_line(*line, lines_.begin(), head_);
  stage_ = Stage::kFields;
}

void ResponseParser::finish_head(ResponseSink& sink, std::uint64_t end) {
  head_.headers = fields_.take();
  problem_ = frame_response(expected_.front(), head_, end);
  if (problem_) return;
  if (head_.body == BodyKind::kTunnel && expected_.size() > 1) {
    problem_ = {"unexpected_upgrade", "a tunnel opens before requests that were already sent", end};
    return;
  }
  sink.on_head(head_, end);
  if (head_.interim) {
    stage_ = Stage::kStart;
    return;
  }
  closing_ = !head_.keep_alive;
  if (head_.body == BodyKind::kNone || head_.body == BodyKind::kTunnel ||
      (head_.body == BodyKind::kLength && head_.content_length == 0)) {
    finish_message(sink, end);
    return;
  }
  body_.start(head_.body, head_.content_length);
  stage_ = Stage::kBody;
}

void ResponseParser::finish_message(BodySink& sink, std::uint64_t end) {
  stage_ = head_.body == BodyKind::kTunnel ? Stage::kTunnel : Stage::kStart;
  head_ = {};
  expected_.pop_front();
  lines_.shrink();
  sink.on_message_end(end);
}

bool ResponseParser::on_close(ResponseSink& sink) {
  if (problem_ || stage_ == Stage::kTunnel || at_message_boundary()) return !problem_;
  if (stage_ == Stage::kBody && head_.body == BodyKind::kUntilClose) {
    finish_message(sink, offset_);
    return true;
  }
  problem_ = {"incomplete_message", "the connection closed in the middle of a response", offset_};
  return false;
}

}  // namespace writ::protocol
