// Incremental HTTP/1.1 parsers: bytes in pieces of any size go in, messages come out.
//
//   RequestParser parser;
//   if (!parser.feed(bytes, sink)) deny(*parser.problem());
//
// The parsers are strict. They stand between an agent and a server that reads the same bytes with
// another parser, and whatever two parsers could read differently is a Problem and no message (RFC
// 9112 section 11.2, request smuggling). Problems are sticky: feed() keeps failing with the first.
// The event log depends on the stream alone and never on how it was cut, except that body and
// tunnel bytes come in the pieces in which they were fed.
//
// Memory is bounded by Http1Limits, whatever is fed; bodies are neither kept nor copied. One parser
// serves one direction of one connection; it has no locks. A sink must not call the parser that
// calls it.
//
// Problem codes
//   lines     bare_lf bare_cr control_byte start_line_too_long header_section_too_large
//             chunk_line_too_long trailer_too_large
//   start     bad_start_line bad_method bad_target bad_status_line unsupported_version not_utf8
//   fields    obs_fold bad_field_line bad_field_name space_before_colon ambiguous_field_name
//             too_many_headers forbidden_trailer not_utf8
//   framing   bad_content_length content_length_conflict duplicate_content_length
//             bad_transfer_encoding length_and_transfer_encoding transfer_encoding_in_1_0
//             missing_host duplicate_host bad_connection bad_expect body_in_connect
//             body_not_allowed
//   chunks    bad_chunk_size bad_chunk_end chunk_extension bad_chunk_extension
//   sequence  bytes_after_close bytes_before_tunnel unexpected_tunnel unexpected_response
//             unexpected_upgrade too_many_pipelined incomplete_message
//   target    see protocol/request_target.h
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string_view>

#include "protocol/http1_body.h"
#include "protocol/http1_fields.h"
#include "protocol/http1_head.h"
#include "protocol/http1_line.h"
#include "protocol/http1_types.h"

namespace writ::protocol {

// Parses what a client sends.
//
// Bytes behind a CONNECT are HTTP only if the server refuses it, so they are a Problem
// (bytes_before_tunnel) until enter_tunnel() or stay_http() has said which. After a request with
// Upgrade the stream stays HTTP until enter_tunnel(), because a server may ignore the wish.
class RequestParser {
 public:
  explicit RequestParser(const Http1Limits& limits = {});

  // False: the stream cannot be read, problem() says why. What came before it was reported.
  [[nodiscard]] bool feed(std::string_view bytes, RequestSink& sink);

  // The client closed its side. False (incomplete_message): in the middle of a message.
  [[nodiscard]] bool on_close();

  // The server accepted the CONNECT or Upgrade: all that follows is on_tunnel(). False
  // (unexpected_tunnel): the last request asked for none, or bytes behind it were already read as
  // HTTP, which the server will read as something else.
  [[nodiscard]] bool enter_tunnel();
  // The server refused the CONNECT: HTTP goes on. Does nothing otherwise.
  void stay_http();

  // Bytes read; with a Problem, its position.
  [[nodiscard]] std::uint64_t offset() const { return offset_; }
  // No message is in progress: everything up to offset() belongs to messages that were reported (or
  // is the one empty line that may stand between two, RFC 9112 section 2.2). Never with a Problem.
  [[nodiscard]] bool at_message_boundary() const;
  [[nodiscard]] bool tunnel() const { return stage_ == Stage::kTunnel; }
  [[nodiscard]] const std::optional<Problem>& problem() const { return problem_; }

 private:
  enum class Stage { kStart, kFields, kBody, kConnecting, kTunnel };

  void step(Cursor& in, RequestSink& sink);
  void read_start(Cursor& in);
  void finish_head(RequestSink& sink, std::uint64_t end);
  void finish_message(BodySink& sink, std::uint64_t end);

  LineLimit start_line_;
  LineReader lines_;
  FieldReader fields_;
  BodyReader body_;
  Stage stage_ = Stage::kStart;
  RequestHead head_;
  bool blank_line_ = false;  // the one empty line before a request was read
  bool closing_ = false;     // the last request said that none follows
  bool may_tunnel_ = false;  // the last request was CONNECT or Upgrade, and nothing came since
  std::uint64_t offset_ = 0;
  std::optional<Problem> problem_;
};

// Parses what a server sends; told with expect() which requests were sent, in order.
//
// A bit more lenient than RequestParser, because agents get what servers send: field values that
// are not UTF-8 (read as Latin-1), equal Content-Length fields, padded chunk sizes, chunk
// extensions (skipped). What leaves open where a response ends is a Problem here too.
class ResponseParser {
 public:
  explicit ResponseParser(const Http1Limits& limits = {});

  // A request was sent. Call it at its on_head(): a server may answer before it has read the body.
  // More than limits.pipelined unanswered ones are a Problem (too_many_pipelined).
  void expect(std::string_view method, bool upgrade = false);
  void expect(const RequestHead& request) { expect(request.method, request.upgrade); }

  [[nodiscard]] bool feed(std::string_view bytes, ResponseSink& sink);

  // The server closed its side: ends a body of kUntilClose with on_message_end(). False
  // (incomplete_message): in the middle of any other message.
  [[nodiscard]] bool on_close(ResponseSink& sink);

  [[nodiscard]] std::uint64_t offset() const { return offset_; }
  [[nodiscard]] bool at_message_boundary() const {
    return !problem_ && stage_ == Stage::kStart && !lines_.partial();
  }
  [[nodiscard]] bool tunnel() const { return stage_ == Stage::kTunnel; }
  // Requests whose final response has not ended.
  [[nodiscard]] std::size_t outstanding() const { return expected_.size(); }
  [[nodiscard]] const std::optional<Problem>& problem() const { return problem_; }

 private:
  enum class Stage { kStart, kFields, kBody, kTunnel };

  void step(Cursor& in, ResponseSink& sink);
  void read_start(Cursor& in);
  void finish_head(ResponseSink& sink, std::uint64_t end);
  void finish_message(BodySink& sink, std::uint64_t end);

  LineLimit start_line_;
  std::size_t max_pipelined_;
  LineReader lines_;
  FieldReader fields_;
  BodyReader body_;
  Stage stage_ = Stage::kStart;
  ResponseHead head_;
  bool closing_ = false;
  std::deque<Expected> expected_;
  std::uint64_t offset_ = 0;
  std::optional<Problem> problem_;
};

}  // namespace writ::protocol
