// Incremental HTTP/2 reader: what a client and a server send on one connection goes in, in pieces
// of any size; the requests and responses of its streams come out. RFC 9113, RFC 7541.
//
//   Http2Connection connection;
//   if (!connection.feed_out(bytes, sink)) deny(*connection.problem());
//
// One object reads both directions, because each settles how the other is read: SETTINGS say how
// large frames and HPACK's table may be, WINDOW_UPDATE how much body may come. What was read of the
// server must be fed before what the client sends because of it.
//
// It is as strict as protocol/http1.h, and Problems are sticky: HPACK's table and the streams are
// of the whole connection, so nothing behind a misread frame means anything. What leaves the host
// and no server looks at (padding, unknown frames) is a Problem too. Memory is bounded by
// Http2Limits; bodies are neither kept nor copied.
//
// Problem codes
//   opening    bad_preface settings_expected
//   frames     frame_too_large bad_frame_length bad_frame_stream bad_padding bad_settings
//              bad_window_update bad_priority unread_bytes push_promise
//   blocks     unexpected_continuation continuation_expected too_many_continuations
//              bad_header_block header_section_too_large too_many_headers
//   streams    bad_stream_id idle_stream stream_reused stream_closed too_many_streams
//   messages   content_length_mismatch trailers_without_end, and those of http2_head.h
//   responses  bad_stream_id bad_pseudo_header
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string_view>

#include "protocol/http1_types.h"
#include "protocol/http2_block.h"
#include "protocol/http2_frame.h"

namespace writ::protocol {

// Told of all streams of one direction. Views are valid during the call only; `end` is a position
// in the direction's bytes, behind the frame or the piece of DATA that is told of.
class Http2BodySink {
 public:
  virtual ~Http2BodySink() = default;
  virtual void on_body(std::uint32_t stream, std::string_view bytes, std::uint64_t end) = 0;
  virtual void on_trailers(std::uint32_t stream, const Headers& trailers, std::uint64_t end) = 0;
  // END_STREAM.
  virtual void on_message_end(std::uint32_t stream, std::uint64_t end) = 0;
  // RST_STREAM: this side gives the stream up.
  virtual void on_reset(std::uint32_t stream, std::uint32_t error, std::uint64_t end) = 0;
};

class Http2RequestSink : public Http2BodySink {
 public:
  // The Host field of `head` is the request's authority.
  virtual void on_head(std::uint32_t stream, const RequestHead& head, std::uint64_t end) = 0;
};

class Http2ResponseSink : public Http2BodySink {
 public:
  // Also for interim responses.
  virtual void on_head(std::uint32_t stream, const ResponseHead& head, std::uint64_t end) = 0;
};

// What the first bytes of a connection say that a client speaks.
enum class Opening {
  kUnknown,  // too few bytes
  kHttp1,    // or nothing that is known; its parser says what is wrong
  kHttp2,
  kMidway,  // looks like HTTP/2 frames without the opening: HPACK's table is not known
};
Opening opening_of(std::string_view bytes);

class Http2Connection {
 public:
  explicit Http2Connection(const Http2Limits& limits = {});

  // What the client sends, from the preface on. False: it cannot be read, problem() says why.
  [[nodiscard]] bool feed_out(std::string_view bytes, Http2RequestSink& sink);
  // What the server sends. False: responses cannot be read any more.
  [[nodiscard]] bool feed_in(std::string_view bytes, Http2ResponseSink& sink);
  // The server's bytes are not known any more. What it allows from here on is not known either.
  void lose_in();

  [[nodiscard]] const std::optional<Problem>& problem() const { return problem_; }
  // The stream that the problem is of; 0: of the connection.
  [[nodiscard]] std::uint32_t problem_stream() const { return problem_stream_; }
  [[nodiscard]] const std::optional<Problem>& response_problem() const { return server_.problem; }
  // Bytes read of the client.
  [[nodiscard]] std::uint64_t offset() const { return offset_; }
  // Up to here they are whole frames and whole header blocks, or pieces of DATA.
  [[nodiscard]] std::uint64_t boundary() const { return boundary_; }

  // How much more body the server lets the client send on this stream now; may be negative
  // (RFC 9113 section 6.9.2). 0 when the server cannot be read.
  [[nodiscard]] std::int64_t window(std::uint32_t stream) const;
  // A stream that the client has left open, and that the server has ended: what comes on it yet is
  // a Problem.
  void forget(std::uint32_t stream) { streams_.erase(stream); }
  [[nodiscard]] std::size_t open_streams() const { return streams_.size(); }

 private:
  struct Half {
    Half(Side side, const Http2Limits& limits) : frames(side), blocks(side, limits) {}
    FrameReader frames;
    HeaderBlockReader blocks;
    bool settled = false;  // its first SETTINGS has come
    std::optional<Problem> problem;
  };
  struct Stream {
    std::optional<std::uint64_t> length;  // Content-Length of the request
    std::uint64_t received = 0;           // of its body
    std::int64_t window = 0;
    bool client_ended = false;
    bool server_ended = false;
    bool answered = false;  // the final response's head has come
  };
  using Failure = std::optional<Problem>;

  // A frame that may not come at this moment.
  static Failure check_order(Half& half);
  static Failure read_settings(std::string_view payload, std::uint64_t offset, Half& other,
                               std::optional<std::uint32_t>& initial_window);

  Failure client_piece(const FrameReader::Piece& piece, std::uint64_t end, Http2RequestSink& sink);
  Failure client_data(const FrameReader::Piece& piece, std::uint64_t end, Http2RequestSink& sink);
  Failure client_block(std::uint64_t end, Http2RequestSink& sink);
  Failure client_control(std::string_view payload, std::uint64_t end, Http2RequestSink& sink);
  Failure open_stream(const Frame& frame, std::uint64_t end, Http2RequestSink& sink);
  Failure end_request(std::uint32_t id, Stream& stream, std::uint64_t end, Http2RequestSink& sink);
  [[nodiscard]] Problem no_stream(const Frame& frame) const;

  Failure server_piece(const FrameReader::Piece& piece, std::uint64_t end, Http2ResponseSink& sink);
  Failure server_block(std::uint64_t end, Http2ResponseSink& sink);
  Failure server_control(std::string_view payload, std::uint64_t end, Http2ResponseSink& sink);
  void end_response(std::uint32_t id, Stream& stream, std::uint64_t end, Http2ResponseSink& sink);

  Http2Limits limits_;
  Half client_;
  Half server_;
  std::map<std::uint32_t, Stream> streams_;  // that at least one side has left open
  std::uint32_t last_stream_ = 0;            // that the client has opened
  std::int64_t initial_window_ = 65535;      // RFC 9113 section 6.9.2
  std::int64_t window_ = 65535;              // of the connection
  std::size_t preface_ = 0;                  // bytes of it that have come
  std::uint64_t offset_ = 0;
  std::uint64_t boundary_ = 0;
  std::uint64_t in_offset_ = 0;
  std::optional<Problem> problem_;
  std::uint32_t problem_stream_ = 0;
};

}  // namespace writ::protocol
