// What an HTTP/1.1 message is made of, and who is told about it: plain data and the two sinks.
//
// Sources: RFC 9112 (message syntax), RFC 9110 (semantics). Sections stand beside what they rule.
// Positions are absolute: the number of bytes of the stream (one connection, one direction) that
// came before. So `end` of one message is how far its bytes may be released, even when the next
// message came in the same write.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace writ::protocol {

// What a peer can make us keep. Lines are counted with their CRLF.
struct Http1Limits {
  std::size_t start_line = 16U << 10;
  std::size_t header_bytes = 64U << 10;  // all field lines and the empty line behind them
  std::size_t headers = 200;             // fields of a header section, and of a trailer section
  std::size_t chunk_line = 1024;
  std::size_t trailer_bytes = 8U << 10;
  std::size_t pipelined = 1024;  // requests that wait for their response
};

struct Header {
  std::string name;   // as sent; compare without case
  std::string value;  // without the white space around it; always valid UTF-8
};
using Headers = std::vector<Header>;

// The first field of that name (case does not matter), or nullptr.
const Header* find_header(const Headers& headers, std::string_view name);

enum class BodyKind {
  kNone,        // no body: the message ends with its head
  kLength,      // content_length bytes follow (may be 0)
  kChunked,     // RFC 9112 section 7.1
  kUntilClose,  // responses only: RFC 9112 section 6.3, rule 8
  kTunnel,      // responses only: a 2xx to CONNECT, or 101; no HTTP follows
};

struct RequestHead {
  std::string method;  // never holds lower-case letters: some servers fold case, a policy must not
  std::string target;  // as sent; protocol/request_target.h reads it
  int major_version = 1;
  int minor_version = 1;  // HTTP/1.<minor>: 0 or 1
  Headers headers;
  BodyKind body = BodyKind::kNone;   // kNone, kLength or kChunked
  std::uint64_t content_length = 0;  // of kLength
  bool expect_continue = false;      // the client may wait for 100 before it sends the body
  bool upgrade = false;              // Upgrade with "Connection: upgrade"; the server may ignore it
  bool connect = false;              // the method is CONNECT
  bool keep_alive = true;
  std::uint64_t begin = 0;  // position of the start line's first byte
};

struct ResponseHead {
  int status = 0;  // 100 to 999
  std::string reason;
  int minor_version = 1;
  Headers headers;
  BodyKind body = BodyKind::kNone;
  std::uint64_t content_length = 0;  // as declared; a response to HEAD declares and has no body
  bool interim = false;              // 1xx but 101: the final response to the request follows
  bool upgrade = false;              // 101: the connection speaks another protocol from `end` on
  bool keep_alive = true;
  std::uint64_t begin = 0;
};

// Why a stream cannot be read any further. Nothing after it is parsed: a stream that was misread
// once has no message boundaries any more.
struct Problem {
  std::string code;      // for machines, snake_case: "bad_chunk_size"; listed in http1.h
  std::string message;   // a sentence for people
  std::uint64_t offset;  // of the offending byte or line; of the header section's end where fields
                         // contradict each other
};

// Told about everything behind a head. Views are valid during the call only.
class BodySink {
 public:
  virtual ~BodySink() = default;
  // The body without its chunk framing, as a view into the bytes that were fed: never a copy, and
  // in as many pieces as the stream came in. `end`: position behind these bytes.
  virtual void on_body(std::string_view bytes, std::uint64_t end) = 0;
  // Trailer fields (RFC 9112 section 7.1.2), when there are any, before on_message_end: they are
  // content like the body.
  virtual void on_trailers(const Headers& trailers, std::uint64_t end) = 0;
  // `end`: position behind the message's last byte.
  virtual void on_message_end(std::uint64_t end) = 0;
  // Bytes of a tunnel, after CONNECT or Upgrade. They belong to no message.
  virtual void on_tunnel(std::string_view bytes, std::uint64_t end) = 0;
};

class RequestSink : public BodySink {
 public:
  // `end`: position behind the empty line. A message without body gets on_message_end next.
  virtual void on_head(const RequestHead& head, std::uint64_t end) = 0;
};

class ResponseSink : public BodySink {
 public:
  // Also called for interim responses, which have no on_message_end. A response that opens a tunnel
  // (body kTunnel) gets on_message_end next and on_tunnel for all that follows.
  virtual void on_head(const ResponseHead& head, std::uint64_t end) = 0;
};

}  // namespace writ::protocol
