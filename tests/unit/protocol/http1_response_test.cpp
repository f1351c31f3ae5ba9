#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "protocol/event_log.h"

namespace writ::protocol {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const Expected kGet{};
const Expected kHead{.head = true};
const Expected kConnect{.connect = true};
const Expected kUpgrade{.upgrade = true};

std::string code_of(std::string_view stream, const std::vector<Expected>& expected = {kGet}) {
  for (const std::string& line : response_events(stream, expected, {})) {
    if (line.starts_with("problem ")) return line.substr(8, line.rfind(" @") - 8);
  }
  return "";
}

std::string response(const std::string& status, const std::string& fields) {
  return "HTTP/1.1 " + status + "\r\n" + fields + "\r\n";
}

TEST(ResponseParser, ReadsABodyByLength) {
  EXPECT_THAT(
      response_events("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", {kGet}, {}),
      ElementsAre("response 200 'OK' 1.1 length 2 [Content-Length: 2] from 0 @38", "body 'hi' @40",
                  "end @40", "offset 40 boundary", "closed", "outstanding 0"));
}

TEST(ResponseParser, ReadsChunksWithWhatServersAddToThem) {
  EXPECT_THAT(response_events("HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n"
                              "2 \r\nhi\r\n1;a=\"b\"\r\n!\r\n0\r\nServer-Timing: x\r\n\r\n",
                              {kGet}, {}),
              ElementsAre("response 200 '' 1.1 chunked 0 [Transfer-Encoding: chunked] from 0 @45",
                          "body 'hi!' @63", "trailers [Server-Timing: x] @88", "end @88",
                          "offset 88 boundary", "closed", "outstanding 0"));
}

TEST(ResponseParser, ReadsUntilTheConnectionCloses) {
  EXPECT_THAT(
      response_events("HTTP/1.0 200\r\n\r\nall of this\r\n", {kGet}, {}),
      ElementsAre("response 200 '' 1.0 until-close 0 close from 0 @16",
                  "body 'all of this\r\n' @29", "offset 29", "end @29", "closed", "outstanding 0"));
}

TEST(ResponseParser, SaysWhenTheConnectionClosesTooEarly) {
  const auto last_of = [](std::string_view stream) {
    auto lines = response_events(stream, {kGet}, {});
    return lines[lines.size() - 2];
  };
  EXPECT_EQ(last_of("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi"), "incomplete_message");
  EXPECT_EQ(last_of("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n"),
            "incomplete_message");
  EXPECT_EQ(last_of("HTTP/1.1 200 OK\r\n"), "incomplete_message");
  EXPECT_EQ(last_of("HT"), "incomplete_message");
  EXPECT_EQ(last_of(""), "closed");
}

TEST(ResponseParser, SkipsBodiesThatAreNotThere) {
  const std::string next = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  for (const auto& [request, head] : std::vector<std::pair<Expected, std::string>>{
           {kHead, response("200 OK", "Content-Length: 100\r\n")},
           {kHead, response("200 OK", "Transfer-Encoding: chunked\r\n")},
           {kHead, response("200 OK", "")},
           {kGet, response("204 No Content", "")},
           {kGet, response("204 No Content", "Content-Length: 0\r\n")},
           {kGet, response("304 Not Modified", "Content-Length: 100\r\n")},
           {kConnect, response("407 Auth", "Content-Length: 0\r\n")},
       }) {
    const auto lines = response_events(head + next, {request, kGet}, {});
    ASSERT_EQ(lines.size(), 7U) << head;
    EXPECT_EQ(lines[1], "end @" + std::to_string(head.size())) << head;
    EXPECT_THAT(lines[2], HasSubstr("response 200 'OK' 1.1 length 0")) << head;
    EXPECT_EQ(lines.back(), "outstanding 0") << head;
  }
}

TEST(ResponseParser, ReportsInterimResponsesAndKeepsWaiting) {
  EXPECT_THAT(response_events("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n"
                              "\r\nHTTP/1.1 204 No Content\r\n\r\n",
                              {kGet}, {}),
              ElementsAre("response 100 'Continue' 1.1 none 0 interim from 0 @25",
                          "response 103 'Early Hints' 1.1 none 0 interim [Link: x] from 25 @62",
                          "response 204 'No Content' 1.1 none 0 from 62 @89", "end @89",
                          "offset 89 boundary", "closed", "outstanding 0"));
}

TEST(ResponseParser, OpensTunnels) {
  EXPECT_THAT(response_events("HTTP/1.1 200 OK\r\n\r\n\x16\x03", {kConnect}, {}),
              ElementsAre("response 200 'OK' 1.1 tunnel 0 from 0 @19", "end @19",
                          "tunnel '\x16\x03' @21", "offset 21 tunnel", "closed", "outstanding 0"));
  EXPECT_THAT(response_events("HTTP/1.1 101 S\r\n\r\n\x81", {kUpgrade}, {}),
              ElementsAre("response 101 'S' 1.1 tunnel 0 upgrade from 0 @18", "end @18",
                          "tunnel '\x81' @19", "offset 19 tunnel", "closed", "outstanding 0"));
  EXPECT_EQ(code_of("HTTP/1.1 101 S\r\n\r\n"), "unexpected_upgrade");
  EXPECT_EQ(code_of("HTTP/1.1 101 S\r\n\r\n", {kUpgrade, kGet}), "unexpected_upgrade");
  EXPECT_EQ(code_of("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", {kUpgrade}), "");
}

TEST(ResponseParser, RefusesFramingThatClientsReadDifferently) {
  const std::string chunked = "Transfer-Encoding: chunked\r\n";
  const std::string five = "Content-Length: 5\r\n";
  EXPECT_EQ(code_of(response("200 OK", chunked + five)), "length_and_transfer_encoding");
  EXPECT_EQ(code_of(response("200 OK", five + "Content-Length: 6\r\n")), "content_length_conflict");
  EXPECT_EQ(code_of(response("200 OK", five + five) + "hello"), "");
  EXPECT_EQ(code_of(response("200 OK", "Content-Length: 5, 5\r\n")), "bad_content_length");
  EXPECT_EQ(code_of(response("200 OK", "Transfer-Encoding: gzip, chunked\r\n")),
            "bad_transfer_encoding");
  EXPECT_EQ(code_of("HTTP/1.0 200 OK\r\n" + chunked + "\r\n"), "transfer_encoding_in_1_0");
  EXPECT_EQ(code_of(response("204 No", five)), "body_not_allowed");
  EXPECT_EQ(code_of(response("204 No", chunked)), "body_not_allowed");
  EXPECT_EQ(code_of(response("100 Continue", five)), "body_not_allowed");
  EXPECT_EQ(code_of(response("101 S", five), {kUpgrade}), "body_not_allowed");
  EXPECT_EQ(code_of(response("200 OK", five), {kConnect}), "body_not_allowed");
  EXPECT_EQ(code_of(response("200 OK", chunked) + "x\r\n"), "bad_chunk_size");
  EXPECT_EQ(code_of(response("200 OK", chunked) + " 1\r\n"), "bad_chunk_size");
  EXPECT_EQ(code_of(response("200 OK", chunked) + "1;\xff\r\n"), "bad_chunk_extension");
  EXPECT_EQ(code_of(response("200 OK", chunked) + "1\r\nab"), "bad_chunk_end");
  EXPECT_EQ(code_of(response("200 OK", "X: a\n")), "bare_lf");
  EXPECT_EQ(code_of(response("200 OK", "X: a\r\n b\r\n")), "obs_fold");
}

TEST(ResponseParser, RefusesBadStatusLines) {
  EXPECT_EQ(code_of("HTTP/1.1 2000 OK\r\n"), "bad_status_line");
  EXPECT_EQ(code_of("HTTP/1.1 20 OK\r\n"), "bad_status_line");
  EXPECT_EQ(code_of("HTTP/1.1 099 OK\r\n"), "bad_status_line");
  EXPECT_EQ(code_of("HTTP/1.1  200 OK\r\n"), "bad_status_line");
  EXPECT_EQ(code_of("HTTP/1.1\r\n"), "bad_status_line");
  EXPECT_EQ(code_of("HTTP/2 200 OK\r\n"), "unsupported_version");
  EXPECT_EQ(code_of("ICY 200 OK\r\n"), "bad_start_line");
  EXPECT_EQ(code_of("\r\nHTTP/1.1 200 OK\r\n"), "bad_start_line");
}

TEST(ResponseParser, RefusesResponsesThatNobodyAskedFor) {
  const std::string empty = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  EXPECT_EQ(code_of(empty, {}), "unexpected_response");
  EXPECT_EQ(code_of(empty + "H"), "unexpected_response");
  EXPECT_EQ(
      code_of("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\nH", {kGet, kGet}),
      "bytes_after_close");
}

TEST(ResponseParser, ReadsLatin1AsUtf8) {
  EXPECT_THAT(response_events("HTTP/1.1 204 \xe9\r\nX: \xe9\r\nY: \xc3\xa9\r\n\r\n", {kGet}, {})[0],
              HasSubstr("204 '\xc3\xa9' 1.1 none 0 [X: \xc3\xa9] [Y: \xc3\xa9]"));
}

TEST(ResponseParser, BoundsTheRequestsThatWait) {
  ResponseParser parser({.pipelined = 2});
  ResponseLog log;
  parser.expect("GET");
  parser.expect("GET");
  EXPECT_EQ(parser.outstanding(), 2U);
  EXPECT_FALSE(parser.problem());
  parser.expect("GET");
  EXPECT_FALSE(parser.feed("H", log));
  EXPECT_EQ(code_of(parser.problem()), "too_many_pipelined");
}

}  // namespace
}  // namespace writ::protocol
