// What RFC 9113 calls malformed, by its sections: each is a Problem with a name, at the frame.
#include "protocol/http2_frames.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace writ::protocol {
namespace {

using ::testing::HasSubstr;

struct Malformed {
  std::string name;
  std::string code;
  std::string bytes;        // behind a well-formed opening
  std::string before = {};  // well-formed frames in front of them
};

void PrintTo(const Malformed& m, std::ostream* out) { *out << m.name; }

class MalformedFrames : public testing::TestWithParam<Malformed> {};

TEST_P(MalformedFrames, AreProblemsWhereTheyBegin) {
  const Malformed& m = GetParam();
  const std::string start = opening() + m.before;
  const auto events = http2_events(start + m.bytes, settings(), {});
  ASSERT_GE(events.size(), 2u);
  const std::string& problem = events[events.size() - 2];
  EXPECT_THAT(problem, HasSubstr("problem " + m.code + " of ")) << testing::PrintToString(events);
  // The same byte by byte, and nothing more once it is known.
  std::vector<std::size_t> every(start.size() + m.bytes.size());
  for (std::size_t i = 0; i < every.size(); ++i) every[i] = i;
  EXPECT_EQ(http2_events(start + m.bytes, settings(), every), events);
  // What stands in front is fine.
  const auto fine = http2_events(start, settings(), {});
  EXPECT_THAT(fine[fine.size() - 2], HasSubstr("boundary"));
}

constexpr std::uint8_t kEndHeaders = frame_flag::kEndHeaders, kEnd = frame_flag::kEndStream,
                       kPad = frame_flag::kPadded;
const std::string kOpen = post2(1, "/p");
const std::string kEnded = get2(1, "/p");

std::string bad_head(const Fields& fields) { return headers(1, fields); }
std::string without(const std::string& name) {
  Fields fields = request_fields("GET", "/p");
  std::erase_if(fields, [&](const auto& field) { return field.first == name; });
  return headers(1, fields);
}

INSTANTIATE_TEST_SUITE_P(
    S4Frames, MalformedFrames,
    testing::Values(Malformed{"s4_2_data_too_large", "frame_too_large",
                              data(1, std::string(16385, 'x')), kOpen},
                    Malformed{"s4_2_settings_too_large", "frame_too_large",
                              frame(frame_type::kSettings, 0, 0, std::string(16386, 'x'))},
                    Malformed{"s4_2_unknown_too_large", "frame_too_large",
                              frame(0x42, 0, 0, std::string(16385, 'x'))},
                    Malformed{"s4_3_hpack", "bad_header_block",
                              frame(frame_type::kHeaders, kEndHeaders, 1, "\x80")},
                    Malformed{"s4_3_interleaved_data", "continuation_expected",
                              frame(frame_type::kHeaders, 0, 3, "") + data(1, "x"), kOpen},
                    Malformed{"s4_3_interleaved_ping", "continuation_expected",
                              frame(frame_type::kHeaders, 0, 1, "") +
                                  frame(frame_type::kPing, 0, 0, "12345678")},
                    Malformed{"s4_3_interleaved_headers", "continuation_expected",
                              frame(frame_type::kHeaders, 0, 1, "") + get2(3, "/p")}),
    [](const auto& with) { return with.param.name; });

INSTANTIATE_TEST_SUITE_P(
    S5Streams, MalformedFrames,
    testing::Values(
        Malformed{"s5_1_data_on_idle", "idle_stream", data(1, "x")},
        Malformed{"s5_1_reset_on_idle", "idle_stream", reset(1)},
        Malformed{"s5_1_window_on_idle", "idle_stream", window_update(1, 1)},
        Malformed{"s5_1_data_after_end", "stream_closed", data(1, "x"), kEnded},
        Malformed{"s5_1_headers_after_end", "stream_closed", get2(1, "/p"), kEnded},
        Malformed{"s5_1_data_after_reset", "stream_closed", data(1, "x"), kOpen + reset(1)},
        Malformed{"s5_1_headers_after_reset", "stream_reused", get2(1, "/p"), kOpen + reset(1)},
        Malformed{"s5_1_1_even", "bad_stream_id", get2(2, "/p")},
        Malformed{"s5_1_1_data_on_even", "idle_stream", data(2, "x")},
        Malformed{"s5_1_1_smaller", "stream_reused", get2(3, "/p"), get2(5, "/p")},
        Malformed{"s5_3_depends_on_itself", "bad_priority",
                  frame(frame_type::kPriority, 0, 3, number(3, 4) + "w")},
        Malformed{"s5_3_headers_depend_on_themselves", "bad_priority",
                  frame(frame_type::kHeaders, kEndHeaders | frame_flag::kPriority, 3,
                        number(3, 4) + "w" + block(request_fields("GET", "/p")))},
        Malformed{"s5_5_unknown_frame", "unread_bytes", frame(0x42, 0, 0, "secret")}),
    [](const auto& with) { return with.param.name; });

INSTANTIATE_TEST_SUITE_P(
    S6Frames, MalformedFrames,
    testing::Values(
        Malformed{"s6_1_data_without_stream", "bad_frame_stream", data(0, "x")},
        Malformed{"s6_1_padding_too_long", "bad_padding",
                  frame(frame_type::kData, kPad, 1,
                        "\x05"
                        "abcde"),
                  kOpen},
        Malformed{"s6_1_padding_without_length", "bad_padding",
                  frame(frame_type::kData, kPad, 1, ""), kOpen},
        Malformed{"s6_1_padding_not_zero", "bad_padding",
                  frame(frame_type::kData, kPad, 1,
                        "\x05"
                        "abcdefgh"),
                  kOpen},
        Malformed{"s6_2_headers_without_stream", "bad_frame_stream", get2(0, "/p")},
        Malformed{"s6_2_padding_too_long", "bad_padding",
                  frame(frame_type::kHeaders, kEndHeaders | kPad, 1,
                        "\x09"
                        "abc")},
        Malformed{"s6_2_padding_not_zero", "bad_padding",
                  frame(frame_type::kHeaders, kEndHeaders | kPad, 1,
                        "\x03" + block(request_fields("GET", "/p")) + "abc")},
        Malformed{"s6_2_priority_cut", "bad_frame_length",
                  frame(frame_type::kHeaders, kEndHeaders | frame_flag::kPriority, 1, "abc")},
        Malformed{"s6_3_priority_without_stream", "bad_frame_stream",
                  frame(frame_type::kPriority, 0, 0, "12345")},
        Malformed{"s6_3_priority_length", "bad_frame_length",
                  frame(frame_type::kPriority, 0, 1, "1234")},
        Malformed{"s6_4_reset_without_stream", "bad_frame_stream", reset(0)},
        Malformed{"s6_4_reset_length", "bad_frame_length",
                  frame(frame_type::kRstStream, 0, 1, "12345"), kOpen},
        Malformed{"s6_5_settings_on_stream", "bad_frame_stream",
                  frame(frame_type::kSettings, 0, 1, "")},
        Malformed{"s6_5_settings_length", "bad_frame_length",
                  frame(frame_type::kSettings, 0, 0, "12345")},
        Malformed{"s6_5_ack_with_payload", "bad_frame_length",
                  frame(frame_type::kSettings, frame_flag::kAck, 0, "123456")},
        Malformed{"s6_5_2_enable_push", "bad_settings", settings({{2, 2}})},
        Malformed{"s6_5_2_initial_window", "bad_settings", settings({{4, 0x80000000U}})},
        Malformed{"s6_5_2_frame_size_small", "bad_settings", settings({{5, 16383}})},
        Malformed{"s6_5_2_frame_size_large", "bad_settings", settings({{5, 0x1000000}})},
        Malformed{"s6_6_push_by_client", "push_promise",
                  frame(frame_type::kPushPromise, kEndHeaders, 1, number(2, 4)), kOpen},
        Malformed{"s6_7_ping_on_stream", "bad_frame_stream",
                  frame(frame_type::kPing, 0, 1, "12345678")},
        Malformed{"s6_7_ping_length", "bad_frame_length",
                  frame(frame_type::kPing, 0, 0, "1234567")},
        Malformed{"s6_8_goaway_on_stream", "bad_frame_stream",
                  frame(frame_type::kGoaway, 0, 1, "12345678")},
        Malformed{"s6_8_goaway_length", "bad_frame_length",
                  frame(frame_type::kGoaway, 0, 0, "1234567")},
        Malformed{"s6_8_goaway_hides_bytes", "unread_bytes",
                  frame(frame_type::kGoaway, 0, 0, "12345678" + std::string(200, 'x'))},
        Malformed{"s6_9_window_of_nothing", "bad_window_update", window_update(0, 0)},
        Malformed{"s6_9_window_length", "bad_frame_length",
                  frame(frame_type::kWindowUpdate, 0, 0, "123")},
        Malformed{"s6_10_continuation_of_nothing", "unexpected_continuation",
                  frame(frame_type::kContinuation, kEndHeaders, 1, "")},
        Malformed{"s6_10_continuation_of_another", "unexpected_continuation",
                  frame(frame_type::kHeaders, 0, 1, "") +
                      frame(frame_type::kContinuation, kEndHeaders, 3, "")},
        Malformed{"s6_10_continuation_without_stream", "bad_frame_stream",
                  frame(frame_type::kHeaders, 0, 1, "") +
                      frame(frame_type::kContinuation, kEndHeaders, 0, "")}),
    [](const auto& with) { return with.param.name; });

INSTANTIATE_TEST_SUITE_P(
    S8Messages, MalformedFrames,
    testing::Values(
        Malformed{"s8_1_trailers_without_end", "trailers_without_end", headers(1, {{"x", "y"}}),
                  kOpen},
        Malformed{"s8_1_1_body_too_long", "content_length_mismatch", data(1, "four"),
                  post2(1, "/p", {{"content-length", "3"}})},
        Malformed{"s8_1_1_body_too_short", "content_length_mismatch", data(1, "no", true),
                  post2(1, "/p", {{"content-length", "3"}})},
        Malformed{"s8_1_1_no_body", "content_length_mismatch",
                  get2(1, "/p", {{"content-length", "3"}})},
        Malformed{"s8_1_1_two_lengths", "duplicate_content_length",
                  post2(1, "/p", {{"content-length", "3"}, {"content-length", "3"}})},
        Malformed{"s8_2_capitals", "bad_field_name", get2(1, "/p", {{"X-Y", "z"}})},
        Malformed{"s8_2_empty_name", "bad_field_name", get2(1, "/p", {{"", "z"}})},
        Malformed{"s8_2_1_line_feed", "control_byte", get2(1, "/p", {{"x", "a\nb"}})},
        Malformed{"s8_2_1_nul", "control_byte", get2(1, "/p", {{"x", std::string("a\0b", 3)}})},
        Malformed{"s8_2_1_space_around", "bad_field_value", get2(1, "/p", {{"x", " a"}})},
        Malformed{"not_utf8", "not_utf8", get2(1, "/p", {{"x", "\xff"}})},
        Malformed{"ambiguous", "ambiguous_field_name", get2(1, "/p", {{"content_length", "1"}})},
        Malformed{"s8_2_2_connection", "connection_field",
                  get2(1, "/p", {{"connection", "close"}})},
        Malformed{"s8_2_2_transfer_encoding", "connection_field",
                  post2(1, "/p", {{"transfer-encoding", "chunked"}})},
        Malformed{"s8_2_2_te", "connection_field", get2(1, "/p", {{"te", "gzip"}})},
        Malformed{"s8_3_unknown_pseudo", "bad_pseudo_header", get2(1, "/p", {{":x", "y"}})},
        Malformed{"s8_3_pseudo_behind_field", "bad_pseudo_header",
                  bad_head({{":method", "GET"},
                            {":scheme", "http"},
                            {"x", "y"},
                            {":path", "/p"},
                            {":authority", "crm.test"}})},
        Malformed{"s8_3_status_in_request", "bad_pseudo_header",
                  get2(1, "/p", {{":status", "200"}})},
        Malformed{"s8_3_twice", "bad_pseudo_header", get2(1, "/p", {{":path", "/q"}})},
        Malformed{"s8_3_in_trailers", "bad_pseudo_header", headers(1, {{":path", "/q"}}, kEnd),
                  kOpen},
        Malformed{"s8_3_1_no_method", "bad_pseudo_header", without(":method")},
        Malformed{"s8_3_1_no_scheme", "bad_pseudo_header", without(":scheme")},
        Malformed{"s8_3_1_no_path", "bad_pseudo_header", without(":path")},
        Malformed{"s8_3_1_no_host", "missing_host", without(":authority")},
        Malformed{"s8_3_1_empty_path", "bad_target", headers(1, request_fields("GET", ""))},
        Malformed{"s8_3_1_absolute_path", "bad_target",
                  headers(1, request_fields("GET", "http://evil.test/"))},
        Malformed{"s8_3_1_space_in_path", "bad_target", headers(1, request_fields("GET", "/a b"))},
        Malformed{"s8_3_1_asterisk", "bad_target", headers(1, request_fields("GET", "*"))},
        Malformed{"s8_3_1_method", "bad_method", headers(1, request_fields("get", "/p"))},
        Malformed{"s8_3_1_other_host", "host_mismatch", get2(1, "/p", {{"host", "evil.test"}})},
        Malformed{"s8_3_1_other_port", "host_mismatch", get2(1, "/p", {{"host", "crm.test:81"}})},
        Malformed{"s8_3_1_two_hosts", "duplicate_host",
                  get2(1, "/p", {{"host", "crm.test"}, {"host", "crm.test"}})},
        Malformed{"s8_5_connect", "tunnel",
                  headers(1, {{":method", "CONNECT"}, {":authority", "crm.test:443"}})},
        Malformed{"rfc8441_extended_connect", "tunnel",
                  headers(1, request_fields("CONNECT", "/", {{":protocol", "websocket"}}))},
        Malformed{"forbidden_trailer", "forbidden_trailer",
                  headers(1, {{"content-length", "1"}}, kEnd), kOpen},
        Malformed{"bad_expect", "bad_expect", post2(1, "/p", {{"expect", "payment"}})}),
    [](const auto& with) { return with.param.name; });

TEST(Http2Opening, IsThePrefaceAndSettings) {
  const std::string ping = frame(frame_type::kPing, 0, 0, "12345678");
  EXPECT_THAT(http2_events("PRI * HTTP/2.0\r\n\r\nXX", "", {})[0],
              HasSubstr("problem bad_preface of 0 @18"));
  EXPECT_THAT(http2_events(std::string(kHttp2Preface) + ping, "", {})[0],
              HasSubstr("problem settings_expected of 0 @24"));
  EXPECT_THAT(http2_events(opening() + ping, ping, {})[0], HasSubstr("boundary 50"))
      << "a server that is not understood stops nothing";
}

TEST(Http2Bounds, TenThousandHeaders) {
  Fields many = request_fields("GET", "/p");
  for (int i = 0; i < 10'000; ++i) many.emplace_back("x" + std::to_string(i), "");
  const std::string all = block(many);
  std::string bytes = opening() + frame(frame_type::kHeaders, 0, 1, all.substr(0, 16'000));
  for (std::size_t at = 16'000; at < all.size(); at += 16'000) {
    bytes += frame(frame_type::kContinuation, at + 16'000 < all.size() ? 0 : kEndHeaders, 1,
                   all.substr(at, 16'000));
  }
  EXPECT_THAT(http2_events(bytes, "", {})[0], HasSubstr("problem header_section_too_large of 1"));
  Fields some = request_fields("GET", "/p");
  for (int i = 0; i < 200; ++i) some.emplace_back("x", "");
  EXPECT_THAT(http2_events(opening() + headers(1, some), "", {})[0],
              HasSubstr("problem too_many_headers of 1"));
}

TEST(Http2Bounds, EmptyContinuations) {
  std::string bytes = opening() + frame(frame_type::kHeaders, 0, 1, "");
  for (int i = 0; i < 100'000; ++i) bytes += frame(frame_type::kContinuation, 0, 1, "");
  EXPECT_THAT(http2_events(bytes, "", {})[0], HasSubstr("problem too_many_continuations of 1"));
}

TEST(Http2Bounds, OpenStreams) {
  std::string bytes = opening();
  for (std::uint32_t i = 0; i < 5; ++i) bytes += post2(2 * i + 1, "/p");
  const auto events = http2_events(bytes, "", {}, {.streams = 4});
  EXPECT_THAT(events[4], HasSubstr("problem too_many_streams of 9"));
  EXPECT_THAT(events[5], HasSubstr("open 4"));
}

TEST(Http2Opening, IsKnownAtTheFirstByteThatDiffers) {
  EXPECT_EQ(opening_of(""), Opening::kUnknown);
  EXPECT_EQ(opening_of("P"), Opening::kUnknown);
  EXPECT_EQ(opening_of("PO"), Opening::kHttp1);
  EXPECT_EQ(opening_of("GET / HTTP/1.1"), Opening::kHttp1);
  EXPECT_EQ(opening_of(kHttp2Preface.substr(0, 23)), Opening::kUnknown);
  EXPECT_EQ(opening_of(opening()), Opening::kHttp2);
  EXPECT_EQ(opening_of(data(7, "xyz").substr(0, 8)), Opening::kUnknown);
  EXPECT_EQ(opening_of(data(7, "xyz")), Opening::kMidway);
  EXPECT_EQ(opening_of(std::string(20, '\0')), Opening::kHttp1);
}

TEST(Http2Joined, AFrameIsToldFromARequest) {
  EXPECT_TRUE(looks_like_frame(data(7, "xyz").substr(0, 9)));
  EXPECT_TRUE(looks_like_frame(get2(7, "/p")));
  EXPECT_TRUE(looks_like_frame(window_update(0, 5)));
  EXPECT_FALSE(looks_like_frame("GET / HTTP/1.1\r\n"));
  EXPECT_FALSE(looks_like_frame(frame(0x42, 0, 1, "x"))) << "of no known type";
  EXPECT_FALSE(looks_like_frame(data(0, "x")));
  EXPECT_FALSE(looks_like_frame(std::string("\0\0\1", 3)));
}

}  // namespace
}  // namespace writ::protocol
