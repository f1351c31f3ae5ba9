#include "parse_jobs.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "policy/arguments.h"
#include "protocol/coding_support.h"
#include "protocol/content_coding.h"
#include "protocol/grpc.h"
#include "protocol/grpc_messages.h"
#include "protocol/http1.h"
#include "protocol/http2.h"
#include "protocol/http2_frames.h"
#include "protocol/mcp.h"
#include "protocol/sse.h"

namespace writ::bench {
namespace {

using namespace writ::protocol;  // NOLINT(google-build-using-namespace): this is the program

// As they come from the kernel: a TLS record, and a frame of HTTP/2.
constexpr std::size_t kPiece = 16u << 10;
// What one read goes through at least: so that a clock is not what is measured.
constexpr std::size_t kPass = 1u << 20;

std::size_t times_of(std::size_t size) { return std::max<std::size_t>(1, kPass / size); }

template <class Feed>
bool feed_pieces_of(std::string_view bytes, Feed&& feed) {
  for (std::size_t at = 0; at < bytes.size(); at += kPiece) {
    if (!feed(bytes.substr(at, kPiece))) return false;
  }
  return true;
}

// A list of records, as tools take and give them; about `size` bytes.
std::string json_of(std::size_t size) {
  std::string text = "[";
  for (std::size_t i = 0; text.size() + 1 < size; ++i) {
    text += fmt::format(
        R"({}{{"id":{},"name":"Contact number {}","email":"person{}@example.test","active":{},)"
        R"("score":{}.25,"tags":["customer","newsletter"],"notes":"met at the fair; asked for an offer\n"}})",
        i == 0 ? "" : ",", 100'000 + i, i, i, i % 3 == 0, i % 100);
  }
  return text + "]";
}

struct Http1Bodies : RequestSink {
  void on_head(const RequestHead& /*head*/, std::uint64_t /*end*/) override {}
  void on_body(std::string_view piece, std::uint64_t /*end*/) override { bytes += piece.size(); }
  void on_trailers(const Headers& /*trailers*/, std::uint64_t /*end*/) override {}
  void on_message_end(std::uint64_t /*end*/) override {}
  void on_tunnel(std::string_view /*bytes*/, std::uint64_t /*end*/) override {}
  std::uint64_t bytes = 0;
};

ParseJob http1(std::size_t size) {
  const std::string one = fmt::format(
      "POST /crm/contacts HTTP/1.1\r\nHost: crm.example.test\r\nAccept: */*\r\nUser-Agent: "
      "agent\r\n"
      "Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{}",
      size, std::string(size, 'x'));
  std::string all;
  for (std::size_t i = 0; i < times_of(size); ++i) all += one;
  const std::uint64_t bytes = times_of(size) * size;
  return {bytes, [all = std::move(all), bytes] {
            RequestParser parser;
            Http1Bodies sink;
            return feed_pieces_of(all, [&](auto piece) { return parser.feed(piece, sink); }) &&
                   sink.bytes == bytes;
          }};
}

template <class Sink, class Head>
struct Http2Bodies : Sink {
  void on_head(std::uint32_t /*stream*/, const Head& /*head*/, std::uint64_t /*end*/) override {}
  void on_body(std::uint32_t /*stream*/, std::string_view piece, std::uint64_t /*end*/) override {
    bytes += piece.size();
  }
  void on_trailers(std::uint32_t /*stream*/, const Headers& /*trailers*/,
                   std::uint64_t /*end*/) override {}
  void on_message_end(std::uint32_t /*stream*/, std::uint64_t /*end*/) override {}
  void on_reset(std::uint32_t /*stream*/, std::uint32_t /*error*/, std::uint64_t /*end*/) override {
  }
  std::uint64_t bytes = 0;
};

std::string http2_request(std::uint32_t stream, std::string_view body) {
  std::string text = post2(stream, "/crm/contacts",
                           {{"user-agent", "agent"}, {"content-type", "application/json"}});
  for (std::size_t at = 0; at < body.size(); at += kPiece)
    text += data(stream, body.substr(at, kPiece), at + kPiece >= body.size());
  return text;
}

// One stream after the other, each answered.
ParseJob http2(std::size_t size) {
  const std::string body(size, 'x');
  std::vector<std::pair<std::string, std::string>> turns;  // a request, and its answer
  for (std::uint32_t i = 0; i < times_of(size); ++i) {
    turns.emplace_back(http2_request(2 * i + 1, body),
                       headers(2 * i + 1, {{":status", "200"}}, frame_flag::kEndStream));
  }
  const std::uint64_t bytes = times_of(size) * size;
  return {bytes, [turns = std::move(turns), bytes] {
            Http2Connection connection;
            Http2Bodies<Http2RequestSink, RequestHead> requests;
            Http2Bodies<Http2ResponseSink, ResponseHead> answers;
            bool good =
                connection.feed_out(opening(), requests) && connection.feed_in(settings(), answers);
            for (const auto& [request, answer] : turns) {
              good = good && feed_pieces_of(request, [&](auto piece) {
                       return connection.feed_out(piece, requests);
                     });
              good = good && connection.feed_in(answer, answers);
            }
            return good && requests.bytes == bytes;
          }};
}

ParseJob json(std::size_t size) {
  std::string text = json_of(size);
  const std::size_t times = times_of(size);
  return {text.size() * times, [text = std::move(text), times] {
            for (std::size_t i = 0; i < times; ++i) {
              if (policy::Arguments::read(text, "").body() == nullptr) return false;
            }
            return true;
          }};
}

ParseJob mcp(std::size_t size) {
  std::string text =
      R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"add","arguments":{"all":)" +
      json_of(size) + "}}}";
  const std::size_t times = times_of(size);
  return {text.size() * times, [text = std::move(text), times] {
            for (std::size_t i = 0; i < times; ++i) {
              if (!read_mcp(text)) return false;
            }
            return true;
          }};
}

struct EventData : SseSink {
  void on_data(std::string_view piece) override { bytes += piece.size(); }
  void on_aside(std::string_view piece) override { bytes += piece.size(); }
  void on_event(const SseEvent& /*event*/) override {}
  std::uint64_t bytes = 0;
};

// Events of `size` bytes each.
ParseJob sse(std::size_t size) {
  std::string all;
  for (std::size_t i = 0; i < times_of(size); ++i)
    all += "event: message\ndata: " + std::string(size, 'x') + "\n\n";
  const std::uint64_t bytes = times_of(size) * size;
  return {bytes, [all = std::move(all), bytes] {
            SseParser parser;
            EventData sink;
            return feed_pieces_of(all,
                                  [&](auto piece) {
                                    parser.feed(piece, sink);
                                    return true;
                                  }) &&
                   sink.bytes >= bytes;
          }};
}

struct DecodedBytes : DecodedSink {
  void on_decoded(std::string_view piece) override { bytes += piece.size(); }
  std::uint64_t bytes = 0;
};

ParseJob gunzip(std::size_t size) {
  const std::string text = json_of(size);
  const std::size_t times = times_of(size);
  const std::uint64_t bytes = text.size() * times;
  return {bytes, [coded = gzip(text), times, bytes] {
            DecodedBytes sink;
            for (std::size_t i = 0; i < times; ++i) {
              ContentDecoder decoder(std::vector{Coding::kGzip});
              if (!feed_pieces_of(coded, [&](auto piece) { return decoder.feed(piece, sink); }) ||
                  !decoder.finish())
                return false;
            }
            return sink.bytes == bytes;
          }};
}

struct GrpcBytes : GrpcSink {
  void on_message_bytes(std::string_view piece) override { bytes += piece.size(); }
  void on_message_end() override {}
  std::uint64_t bytes = 0;
};

// Messages of `size` bytes each.
ParseJob grpc(std::size_t size) {
  std::string all;
  for (std::size_t i = 0; i < times_of(size); ++i) all += grpc_message(std::string(size, 'x'));
  const std::uint64_t bytes = times_of(size) * size;
  return {bytes, [all = std::move(all), bytes] {
            GrpcReader reader(Headers{{"content-type", "application/grpc"}});
            GrpcBytes sink;
            return feed_pieces_of(all, [&](auto piece) { return reader.feed(piece, sink); }) &&
                   reader.finish() && sink.bytes == bytes;
          }};
}

}  // namespace

const ParseKind kParseTable[kParseKinds] = {
    {"http1", http1}, {"http2", http2}, {"json", json}, {"sse", sse},
    {"gzip", gunzip}, {"grpc", grpc},   {"mcp", mcp},
};

}  // namespace writ::bench
