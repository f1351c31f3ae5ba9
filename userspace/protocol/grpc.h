// gRPC over HTTP/2 (PROTOCOL-HTTP2.md of github.com/grpc/grpc): a body is messages, each behind
// five bytes (a flag that says whether it is compressed, and its length). Bytes in pieces of any
// size go in, what the messages say comes out.
//
//   GrpcReader messages(head.headers, {.decoded_bytes = message_max});
//   if (!messages.feed(bytes, sink) ... || !messages.finish()) deny(*messages.problem());
//
// The service and the method are the request's path, "/package.Service/Method".
//
// Memory: what a ContentDecoder has, while a compressed message is read; a message that is not
// compressed goes to the sink as it comes.
//
// Problem codes
//   grpc_bad_flag          a message that says neither that it is compressed nor that it is not
//   grpc_coded_body        a Content-Encoding around the messages, which gRPC does not have
//   grpc_encoding_unknown  a compressed message, and no grpc-encoding that is known
//   grpc_truncated         the body ended within a message
//   content_coding_...     of a compressed message (content_coding.h); its limit is for all of them
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/content_coding.h"
#include "protocol/http1_types.h"

namespace writ::protocol {

// By its Content-Type: "application/grpc", "application/grpc+proto"; of grpc-web it is false. Of
// several fields one is enough: a server may look at any.
bool is_grpc(const Headers& headers);

class GrpcSink {
 public:
  virtual ~GrpcSink() = default;
  // Of the message that is being read, decompressed. Valid during the call only.
  virtual void on_message_bytes(std::string_view bytes) = 0;
  // The message is whole.
  virtual void on_message_end() = 0;
};

// The messages of one body. Problems are sticky.
class GrpcReader {
 public:
  explicit GrpcReader(const Headers& headers, const CodingLimits& limits = {});

  [[nodiscard]] bool feed(std::string_view bytes, GrpcSink& sink);
  // The body ended. One without a message is fine here: servers say what they miss.
  [[nodiscard]] bool finish();
  [[nodiscard]] const std::optional<Problem>& problem() const { return problem_; }

 private:
  static constexpr std::size_t kPrefix = 5;

  bool begin_message(GrpcSink& sink);
  bool read_message(std::string_view piece, GrpcSink& sink);
  bool end_message(GrpcSink& sink);
  bool fail(const char* code, std::string message);

  CodingLimits limits_;           // what is left of them
  std::optional<Coding> coding_;  // of compressed messages
  std::string encoding_;          // as grpc-encoding names it, for people
  std::array<char, kPrefix> prefix_{};
  std::size_t prefix_read_ = 0;
  std::uint32_t left_ = 0;  // bytes of the message that are still to come
  std::optional<ContentDecoder> decoder_;
  std::uint64_t fed_ = 0;
  std::optional<Problem> problem_;
};

}  // namespace writ::protocol
