#include "util/framing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "control.pb.h"

namespace writ {
namespace {

using ::testing::ElementsAre;

struct Cut {
  std::vector<std::string> frames;
  bool failed = false;
  std::size_t pending = 0;
  bool operator==(const Cut&) const = default;
};

// Feeds the pieces one after the other, draining in between.
Cut decode(const std::vector<std::string_view>& pieces, std::size_t max = kMaxFrameBytes) {
  FrameDecoder decoder(max);
  Cut cut;
  for (const std::string_view piece : pieces) {
    decoder.feed(piece);
    for (;;) {
      const auto next = decoder.next();
      if (!next) {
        cut.failed = true;
        return cut;
      }
      const std::optional<std::string_view> frame = *next;
      if (!frame) break;
      cut.frames.emplace_back(*frame);
    }
  }
  cut.pending = decoder.pending();
  return cut;
}

std::string framed(std::string_view payload) {
  std::string out;
  EXPECT_TRUE(append_frame(out, payload));
  return out;
}

TEST(Framing, HeaderIsBigEndianLength) {
  EXPECT_EQ(framed("abc"), std::string("\0\0\0\3abc", 7));
  EXPECT_EQ(framed(std::string(258, 'x')).substr(0, 4), std::string("\0\0\1\2", 4));
}

TEST(Framing, SeveralFramesInOneFeed) {
  const std::string stream = framed("one") + framed("") + framed("three");
  EXPECT_THAT(decode({stream}).frames, ElementsAre("one", "", "three"));
}

TEST(Framing, CutAtEveryOffsetGivesTheSame) {
  v1::ControlRequest run;
  run.mutable_run()->mutable_terms()->set_agent("sales-assistant");
  run.mutable_run()->add_command("python3");
  v1::ControlRequest trace;
  trace.mutable_trace()->set_call("c-1");
  const std::string stream = framed(run.SerializeAsString()) + framed(trace.SerializeAsString()) +
                             framed("") + std::string(2, '\0');  // half a header
  const Cut whole = decode({stream});
  ASSERT_EQ(whole.pending, 2u);
  ASSERT_EQ(whole.frames.size(), 3u);
  for (std::size_t i = 0; i <= stream.size(); ++i) {
    const std::string_view all = stream;
    EXPECT_EQ(decode({all.substr(0, i), all.substr(i)}), whole) << "cut at " << i;
  }
  std::vector<std::string_view> bytes;
  for (std::size_t i = 0; i < stream.size(); ++i) bytes.emplace_back(&stream[i], 1);
  EXPECT_EQ(decode(bytes), whole);
}

TEST(Framing, LargestFrameFitsAndOneMoreDoesNot) {
  const std::string largest(kMaxFrameBytes, 'x');
  EXPECT_THAT(decode({framed(largest)}).frames, ElementsAre(largest));

  std::string out = "kept";
  const auto refused = append_frame(out, largest + "x");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalid);
  EXPECT_EQ(out, "kept");
}

TEST(Framing, AnnouncedLengthOverTheMaximumFailsOnTheHeaderForGood) {
  FrameDecoder decoder;
  decoder.feed(std::string("\xff\xff\xff\xff", 4));
  ASSERT_FALSE(decoder.next());
  decoder.feed(framed("fine"));
  EXPECT_FALSE(decoder.next());

  EXPECT_TRUE(decode({framed("12345")}, 4).failed);
  EXPECT_FALSE(decode({framed("1234")}, 4).failed);
}

TEST(Framing, PendingTellsACutFrame) {
  EXPECT_EQ(decode({framed("abc")}).pending, 0u);
  EXPECT_EQ(decode({std::string_view("\0\0\0\3ab", 6)}).pending, 6u);
}

TEST(Framing, LongStreamKeepsNoHistory) {
  FrameDecoder decoder;
  const std::string frame = framed(std::string(60'000, 'y'));
  for (int i = 0; i < 200; ++i) {
    decoder.feed(std::string_view(frame).substr(0, 30'000));
    const auto early = decoder.next();
    ASSERT_TRUE(early && !*early);
    decoder.feed(std::string_view(frame).substr(30'000));
    const auto next = decoder.next();
    ASSERT_TRUE(next);
    EXPECT_EQ(next->value_or("").size(), 60'000u);
    ASSERT_EQ(decoder.pending(), 0u);
  }
}

}  // namespace
}  // namespace writ
