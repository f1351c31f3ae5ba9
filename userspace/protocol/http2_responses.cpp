#include <utility>

#include "protocol/http1_text.h"
#include "protocol/http2.h"
#include "protocol/http2_head.h"

namespace writ::protocol {

bool Http2Connection::feed_in(std::string_view bytes, Http2ResponseSink& sink) {
  if (server_.problem) return false;
  Cursor in{bytes, in_offset_};
  while (!server_.problem) {
    const auto piece = server_.frames.next(in, server_.problem);
    if (!piece) break;
    server_.problem = server_piece(*piece, in.offset, sink);
  }
  in_offset_ = in.offset;
  if (server_.problem) lose_in();
  return !server_.problem;
}

std::optional<Problem> Http2Connection::server_piece(const FrameReader::Piece& piece,
                                                     std::uint64_t end, Http2ResponseSink& sink) {
  const Frame& frame = server_.frames.frame();
  if (piece.first) {
    if (auto failure = check_order(server_)) return failure;
  }
  switch (frame.type) {
    case frame_type::kData: {
      const auto found = streams_.find(frame.stream);
      if (found == streams_.end()) {
        if (frame.stream <= last_stream_) return std::nullopt;  // it crossed a RST_STREAM
        return Problem{"bad_stream_id", "a response to no request", frame.begin};
      }
      if (!piece.bytes.empty()) sink.on_body(frame.stream, piece.bytes, end);
      if (piece.last && frame.has(frame_flag::kEndStream))
        end_response(frame.stream, found->second, end, sink);
      return std::nullopt;
    }
    case frame_type::kHeaders:
    case frame_type::kContinuation: {
      Failure failure;
      if (!server_.blocks.add(frame, piece.bytes, failure)) return failure;
      return server_block(end, sink);
    }
    default:
      return server_control(piece.bytes, end, sink);
  }
}

std::optional<Problem> Http2Connection::server_block(std::uint64_t end, Http2ResponseSink& sink) {
  const Frame& frame = server_.blocks.first();
  Headers fields = server_.blocks.take();
  const auto found = streams_.find(frame.stream);
  if (found == streams_.end()) {
    if (frame.stream <= last_stream_) return std::nullopt;
    return Problem{"bad_stream_id", "a response to no request", frame.begin};
  }
  Stream& stream = found->second;
  if (stream.answered) {
    for (Header& field : fields) field.value = to_utf8(field.value);
    sink.on_trailers(frame.stream, fields, end);
  } else {
    ResponseHead head;
    head.begin = frame.begin;
    if (auto failure = read_response_head(std::move(fields), head)) return failure;
    stream.answered = !head.interim;
    sink.on_head(frame.stream, head, end);
  }
  if (frame.has(frame_flag::kEndStream)) end_response(frame.stream, stream, end, sink);
  return std::nullopt;
}

void Http2Connection::end_response(std::uint32_t id, Stream& stream, std::uint64_t end,
                                   Http2ResponseSink& sink) {
  stream.server_ended = true;
  if (stream.client_ended) streams_.erase(id);
  sink.on_message_end(id, end);
}

std::optional<Problem> Http2Connection::server_control(std::string_view payload, std::uint64_t end,
                                                       Http2ResponseSink& sink) {
  const Frame& frame = server_.frames.frame();
  switch (frame.type) {
    case frame_type::kSettings: {
      std::optional<std::uint32_t> initial;
      if (auto failure = read_settings(payload, frame.begin, client_, initial)) return failure;
      if (!initial) return std::nullopt;
      for (auto& [id, stream] : streams_) stream.window += *initial - initial_window_;
      initial_window_ = *initial;
      return std::nullopt;
    }
    case frame_type::kWindowUpdate: {
      const std::int64_t more = read_number(payload) & 0x7fffffffU;
      if (frame.stream == 0) window_ += more;
      const auto found = streams_.find(frame.stream);
      if (found != streams_.end()) found->second.window += more;
      return std::nullopt;
    }
    case frame_type::kRstStream: {
      const auto found = streams_.find(frame.stream);
      if (found == streams_.end()) return std::nullopt;
      found->second.server_ended = true;
      if (found->second.client_ended) streams_.erase(found);
      sink.on_reset(frame.stream, read_number(payload), end);
      return std::nullopt;
    }
    case frame_type::kPushPromise:
      return Problem{"push_promise", "a response that nobody has asked for is not read",
                     frame.begin};
    default:  // PING, GOAWAY, PRIORITY and what is unknown change nothing here
      return std::nullopt;
  }
}

}  // namespace writ::protocol
