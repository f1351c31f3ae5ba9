#include <utility>

#include "protocol/http1.h"

namespace writ::protocol {

RequestParser::RequestParser(const Http1Limits& limits)
    : start_line_{limits.start_line, "start_line_too_long",
                  "a request line that is longer than allowed"},
      fields_(Side::kRequest,
              {limits.header_bytes, "header_section_too_large",
               "a header section that is larger than allowed"},
              limits.headers),
      body_(Side::kRequest, limits) {}

bool RequestParser::feed(std::string_view bytes, RequestSink& sink) {
  Cursor in{bytes, offset_};
  while (!problem_ && !in.rest.empty()) step(in, sink);
  offset_ = problem_ ? problem_->offset : in.offset;
  return !problem_;
}

void RequestParser::step(Cursor& in, RequestSink& sink) {
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
    case Stage::kConnecting:
      problem_ = {"bytes_before_tunnel", "bytes behind a CONNECT that was not answered yet",
                  in.offset};
      return;
    case Stage::kTunnel: {
      const std::string_view bytes = in.take(in.rest.size());
      sink.on_tunnel(bytes, in.offset);
      return;
    }
  }
}

void RequestParser::read_start(Cursor& in) {
  may_tunnel_ = false;
  // An empty line after the last request is harmless; anything else the server will not read, or
  // will read although the client said that there is nothing.
  if (closing_ && !lines_.partial() && in.rest.front() != '\r') {
    problem_ = {"bytes_after_close", "bytes behind a request that said it was the last", in.offset};
    return;
  }
  const auto line = lines_.next(in, start_line_, problem_);
  if (!line) return;
  if (line->empty() && !blank_line_) {  // RFC 9112 section 2.2: at least one must be ignored
    blank_line_ = true;
    return;
  }
  head_ = {};
  head_.begin = lines_.begin();
  problem_ = parse_request_line(*line, lines_.begin(), head_);
  stage_ = Stage::kFields;
}

void RequestParser::finish_head(RequestSink& sink, std::uint64_t end) {
  head_.headers = fields_.take();
  problem_ = frame_request(head_, end);
  if (problem_) return;
  closing_ = !head_.keep_alive && !head_.connect && !head_.upgrade;
  may_tunnel_ = head_.connect || head_.upgrade;
  sink.on_head(head_, end);
  if (head_.body == BodyKind::kNone ||
      (head_.body == BodyKind::kLength && head_.content_length == 0)) {
    finish_message(sink, end);
    return;
  }
  body_.start(head_.body, head_.content_length);
  stage_ = Stage::kBody;
}

void RequestParser::finish_message(BodySink& sink, std::uint64_t end) {
  stage_ = head_.connect ? Stage::kConnecting : Stage::kStart;
  blank_line_ = false;
  head_ = {};
  lines_.shrink();
  sink.on_message_end(end);
}

bool RequestParser::on_close() {
  if (!problem_ && !at_message_boundary() && stage_ != Stage::kTunnel)
    problem_ = {"incomplete_message", "the connection closed in the middle of a request", offset_};
  return !problem_;
}

bool RequestParser::enter_tunnel() {
  if (problem_ || stage_ == Stage::kTunnel) return !problem_;
  const bool at_end = stage_ == Stage::kStart || stage_ == Stage::kConnecting;
  if (!may_tunnel_ || !at_end) {
    problem_ = {"unexpected_tunnel",
                "the server switched protocols where the client did not wait for it", offset_};
    return false;
  }
  stage_ = Stage::kTunnel;
  return true;
}

void RequestParser::stay_http() {
  if (stage_ != Stage::kConnecting) return;
  stage_ = Stage::kStart;
  may_tunnel_ = false;
}

bool RequestParser::at_message_boundary() const {
  if (problem_) return false;
  return stage_ == Stage::kConnecting || (stage_ == Stage::kStart && !lines_.partial());
}

}  // namespace writ::protocol
