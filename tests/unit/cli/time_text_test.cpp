#include "cli/time_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace writ::cli {
namespace {

constexpr std::uint64_t kMillisecond = 1'000'000;
constexpr std::uint64_t kSecond = 1000 * kMillisecond;
constexpr std::uint64_t kDay = 86'400 * kSecond;
constexpr std::uint64_t kNow = 1'767'323'045 * kSecond;  // 2026-01-02T03:04:05Z

std::uint64_t since(std::string_view text) {
  const auto found = parse_since(text, kNow);
  EXPECT_TRUE(found) << text;
  return found ? *found : 0;
}

TEST(ParseSince, TimesAgo) {
  EXPECT_EQ(since("90s"), kNow - 90 * kSecond);
  EXPECT_EQ(since("10m"), kNow - 600 * kSecond);
  EXPECT_EQ(since("2h"), kNow - 7200 * kSecond);
  EXPECT_EQ(since("3d"), kNow - 3 * kDay);
  EXPECT_EQ(since("0s"), kNow);
  EXPECT_EQ(since("100000d"), 0u);  // before 1970: everything
}

TEST(ParseSince, Rfc3339) {
  EXPECT_EQ(since("2026-01-02T03:04:05Z"), kNow);
  EXPECT_EQ(since("2026-01-02 03:04:05z"), kNow);
  EXPECT_EQ(since("2026-01-02T03:04:05.25Z"), kNow + kSecond / 4);
  EXPECT_EQ(since("2026-01-02T03:04:05.1234567891Z"), kNow + 123'456'789);
  EXPECT_EQ(since("2026-01-02T04:04:05+01:00"), kNow);
  EXPECT_EQ(since("2026-01-01T21:34:05-05:30"), kNow);
  EXPECT_EQ(since("2024-02-29T00:00:00Z"), 1'709'164'800 * kSecond);
  EXPECT_EQ(since("1970-01-01T00:00:00Z"), 0u);
}

TEST(ParseSince, WhatIsNoTimeIsAnErrorThatSaysWhatIs) {
  for (const char* text : {"",
                           "10",
                           "m",
                           "-5m",
                           "5 m",
                           "5w",
                           "1.5h",
                           "99999999999999999999s",
                           "18446744073709551615d",
                           "2026-01-02",
                           "2026-01-02T03:04:05",
                           "2026-13-02T03:04:05Z",
                           "2026-02-29T03:04:05Z",
                           "2026-01-02T24:04:05Z",
                           "2026-01-02T03:60:05Z",
                           "2026-01-02T03:04:05.Z",
                           "2026-01-02T03:04:05Zx",
                           "2026-01-02T03:04:05+0100",
                           "2026-01-02T03:04:05+24:00",
                           "1969-12-31T23:59:59Z",
                           "1970-01-01T00:00:00+01:00",
                           "9999-01-01T00:00:00Z",
                           "yesterday"}) {
    const auto found = parse_since(text, kNow);
    ASSERT_FALSE(found) << text;
    EXPECT_EQ(found.error().code, ErrorCode::kInvalid);
    EXPECT_THAT(found.error().message, ::testing::HasSubstr("10m"));
  }
}

TEST(TimeText, IsUtcAndReadsBack) {
  EXPECT_EQ(time_text(kNow + kMillisecond * 678), "2026-01-02T03:04:05.678Z");
  EXPECT_EQ(since(time_text(kNow)), kNow);
  EXPECT_EQ(time_text(0), "1970-01-01T00:00:00.000Z");
}

TEST(DurationText, UnitFitsTheSize) {
  EXPECT_EQ(duration_text(0), "0 ns");
  EXPECT_EQ(duration_text(98'400), "98 µs");
  EXPECT_EQ(duration_text(12'400'000), "12.4 ms");
  EXPECT_EQ(duration_text(3'200'000'000), "3.2 s");
  EXPECT_EQ(duration_text(312 * kSecond), "5m 12s");
  EXPECT_EQ(duration_text(7380 * kSecond), "2h 3m");
  EXPECT_EQ(duration_text(4 * kDay + 3600 * kSecond), "4d 1h");
}

}  // namespace
}  // namespace writ::cli
