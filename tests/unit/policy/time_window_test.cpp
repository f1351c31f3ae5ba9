#include "policy/time_window.h"

#include <gtest/gtest.h>

#include "policy/instant.h"

namespace writ::policy {
namespace {

std::chrono::system_clock::time_point at(const char* text) {
  return std::chrono::system_clock::time_point(std::chrono::seconds(parse_instant(text)->seconds));
}

TEST(TimeWindow, IsAPartOfTheWeek) {
  const TimeWindow office{
      .days = *parse_days("mon-fri"), .from = *parse_clock("08:00"), .to = *parse_clock("18:00")};
  // 2026-01-30 is a Friday.
  EXPECT_TRUE(office.contains(at("2026-01-30T08:00:00Z")));
  EXPECT_TRUE(office.contains(at("2026-01-30T17:59:59Z")));
  EXPECT_FALSE(office.contains(at("2026-01-30T18:00:00Z")));
  EXPECT_FALSE(office.contains(at("2026-01-30T07:59:59Z")));
  EXPECT_FALSE(office.contains(at("2026-01-31T12:00:00Z")));
  EXPECT_TRUE(TimeWindow{}.contains(at("2026-01-31T12:00:00Z")));
  EXPECT_TRUE(TimeWindow{}.contains(at("1969-12-31T23:59:59Z")));
}

TEST(TimeWindow, CanGoOverMidnight) {
  const TimeWindow night{
      .days = *parse_days("fri"), .from = *parse_clock("22:00"), .to = *parse_clock("06:00")};
  EXPECT_TRUE(night.contains(at("2026-01-30T22:00:00Z")));
  EXPECT_TRUE(night.contains(at("2026-01-31T05:59:00Z")));
  EXPECT_FALSE(night.contains(at("2026-01-31T06:00:00Z")));
  EXPECT_FALSE(night.contains(at("2026-01-30T05:00:00Z")));  // that night began on Thursday
  EXPECT_FALSE(night.contains(at("2026-01-31T22:00:00Z")));
}

TEST(TimeWindow, IsMeasuredAtItsOffset) {
  const TimeWindow window{.days = *parse_days("sat"), .offset = *parse_offset("+02:00")};
  EXPECT_TRUE(window.contains(at("2026-01-30T22:00:00Z")));
  EXPECT_FALSE(window.contains(at("2026-01-30T21:59:00Z")));
  EXPECT_FALSE(window.contains(at("2026-01-31T22:00:00Z")));
}

TEST(TimeWindow, ReadsItsParts) {
  EXPECT_EQ(parse_clock("00:00"), 0);
  EXPECT_EQ(parse_clock("24:00"), 1440);
  for (const char* text : {"", "8:00", "24:01", "08:60", "25:00", "08-00", "08:00:00", "ab:cd"})
    EXPECT_FALSE(parse_clock(text)) << text;
  EXPECT_EQ(parse_offset("UTC"), 0);
  EXPECT_EQ(parse_offset("-03:30"), -210);
  for (const char* text : {"", "utc", "02:00", "+2:00", "+15:00", "+14:01", "Europe/Berlin"})
    EXPECT_FALSE(parse_offset(text)) << text;
  EXPECT_EQ(parse_days("mon"), 1);
  EXPECT_EQ(parse_days("mon-sun"), 127);
  EXPECT_EQ(parse_days("sat-mon"), 0b1100001);
  for (const char* text : {"", "Mon", "monday", "mon-", "-fri", "mon-fri-sun"})
    EXPECT_FALSE(parse_days(text)) << text;
}

}  // namespace
}  // namespace writ::policy
