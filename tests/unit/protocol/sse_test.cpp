// text/event-stream: the standard's own examples, its corners, and cuts at every offset.
#include "protocol/sse.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "protocol/sse_log.h"

namespace writ::protocol {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using Lines = std::vector<std::string>;

struct Sample {
  std::string name;
  std::string bytes;
  Lines events;
  std::string aside;
};
void PrintTo(const Sample& sample, std::ostream* out) { *out << sample.name; }

class SseTest : public ::testing::TestWithParam<Sample> {};

TEST_P(SseTest, SaysWhatTheStandardSays) {
  const SseLog log = sse_log(GetParam().bytes);
  EXPECT_EQ(log.events, GetParam().events);
  EXPECT_EQ(log.aside, GetParam().aside);
  EXPECT_TRUE(log.counts_hold);
}

TEST_P(SseTest, TheSameHoweverItIsCut) {
  const std::string& bytes = GetParam().bytes;
  const SseLog whole = sse_log(bytes);
  std::vector<std::size_t> every(bytes.size());
  std::iota(every.begin(), every.end(), 0u);
  EXPECT_TRUE(sse_log(bytes, every) == whole) << "byte by byte";
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    EXPECT_TRUE(sse_log(bytes, {cut}) == whole) << "cut at " << cut;
    EXPECT_TRUE(sse_log(bytes, {cut, std::min(cut + 2, bytes.size())}) == whole) << "at " << cut;
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, SseTest,
    ::testing::Values(
        Sample{"one", "data: hello\n\n", {"message # 5 hello"}, ""},
        Sample{"crlf", "data: a\r\ndata: b\r\n\r\n", {"message # 3 a\nb"}, ""},
        Sample{"cr", "data: a\rdata: b\r\r", {"message # 3 a\nb"}, ""},
        Sample{"mixed_ends",
               "data: a\r\n\ndata: b\n\r\ndata: c\r\r",
               {"message # 1 a", "message # 1 b", "message # 1 c"},
               ""},
        // Of the standard, section 9.2.6.
        Sample{"stock", "data: YHOO\ndata: +2\ndata: 10\n\n", {"message # 10 YHOO\n+2\n10"}, ""},
        Sample{
            "ids",
            ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third "
            "event\n\n",
            {"message #1 11 first event", "message # 12 second event", "message # 12  third event"},
            ": test stream\nid: 1\nid\n"},
        Sample{"empty_data", "data\n\ndata\ndata\n\ndata:", {"message # 0 ", "message # 1 \n"}, ""},
        Sample{"one_space",
               "data:test\n\ndata: test\n\n",
               {"message # 4 test", "message # 4 test"},
               ""},
        Sample{"types",
               "event: add\ndata: 1\n\ndata: 2\n\nevent: x\n\ndata: 3\n\n",
               {"add # 1 1", "message # 1 2", "message # 1 3"},
               "event: add\nevent: x\n"},
        Sample{"last_type", "event: a\nevent: b\ndata: 1\n\n", {"b # 1 1"}, "event: a\nevent: b\n"},
        Sample{"id_stays", "id: 7\n\ndata: 1\n\n", {"message #7 1 1"}, "id: 7\n"},
        Sample{"retry", "retry: 10\ndata: 1\n\n", {"message # 1 1"}, "retry: 10\n"},
        Sample{
            "comment_within", "data: ab\n: seen\ndata: cd\n\n", {"message # 5 ab\ncd"}, ": seen\n"},
        Sample{"no_fields",
               "datum: x\ndata : y\nDATA: z\ndat\n data: w\nevents: v\n\n",
               {},
               "datum: x\ndata : y\nDATA: z\ndat\n data: w\nevents: v\n"},
        Sample{"colons", "data: a:b: c\ndata::\n\n", {"message # 8 a:b: c\n:"}, ""},
        Sample{"mark",
               "\xef\xbb\xbf"
               "data: a\n\n",
               {"message # 1 a"},
               ""},
        Sample{"two_marks",
               "\xef\xbb\xbf\xef\xbb\xbf"
               "data: a\n\n",
               {},
               "\xef\xbb\xbf"
               "data: a\n"},
        Sample{"half_mark",
               "\xef\xbb"
               "data: a\n\n",
               {},
               "\xef\xbb"
               "data: a\n"},
        Sample{"no_end", "data: a\n\ndata: never", {"message # 1 a"}, ""},
        Sample{"nothing", "\n\r\n\r\n", {}, ""}),
    [](const auto& each) { return each.param.name; });

TEST(SseParser, AnIdWithANulIsIgnored) {
  EXPECT_THAT(sse_log(std::string("id: 1\nid: 2\0\ndata: a\n\n", 22)).events,
              ElementsAre("message #1 1 a"));
}

TEST(SseParser, DataOfAnEventThatHasNotEndedIsThere) {
  const SseLog log = sse_log("data: never ends");
  EXPECT_THAT(log.events, IsEmpty());
  EXPECT_EQ(log.data, "never ends");
}

TEST(SseParser, TypeAndIdAreCutAndDataIsNot) {
  const std::string text(100, 'x');
  const SseLog log = sse_log("event: " + text + "\nid: " + text + "\ndata: " + text + "\n\n", {},
                             {.type = 3, .id = 5});
  EXPECT_THAT(log.events, ElementsAre("xxx #xxxxx 100 " + text));
}

}  // namespace
}  // namespace writ::protocol
