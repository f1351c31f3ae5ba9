#include <algorithm>
#include <utility>

#include "protocol/http2.h"
#include "protocol/http2_head.h"

namespace writ::protocol {
namespace {

// Text that a frame of the connection may carry although nobody judges it (why a client goes, how
// urgent a stream is): short, and text.
constexpr std::size_t kMaxUnread = 128;

bool is_short_text(std::string_view bytes) {
  return bytes.size() <= kMaxUnread &&
         std::all_of(bytes.begin(), bytes.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

}  // namespace

bool Http2Connection::feed_out(std::string_view bytes, Http2RequestSink& sink) {
  Cursor in{bytes, offset_};
  while (!problem_ && preface_ < kHttp2Preface.size() && !in.rest.empty()) {
    if (in.take(1).front() != kHttp2Preface[preface_++])
      problem_ = {"bad_preface", "a connection that does not begin as HTTP/2 does", in.offset - 1};
  }
  if (preface_ == kHttp2Preface.size()) {
    if (boundary_ == 0) boundary_ = preface_;
    while (!problem_) {
      const auto piece = client_.frames.next(in, problem_);
      if (!piece) break;
      problem_ = client_piece(*piece, in.offset, sink);
      if (problem_) break;
      if (!client_.blocks.open()) boundary_ = in.offset;
    }
  }
  if (problem_ && problem_stream_ == 0) problem_stream_ = client_.frames.frame().stream;
  offset_ = problem_ ? problem_->offset : in.offset;
  return !problem_;
}

std::optional<Problem> Http2Connection::client_piece(const FrameReader::Piece& piece,
                                                     std::uint64_t end, Http2RequestSink& sink) {
  const Frame& frame = client_.frames.frame();
  if (piece.first) {
    if (auto failure = check_order(client_)) return failure;
  }
  switch (frame.type) {
    case frame_type::kData:
      return client_data(piece, end, sink);
    case frame_type::kHeaders:
    case frame_type::kContinuation: {
      Failure failure;
      if (!client_.blocks.add(frame, piece.bytes, failure)) return failure;
      return client_block(end, sink);
    }
    default:
      return client_control(piece.bytes, end, sink);
  }
}

// A stream that the client has not opened, or is done with.
Problem Http2Connection::no_stream(const Frame& frame) const {
  if (frame.stream % 2 == 0 || frame.stream > last_stream_)
    return {"idle_stream", "a frame on a stream that no request has opened", frame.begin};
  return {"stream_closed", "a frame on a stream that is over", frame.begin};
}

std::optional<Problem> Http2Connection::client_data(const FrameReader::Piece& piece,
                                                    std::uint64_t end, Http2RequestSink& sink) {
  const Frame& frame = client_.frames.frame();
  const auto found = streams_.find(frame.stream);
  if (found == streams_.end() || found->second.client_ended) return no_stream(frame);
  Stream& stream = found->second;
  if (piece.first) {
    stream.window -= frame.length;
    window_ -= frame.length;
    stream.received += client_.frames.data_length();
    if (stream.length && stream.received > *stream.length) {
      return Problem{"content_length_mismatch", "a body that is longer than its Content-Length",
                     frame.begin};
    }
  }
  if (!piece.bytes.empty()) sink.on_body(frame.stream, piece.bytes, end);
  if (!piece.last || !frame.has(frame_flag::kEndStream)) return std::nullopt;
  return end_request(frame.stream, stream, end, sink);
}

std::optional<Problem> Http2Connection::end_request(std::uint32_t id, Stream& stream,
                                                    std::uint64_t end, Http2RequestSink& sink) {
  if (stream.length && stream.received != *stream.length) {
    return Problem{"content_length_mismatch", "a body that is shorter than its Content-Length",
                   client_.frames.frame().begin};
  }
  stream.client_ended = true;
  if (stream.server_ended) streams_.erase(id);
  sink.on_message_end(id, end);
  return std::nullopt;
}

std::optional<Problem> Http2Connection::client_block(std::uint64_t end, Http2RequestSink& sink) {
  const Frame& frame = client_.blocks.first();
  problem_stream_ = frame.stream;  // a CONTINUATION's problem is of its stream too
  const auto found = streams_.find(frame.stream);
  if (found == streams_.end()) {
    if (auto failure = open_stream(frame, end, sink)) return failure;
  } else {
    if (found->second.client_ended) return no_stream(frame);
    if (!frame.has(frame_flag::kEndStream)) {
      return Problem{"trailers_without_end", "a second header section that is not the last",
                     frame.begin};
    }
    const Headers trailers = client_.blocks.take();
    if (auto failure = check_trailers(trailers, frame.begin)) return failure;
    sink.on_trailers(frame.stream, trailers, end);
    if (auto failure = end_request(frame.stream, found->second, end, sink)) return failure;
  }
  problem_stream_ = 0;
  return std::nullopt;
}

std::optional<Problem> Http2Connection::open_stream(const Frame& frame, std::uint64_t end,
                                                    Http2RequestSink& sink) {
  if (frame.stream % 2 == 0)
    return Problem{"bad_stream_id", "a request on a stream with an even number", frame.begin};
  if (frame.stream <= last_stream_)
    return Problem{"stream_reused", "a request on a stream that was used before", frame.begin};
  if (streams_.size() == limits_.streams)
    return Problem{"too_many_streams", "more open streams than allowed", frame.begin};
  last_stream_ = frame.stream;
  const bool ended = frame.has(frame_flag::kEndStream);
  RequestHead head;
  head.begin = frame.begin;
  if (auto failure = read_request_head(client_.blocks.take(), ended, head)) return failure;
  Stream& stream = streams_[frame.stream];
  stream.window = initial_window_;
  stream.client_ended = ended;
  if (head.body == BodyKind::kLength) stream.length = head.content_length;
  sink.on_head(frame.stream, head, end);
  if (ended) sink.on_message_end(frame.stream, end);
  return std::nullopt;
}

std::optional<Problem> Http2Connection::client_control(std::string_view payload, std::uint64_t end,
                                                       Http2RequestSink& sink) {
  const Frame& frame = client_.frames.frame();
  switch (frame.type) {
    case frame_type::kSettings: {
      std::optional<std::uint32_t> window;  // of what the server sends: nobody waits for that here
      return read_settings(payload, frame.begin, server_, window);
    }
    case frame_type::kRstStream: {
      if (frame.stream % 2 == 0 || frame.stream > last_stream_) return no_stream(frame);
      const auto found = streams_.find(frame.stream);
      if (found == streams_.end()) return std::nullopt;  // it crossed the end of the response
      streams_.erase(found);
      sink.on_reset(frame.stream, read_number(payload), end);
      return std::nullopt;
    }
    case frame_type::kWindowUpdate:
      if ((read_number(payload) & 0x7fffffffU) == 0)
        return Problem{"bad_window_update", "a window that grows by nothing", frame.begin};
      if (frame.stream > last_stream_) return no_stream(frame);
      return std::nullopt;
    case frame_type::kPriority:
      if ((read_number(payload.substr(0, 4)) & 0x7fffffffU) != frame.stream) return std::nullopt;
      return Problem{"bad_priority", "a stream that depends on itself", frame.begin};
    case frame_type::kPing:
      return std::nullopt;
    case frame_type::kPushPromise:
      return Problem{"push_promise", "a promise that only servers make", frame.begin};
    case frame_type::kGoaway:
      if (is_short_text(payload.substr(8))) return std::nullopt;
      break;
    case frame_type::kPriorityUpdate:
      if (is_short_text(payload.substr(4))) return std::nullopt;
      break;
    default:  // RFC 9113 section 5.5 has them ignored, so no one reads what is in them
      break;
  }
  return Problem{"unread_bytes", "a frame with bytes in it that no server looks at", frame.begin};
}

}  // namespace writ::protocol
