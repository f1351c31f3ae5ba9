#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "protocol/event_log.h"

namespace writ::protocol {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> events(std::string_view stream) { return request_events(stream, {}); }

// The code of the Problem that ends `stream`, or "".
std::string code_of(std::string_view stream, const Http1Limits& limits = {}) {
  RequestParser parser(limits);
  RequestLog log;
  log.feeding(stream);
  const bool fine = parser.feed(stream, log);
  EXPECT_EQ(fine, !parser.problem().has_value());
  return code_of(parser.problem());
}

std::string with_field(const std::string& field) {
  return "POST / HTTP/1.1\r\nHost: a\r\n" + field + "\r\n\r\n";
}

std::string chunked(const std::string& body) {
  return "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + body;
}

TEST(RequestParser, ReadsARequestWithoutBody) {
  EXPECT_THAT(events("GET /x?y HTTP/1.1\r\nHost: a\r\nX:  b c \t\r\nEmpty:\r\n\r\n"),
              ElementsAre("request GET /x?y 1.1 none 0 [Host: a] [X: b c] [Empty: ] from 0 @49",
                          "end @49", "offset 49 boundary", "closed"));
}

TEST(RequestParser, ReadsABodyByLength) {
  EXPECT_THAT(events("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"),
              ElementsAre("request POST / 1.1 length 5 [Host: a] [Content-Length: 5] from 0 @47",
                          "body 'hello' @52", "end @52", "offset 52 boundary", "closed"));
}

TEST(RequestParser, EndsALengthOfZeroWithItsHead) {
  EXPECT_THAT(events("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"),
              ElementsAre("request POST / 1.1 length 0 [Host: a] [Content-Length: 0] from 0 @47",
                          "end @47", "offset 47 boundary", "closed"));
}

TEST(RequestParser, ReadsChunksAndTrailers) {
  EXPECT_THAT(
      events(chunked("5\r\nhello\r\n0A\r\n, world...\r\n0\r\nX-Sum: 1\r\n\r\n")),
      ElementsAre("request POST / 1.1 chunked 0 [Host: a] [Transfer-Encoding: chunked] from 0 @56",
                  "body 'hello, world...' @80", "trailers [X-Sum: 1] @97", "end @97",
                  "offset 97 boundary", "closed"));
}

TEST(RequestParser, SeparatesPipelinedRequestsByTheirOffsets) {
  EXPECT_THAT(
      events("POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab"
             "\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\nGET /3"),
      ElementsAre("request POST /1 1.1 length 2 [Host: a] [Content-Length: 2] from 0 @48",
                  "body 'ab' @50", "end @50", "request GET /2 1.1 none 0 [Host: a] from 52 @80",
                  "end @80", "offset 86", "incomplete_message"));
}

TEST(RequestParser, KnowsWhoWaitsAndWhoStays) {
  const auto first = [](const std::string& version, const std::string& fields) {
    return events("POST / HTTP/" + version + "\r\nHost: a\r\n" + fields + "\r\n").front();
  };
  const std::string length = "Content-Length: 1\r\n";
  using ::testing::HasSubstr;
  using ::testing::Not;
  EXPECT_THAT(first("1.1", length + "Expect: 100-Continue\r\n"), HasSubstr(" 1 expect ["));
  EXPECT_THAT(first("1.0", length + "Expect: 100-continue\r\n"), Not(HasSubstr(" expect")));
  EXPECT_THAT(first("1.1", "Expect: 100-continue\r\n"), Not(HasSubstr(" expect")));
  EXPECT_THAT(first("1.1", ""), Not(HasSubstr(" close")));
  EXPECT_THAT(first("1.1", "Connection: foo , CLOSE\r\n"), HasSubstr(" 0 close ["));
  EXPECT_THAT(first("1.0", ""), HasSubstr(" 0 close ["));
  EXPECT_THAT(first("1.0", "Connection: Keep-Alive\r\n"), Not(HasSubstr(" close")));
  EXPECT_THAT(first("1.1", "Connection: Upgrade\r\nUpgrade: websocket\r\n"),
              HasSubstr(" 0 upgrade ["));
  EXPECT_THAT(first("1.1", "Upgrade: websocket\r\n"), Not(HasSubstr(" upgrade")));
  EXPECT_THAT(first("1.1", "Connection: Upgrade\r\n"), Not(HasSubstr(" upgrade")));
}

TEST(RequestParser, RefusesBadStartLines) {
  const auto start = [](const std::string& line) { return code_of(line + "\r\n"); };
  EXPECT_EQ(start("GET /"), "bad_start_line");
  EXPECT_EQ(start("GET"), "bad_start_line");
  EXPECT_EQ(start("GET / HTTP/1.1 "), "bad_start_line");
  EXPECT_EQ(start(" GET / HTTP/1.1"), "bad_method");
  EXPECT_EQ(start("GET / http/1.1"), "bad_start_line");
  EXPECT_EQ(start("GET  / HTTP/1.1"), "bad_target");
  EXPECT_EQ(start("GET /  HTTP/1.1"), "bad_target");
  EXPECT_EQ(start("GET /a b HTTP/1.1"), "bad_target");
  EXPECT_EQ(start("GET /a\tb HTTP/1.1"), "bad_target");
  EXPECT_EQ(start("GET  HTTP/1.1"), "bad_target");
  EXPECT_EQ(start("get / HTTP/1.1"), "bad_method");
  EXPECT_EQ(start("G(T / HTTP/1.1"), "bad_method");
  EXPECT_EQ(start("GET / HTTP/1.2"), "unsupported_version");
  EXPECT_EQ(start("GET / HTTP/0.9"), "unsupported_version");
  EXPECT_EQ(start("GET / HTTP/1.10"), "unsupported_version");
  EXPECT_EQ(start("PRI * HTTP/2.0"), "unsupported_version");
  EXPECT_EQ(start("GET /\xff HTTP/1.1"), "not_utf8");
  EXPECT_EQ(code_of("\r\n\r\nGET"), "bad_start_line");
  EXPECT_EQ(code_of("\nGET"), "bare_lf");
}

TEST(RequestParser, SaysAtTheFirstBytesThatAStreamIsNotHttp) {
  EXPECT_EQ(code_of(std::string("\x16\x03\x01\x02", 4)), "control_byte");
  EXPECT_EQ(code_of(std::string("GET \0", 5)), "control_byte");
}

TEST(RequestParser, RefusesFieldsThatServersReadDifferently) {
  EXPECT_EQ(code_of(with_field("X: a\r\n b")), "obs_fold");
  EXPECT_EQ(code_of("GET / HTTP/1.1\r\n Host: a\r\n\r\n"), "obs_fold");
  EXPECT_EQ(code_of(with_field("X : a")), "space_before_colon");
  EXPECT_EQ(code_of(with_field("X\t: a")), "space_before_colon");
  EXPECT_EQ(code_of(with_field("X y: a")), "bad_field_name");
  EXPECT_EQ(code_of(with_field(": a")), "bad_field_name");
  EXPECT_EQ(code_of(with_field("X\xc3\xa4: a")), "bad_field_name");
  EXPECT_EQ(code_of(with_field("junk")), "bad_field_line");
  EXPECT_EQ(code_of(with_field("X: a\nY: b")), "bare_lf");
  EXPECT_EQ(code_of(with_field("X: a\rY: b")), "bare_cr");
  EXPECT_EQ(code_of(with_field("X: a\r\r\nY: b")), "bare_cr");
  EXPECT_EQ(code_of(with_field(std::string("X: a\0b", 6))), "control_byte");
  EXPECT_EQ(code_of(with_field("X: a\x7f")), "control_byte");
  EXPECT_EQ(code_of(with_field("X: \xff")), "not_utf8");
  EXPECT_EQ(code_of(with_field("X: gr\xc3\xbc\xc3\x9f")), "");
  EXPECT_EQ(code_of(with_field("Transfer_Encoding: chunked")), "ambiguous_field_name");
  EXPECT_EQ(code_of(with_field("content_length: 3")), "ambiguous_field_name");
  EXPECT_EQ(code_of(with_field("x_y: 3")), "");
}

TEST(RequestParser, RefusesFramingThatServersReadDifferently) {
  for (const char* value : {"", "+5", "-1", "0x5", "5 ,5", "5, 5", "5,5", "5 5", "5.0", "05", "٥",
                            "18446744073709551621", "9999999999999999999", "five", "\"5\""}) {
    EXPECT_EQ(code_of(with_field(std::string("Content-Length: ") + value)), "bad_content_length")
        << value;
  }
  EXPECT_EQ(code_of(with_field("Content-Length: 5\r\ncontent-length: 5")),
            "duplicate_content_length");
  EXPECT_EQ(code_of(with_field("Content-Length: 5\r\nContent-Length: 6")),
            "content_length_conflict");
  for (const char* value : {"", "gzip", "gzip, chunked", "chunked, gzip", "chunked, chunked",
                            "identity", "xchunked", "chunked;q=1", "\"chunked\"", ", chunked"}) {
    EXPECT_EQ(code_of(with_field(std::string("Transfer-Encoding: ") + value)),
              "bad_transfer_encoding")
        << value;
  }
  EXPECT_EQ(code_of(with_field("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked")),
            "bad_transfer_encoding");
  EXPECT_EQ(code_of(with_field("Transfer-Encoding: chunked\r\nContent-Length: 5")),
            "length_and_transfer_encoding");
  EXPECT_EQ(code_of(with_field("Content-Length: 0\r\nTransfer-Encoding: CHUNKED")),
            "length_and_transfer_encoding");
  EXPECT_EQ(code_of("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"),
            "transfer_encoding_in_1_0");
  EXPECT_EQ(code_of("GET / HTTP/1.1\r\n\r\n"), "missing_host");
  EXPECT_EQ(code_of("GET / HTTP/1.0\r\n\r\n"), "");
  EXPECT_EQ(code_of("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n"), "duplicate_host");
  EXPECT_EQ(code_of(with_field("Host: b")), "duplicate_host");
  EXPECT_EQ(code_of(with_field("Connection: close, Transfer-Encoding")), "bad_connection");
  EXPECT_EQ(code_of(with_field("Expect: y 100-continue")), "bad_expect");
  EXPECT_EQ(code_of(with_field("Expect: 100-continue\r\nExpect: 100-continue")), "bad_expect");
  EXPECT_EQ(code_of("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nContent-Length: 1\r\n\r\n"),
            "body_in_connect");
}

TEST(RequestParser, RefusesBadChunks) {
  for (const char* size : {"", " 5", "5 ", "0x5", "+5", "-5", "g", "5\t", "00000000000000005",
                           "8000000000000000", "ffffffffffffffff"}) {
    EXPECT_EQ(code_of(chunked(std::string(size) + "\r\nhello\r\n0\r\n\r\n")), "bad_chunk_size")
        << size;
  }
  EXPECT_EQ(code_of(chunked("5;a=b\r\nhello\r\n0\r\n\r\n")), "chunk_extension");
  EXPECT_EQ(code_of(chunked("5\nhello\r\n0\r\n\r\n")), "bare_lf");
  EXPECT_EQ(code_of(chunked("5\r\nhelloo\r\n0\r\n\r\n")), "bad_chunk_end");
  EXPECT_EQ(code_of(chunked("5\r\nhello\n0\r\n\r\n")), "bad_chunk_end");
  EXPECT_EQ(code_of(chunked("5\r\nhello\rX0\r\n\r\n")), "bad_chunk_end");
  EXPECT_EQ(code_of(chunked("0\r\nContent-Length: 5\r\n\r\n")), "forbidden_trailer");
  EXPECT_EQ(code_of(chunked("0\r\njunk\r\n\r\n")), "bad_field_line");
  EXPECT_EQ(code_of(chunked("0000000000000005\r\nhello\r\n000\r\n\r\n")), "");
}

TEST(RequestParser, KeepsItsLimitsToTheByte) {
  const std::string start = "GET /" + std::string(100, 'a') + " HTTP/1.1\r\n";
  const std::string fields = "Host: a\r\nX: " + std::string(50, 'b') + "\r\n\r\n";
  Http1Limits limits{.start_line = start.size(), .header_bytes = fields.size(), .headers = 2};
  EXPECT_EQ(code_of(start + fields, limits), "");
  --limits.start_line;
  EXPECT_EQ(code_of(start + fields, limits), "start_line_too_long");
  ++limits.start_line;
  --limits.header_bytes;
  EXPECT_EQ(code_of(start + fields, limits), "header_section_too_large");
  ++limits.header_bytes;
  --limits.headers;
  EXPECT_EQ(code_of(start + fields, limits), "too_many_headers");

  const std::string body = "5\r\nhello\r\n0\r\nX: " + std::string(50, 'b') + "\r\n\r\n";
  EXPECT_EQ(code_of(chunked(body), {.chunk_line = 3, .trailer_bytes = 57}), "");
  EXPECT_EQ(code_of(chunked(body), {.chunk_line = 2}), "chunk_line_too_long");
  EXPECT_EQ(code_of(chunked(body), {.trailer_bytes = 56}), "trailer_too_large");
}

TEST(RequestParser, GivesUpOnALineThatNeverEnds) {
  RequestParser parser({.start_line = 1000});
  RequestLog log;
  std::size_t fed = 0;
  while (fed < 2000 && parser.feed("a", log)) ++fed;
  EXPECT_EQ(fed, 999U);  // the thousandth byte is the one too many
  EXPECT_EQ(code_of(parser.problem()), "start_line_too_long");
}

TEST(RequestParser, StaysWithItsFirstProblem) {
  RequestParser parser;
  RequestLog log;
  EXPECT_FALSE(parser.feed("GET /\n", log));
  EXPECT_FALSE(parser.feed("GET / HTTP/1.1\r\nHost: a\r\n\r\n", log));
  EXPECT_FALSE(parser.feed("", log));
  EXPECT_FALSE(parser.enter_tunnel());
  EXPECT_FALSE(parser.on_close());
  EXPECT_EQ(code_of(parser.problem()), "bare_lf");
  EXPECT_EQ(parser.offset(), 5U);
  EXPECT_FALSE(parser.at_message_boundary());
  EXPECT_TRUE(log.take().empty());
}

TEST(RequestParser, ReadsNothingBehindTheLastRequest) {
  const std::string last = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
  EXPECT_EQ(code_of(last), "");
  EXPECT_EQ(code_of(last + "\r\n"), "");
  EXPECT_EQ(code_of(last + "GET"), "bytes_after_close");
  EXPECT_EQ(code_of(last + "\r\nG"), "bytes_after_close");
  EXPECT_EQ(code_of("GET / HTTP/1.0\r\n\r\nG"), "bytes_after_close");
}

TEST(RequestParser, WaitsForTheAnswerToConnect) {
  const std::string_view connect = "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n";
  RequestLog log;
  RequestParser early;
  EXPECT_TRUE(early.feed(connect, log));
  EXPECT_TRUE(early.at_message_boundary());
  EXPECT_TRUE(early.feed("", log));
  EXPECT_FALSE(early.feed("\x16", log));
  EXPECT_EQ(code_of(early.problem()), "bytes_before_tunnel");

  RequestParser refused;
  EXPECT_TRUE(refused.feed(connect, log));
  refused.stay_http();
  EXPECT_TRUE(refused.feed(connect, log));  // again, with credentials
  EXPECT_TRUE(refused.enter_tunnel());
  EXPECT_TRUE(refused.tunnel());
  log.take();
  const std::string_view bytes("\x16\x03\n\0", 4);
  log.feeding(bytes);
  EXPECT_TRUE(refused.feed(bytes, log));
  EXPECT_THAT(log.take(), ElementsAre("tunnel '" + std::string(bytes) + "' @82"));
  EXPECT_TRUE(refused.on_close());
}

TEST(RequestParser, StaysHttpAfterUpgradeUntilTold) {
  const std::string_view upgrade =
      "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
  const std::string_view plain = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  RequestLog log;
  RequestParser accepted;
  EXPECT_TRUE(accepted.feed(upgrade, log));
  EXPECT_TRUE(accepted.enter_tunnel());
  EXPECT_TRUE(accepted.tunnel());

  RequestParser ignored;
  EXPECT_TRUE(ignored.feed(upgrade, log));
  EXPECT_TRUE(ignored.feed(plain, log));
  EXPECT_FALSE(ignored.enter_tunnel());  // `plain` was read as HTTP
  EXPECT_EQ(code_of(ignored.problem()), "unexpected_tunnel");

  RequestParser part;
  EXPECT_TRUE(part.feed(upgrade, log));
  EXPECT_TRUE(part.feed("G", log));
  EXPECT_FALSE(part.enter_tunnel());

  RequestParser never_asked;
  EXPECT_TRUE(never_asked.feed(plain, log));
  EXPECT_FALSE(never_asked.enter_tunnel());
}

TEST(RequestParser, HandsALargeBodyOnInOnePiece) {
  class Counter : public RequestLog {
   public:
    void on_body(std::string_view bytes, std::uint64_t end) override {
      ++pieces;
      last = bytes;
      last_end = end;
    }
    int pieces = 0;
    std::string_view last;
    std::uint64_t last_end = 0;
  };
  const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 67108864\r\n\r\n";
  const std::string stream = head + std::string(64U << 20, 'x');
  RequestParser parser;
  Counter sink;
  EXPECT_TRUE(parser.feed(stream, sink));
  EXPECT_EQ(sink.pieces, 1);
  EXPECT_EQ(sink.last.data(), stream.data() + head.size());
  EXPECT_EQ(sink.last_end, stream.size());
  EXPECT_TRUE(parser.at_message_boundary());
}

}  // namespace
}  // namespace writ::protocol
