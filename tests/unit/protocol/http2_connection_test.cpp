// What comes out of well-formed connections, however they are cut, and what the two directions say
// to each other.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "protocol/http2_frames.h"
#include "protocol/request_target.h"

namespace writ::protocol {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::uint8_t kEndHeaders = frame_flag::kEndHeaders, kEnd = frame_flag::kEndStream;

TEST(Http2Requests, OneWithoutBody) {
  EXPECT_THAT(http2_events(opening() + get2(1, "/contacts?x=1", {{"accept", "*/*"}}), "", {}),
              ElementsAre("1 GET /contacts?x=1 [host: crm.test] [accept: */*] from 33 @123",
                          "1 end @123", "boundary 123", "offset 123 open 1"));
}

TEST(Http2Requests, StreamsInterleave) {
  const std::string bytes = opening() + post2(1, "/a") + post2(3, "/b") + data(1, "one ") +
                            data(3, "two") + data(1, "one", true) + data(3, "", true);
  const auto events = http2_events(bytes, "", {});
  std::vector<std::string> without_places;
  for (const auto& line : events) without_places.push_back(line.substr(0, line.find(" @")));
  EXPECT_THAT(without_places, ElementsAre("1 POST /a open [host: crm.test] from 33",
                                          "3 POST /b open [host: crm.test] from 101",
                                          "1 body 'one '", "3 body 'two'", "1 body 'one'", "1 end",
                                          "3 end", "boundary 215", "offset 215 open 2"));
}

TEST(Http2Requests, PaddingPriorityContinuationAndTrailers) {
  const std::string fields = block(request_fields("POST", "/a", {{"te", "trailers"}}));
  const std::string bytes =
      opening() +
      frame(frame_type::kHeaders, frame_flag::kPadded | frame_flag::kPriority, 1,
            "\x04" + number(0, 4) + "w" + fields.substr(0, 10) + std::string(4, '\0')) +
      frame(frame_type::kContinuation, 0, 1, "") +
      frame(frame_type::kContinuation, kEndHeaders, 1, fields.substr(10)) +
      frame(frame_type::kData, frame_flag::kPadded, 1,
            "\x03"
            "body" +
                std::string(3, '\0')) +
      headers(1, {{"checksum", "7"}}, kEnd);
  const auto events = http2_events(bytes, "", {});
  ASSERT_EQ(events.size(), 6u) << testing::PrintToString(events);
  EXPECT_EQ(events[0].substr(0, events[0].find(" from")),
            "1 POST /a open [host: crm.test] [te: trailers]");
  EXPECT_EQ(events[1].substr(0, 13), "1 body 'body'");
  EXPECT_EQ(events[2].substr(0, 25), "1 trailers [checksum: 7] ");
  EXPECT_EQ(events[3].substr(0, 5), "1 end");
}

TEST(Http2Requests, FramesOfTheConnectionChangeNothing) {
  const std::string control =
      settings({{1, 4096}, {2, 0}, {3, 100}, {4, 1U << 20}, {5, 32768}, {6, 1000}, {99, 1}}) +
      frame(frame_type::kSettings, frame_flag::kAck, 0) + window_update(0, 1U << 30) +
      frame(frame_type::kPing, 0, 0, "12345678") +
      frame(frame_type::kPriority, 0, 9, number(3, 4) + "w") +
      frame(frame_type::kPriorityUpdate, 0, 0, number(1, 4) + "u=1, i") +
      frame(frame_type::kGoaway, 0, 0, number(0, 4) + number(0, 4) + "bye");
  const auto events = http2_events(opening() + control, "", {});
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0], "boundary " + std::to_string(33 + control.size()));
}

TEST(Http2Requests, TheAuthorityIsTheHost) {
  const auto path_of = [](const std::string& bytes) {
    struct Sink : Http2RequestLog {
      void on_head(std::uint32_t /*stream*/, const RequestHead& head, std::uint64_t) override {
        const auto problem = fill_call(head, call);
        if (problem) call.path = problem->code;
      }
      ToolCall call;
    } sink;
    Http2Connection connection;
    EXPECT_TRUE(connection.feed_out(opening() + bytes, sink));
    return sink.call.protocol + " " + sink.call.method + " " + sink.call.host + sink.call.path +
           " " + sink.call.query;
  };
  EXPECT_EQ(path_of(get2(1, "/a%20b?q=1")), "http/2 GET crm.test/a b q=1");
  EXPECT_EQ(path_of(get2(1, "/a", {{"host", "CRM.test:80"}})), "http/2 GET crm.test/a ");
  EXPECT_EQ(path_of(headers(1, request_fields("OPTIONS", "*"), kEnd)), "http/2 OPTIONS crm.test/ ");
  EXPECT_EQ(
      path_of(headers(
          1,
          {{":method", "GET"}, {":scheme", "https"}, {":path", "/a"}, {"host", "other.test:8443"}},
          kEnd)),
      "http/2 GET other.test/a ");
  EXPECT_EQ(path_of(get2(1, "/a/../b")), "http/2 GET dot_segment ");
  Fields tricky = request_fields("GET", "/a");
  tricky[2].second = "crm.test/x";
  EXPECT_EQ(path_of(headers(1, tricky, kEnd)), "http/2 GET bad_host ");
  tricky[2].second = "user@crm.test";
  EXPECT_EQ(path_of(headers(1, tricky, kEnd)), "http/2 GET bad_host ");
}

TEST(Http2Requests, AResetEndsAStreamAndItsNumberIsNotUsedAgain) {
  const auto events = http2_events(opening() + post2(1, "/a") + reset(1, 8) + reset(1, 8), "", {});
  ASSERT_EQ(events.size(), 4u);
  EXPECT_EQ(events[1], "1 reset 8 @114");
  EXPECT_EQ(events[3], "offset 127 open 0");
}

TEST(Http2Requests, HowFarTheBytesMayGo) {
  Http2Connection connection;
  Http2RequestLog log;
  const auto boundary_after = [&](std::string_view bytes) {
    EXPECT_TRUE(connection.feed_out(bytes, log));
    return connection.boundary();
  };
  EXPECT_EQ(boundary_after(kHttp2Preface.substr(0, 20)), 0u) << "it is not whole";
  EXPECT_EQ(boundary_after(kHttp2Preface.substr(20)), 24u);
  EXPECT_EQ(boundary_after(settings().substr(0, 5)), 24u);
  EXPECT_EQ(boundary_after(settings().substr(5)), 33u);
  const std::string fields = block(request_fields("POST", "/a"));
  EXPECT_EQ(boundary_after(frame(frame_type::kHeaders, 0, 1, fields.substr(0, 5))), 33u);
  EXPECT_EQ(boundary_after(frame(frame_type::kContinuation, 0, 1, "").substr(0, 4)), 33u);
  EXPECT_EQ(boundary_after(frame(frame_type::kContinuation, 0, 1, "").substr(4)), 33u);
  const std::string rest = frame(frame_type::kContinuation, kEndHeaders, 1, fields.substr(5));
  EXPECT_EQ(boundary_after(rest), 33 + 9 + 9 + 9 + fields.size());
  const std::uint64_t behind = connection.offset();
  EXPECT_EQ(boundary_after(data(1, "body").substr(0, 11)), behind + 11) << "within DATA";
  EXPECT_EQ(boundary_after(data(1, "body").substr(11)), behind + 13);
}

// --- However it is cut ---

const std::string kManyFrames =
    opening() + post2(1, "/a", {{"content-length", "8"}}) + get2(3, "/b") + data(1, "body") +
    frame(frame_type::kPing, 0, 0, "12345678") +
    frame(frame_type::kData, frame_flag::kPadded | kEnd, 1,
          "\x02"
          "more" +
              std::string(2, '\0')) +
    frame(frame_type::kHeaders, 0, 5, block(request_fields("POST", "/c")).substr(0, 7)) +
    frame(frame_type::kContinuation, kEndHeaders, 5,
          block(request_fields("POST", "/c")).substr(7)) +
    frame(frame_type::kData, frame_flag::kPadded, 5, std::string("\x03\0\0\0", 4)) + data(5, "") +
    headers(5, {{"t", "v"}}, kEnd) + post2(7, "/d") + reset(7) + data(7, "late");

TEST(Http2Split, TheSameEventsHoweverItIsCut) {
  const auto whole = http2_events(kManyFrames, settings(), {});
  ASSERT_THAT(whole.end()[-2], ::testing::HasSubstr("problem stream_closed of 7"));
  std::vector<std::size_t> every(kManyFrames.size());
  std::iota(every.begin(), every.end(), 0U);
  EXPECT_EQ(http2_events(kManyFrames, settings(), every), whole) << "byte by byte";
  for (std::size_t cut = 0; cut <= kManyFrames.size(); ++cut) {
    EXPECT_EQ(http2_events(kManyFrames, settings(), {cut}), whole) << "cut at " << cut;
    EXPECT_EQ(http2_events(kManyFrames, settings(), {cut, std::min(cut + 3, kManyFrames.size())}),
              whole)
        << "three pieces at " << cut;
  }
}

// --- Both directions ---

class Http2Both : public testing::Test {
 protected:
  void client(const std::string& bytes) {
    EXPECT_TRUE(connection_.feed_out(bytes, out_)) << connection_.problem()->message;
  }
  bool server(const std::string& bytes) { return connection_.feed_in(bytes, in_); }

  Http2Connection connection_;
  Http2RequestLog out_;
  Http2ResponseLog in_;
};

TEST_F(Http2Both, ResponsesInAnyOrder) {
  client(opening() + get2(1, "/a") + get2(3, "/b"));
  EXPECT_TRUE(server(settings() + headers(3, {{":status", "200"}}) +
                     headers(1, {{":status", "100"}}) + data(3, "three") +
                     headers(1, {{":status", "404"}, {"x", "\xe4"}}, kEnd) +
                     headers(3, {{"grpc-status", "0"}}, kEnd)));
  std::vector<std::string> lines;
  for (const auto& line : in_.take()) lines.push_back(line.substr(0, line.find(" @")));
  EXPECT_THAT(lines, ElementsAre("3 status 200", "1 status 100 interim", "3 body 'three'",
                                 "1 status 404 [x: \xc3\xa4]", "1 end",
                                 "3 trailers [grpc-status: 0]", "3 end"));
  EXPECT_EQ(connection_.open_streams(), 0u);
}

TEST_F(Http2Both, WhatCrossesAResetIsReadAndDropped) {
  client(opening() + get2(1, "/a") + reset(1) + get2(3, "/b"));
  EXPECT_TRUE(server(settings() + headers(1, {{":status", "200"}}) + data(1, "late", true) +
                     headers(3, {{":status", "200"}}, kEnd)));
  EXPECT_EQ(in_.take().size(), 2u);
}

TEST_F(Http2Both, AServerThatIsNotUnderstoodIsReadNoFurther) {
  client(opening() + get2(1, "/a"));
  EXPECT_TRUE(server(settings()));
  EXPECT_GT(connection_.window(1), 0);
  EXPECT_FALSE(server(headers(5, {{":status", "200"}}, kEnd)));
  EXPECT_EQ(connection_.response_problem()->code, "bad_stream_id");
  EXPECT_FALSE(server(headers(1, {{":status", "200"}}, kEnd)));
  EXPECT_THAT(in_.take(), IsEmpty());
  EXPECT_EQ(connection_.window(1), 0) << "nobody knows";
  client(get2(3, "/b"));
}

TEST_F(Http2Both, APushIsNotRead) {
  client(opening() + get2(1, "/a"));
  EXPECT_FALSE(server(settings() + frame(frame_type::kPushPromise, kEndHeaders, 1,
                                         number(2, 4) + block({{":method", "GET"}}))));
  EXPECT_EQ(connection_.response_problem()->code, "push_promise");
}

TEST_F(Http2Both, WindowsAreWhatTheServerGrants) {
  client(opening() + post2(1, "/a"));
  EXPECT_EQ(connection_.window(1), 65535);
  EXPECT_EQ(connection_.window(3), 0) << "no such stream";
  client(data(1, std::string(16'000, 'x')));
  EXPECT_EQ(connection_.window(1), 49'535);
  EXPECT_TRUE(server(settings({{4, 1000}})));
  EXPECT_EQ(connection_.window(1), 1000 - 16'000) << "it may become negative";
  EXPECT_TRUE(server(window_update(1, 100'000)));
  EXPECT_EQ(connection_.window(1), 49'535) << "the connection's is smaller";
  EXPECT_TRUE(server(window_update(0, 100'000)));
  EXPECT_EQ(connection_.window(1), 85'000);
  client(post2(3, "/b") +
         frame(frame_type::kData, frame_flag::kPadded, 3, "\x09" + std::string(10, '\0')));
  EXPECT_EQ(connection_.window(3), 1000 - 11) << "padding counts";
}

TEST_F(Http2Both, LargerFramesOnceTheServerTakesThem) {
  client(opening() + post2(1, "/a"));
  EXPECT_TRUE(server(settings({{5, 1U << 20}})));
  client(data(1, std::string(1U << 20, 'x')));
  Http2Connection lost;
  EXPECT_TRUE(lost.feed_out(opening() + post2(1, "/a"), out_));
  lost.lose_in();
  EXPECT_TRUE(lost.feed_out(data(1, std::string(1U << 20, 'x')), out_)) << "it may have said so";
}

TEST_F(Http2Both, ALargerTableOnceTheServerAllowsIt) {
  const std::string larger("\x3f\xe1\x3f", 3);  // 8,192
  client(opening());
  EXPECT_TRUE(server(settings({{1, 8192}})));
  client(frame(frame_type::kHeaders, kEndHeaders | kEnd, 1,
               larger + block(request_fields("GET", "/a"))));
}

TEST_F(Http2Both, AStreamThatOnlyTheServerHasEndedStaysUntilItIsForgotten) {
  client(opening() + post2(1, "/a"));
  EXPECT_TRUE(server(settings() + headers(1, {{":status", "413"}}, kEnd) + reset(1, 0)));
  EXPECT_EQ(connection_.open_streams(), 1u);
  client(data(1, "in flight"));
  connection_.forget(1);
  EXPECT_FALSE(connection_.feed_out(data(1, "more"), out_));
  EXPECT_EQ(connection_.problem()->code, "stream_closed");
}

}  // namespace
}  // namespace writ::protocol
