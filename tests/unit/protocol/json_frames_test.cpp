// JSON messages in a byte stream, one a line.
#include "protocol/json_frames.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace writ::protocol {
namespace {

using ::testing::ElementsAre;

struct Told : JsonFrameSink {
  void on_message(std::string_view text, std::uint64_t begin, std::uint64_t end) override {
    EXPECT_EQ(text.size(), end - begin);
    lines.push_back(fmt::format("{}-{} {}", begin, end, text));
  }
  // Pieces of stray bytes that touch are one.
  void on_stray(std::string_view /*text*/, std::uint64_t begin, std::uint64_t end) override {
    if (!lines.empty() && stray_end == begin && lines.back().starts_with("stray")) {
      lines.back() = fmt::format("stray {}-{}", stray_begin, end);
    } else {
      stray_begin = begin;
      lines.push_back(fmt::format("stray {}-{}", begin, end));
    }
    stray_end = end;
  }
  std::vector<std::string> lines;
  std::uint64_t stray_begin = 0;
  std::uint64_t stray_end = 0;
};

std::vector<std::string> frames(std::string_view bytes, std::size_t max = 1000) {
  JsonFrames frames(max);
  Told told;
  frames.feed(bytes, told);
  EXPECT_EQ(frames.offset(), bytes.size());
  return told.lines;
}

TEST(JsonFrames, OneALine) {
  EXPECT_THAT(frames("{\"a\":1}\n[2]\r\n \t{}"),
              ElementsAre("0-7 {\"a\":1}", "8-11 [2]", "15-17 {}"));
  EXPECT_THAT(frames("{\"a\":{\"b\":[{}]}}"), ElementsAre("0-16 {\"a\":{\"b\":[{}]}}"));
}

TEST(JsonFrames, EndsWithItsBrace) {
  JsonFrames frames(100);
  Told told;
  frames.feed("{\"a\":1", told);
  EXPECT_FALSE(frames.between_messages());
  EXPECT_TRUE(told.lines.empty());
  frames.feed("}", told);
  EXPECT_TRUE(frames.between_messages());
  EXPECT_THAT(told.lines, ElementsAre("0-7 {\"a\":1}"));
}

TEST(JsonFrames, BracesInTextsDoNotCount) {
  EXPECT_THAT(frames(R"({"a":"}\"}\\"})"), ElementsAre(R"(0-14 {"a":"}\"}\\"})"));
}

TEST(JsonFrames, WhatIsNoMessageIsStray) {
  EXPECT_THAT(frames("hello\n{}\n7 {}\n"), ElementsAre("stray 0-5", "6-8 {}", "stray 9-13"));
  EXPECT_THAT(frames("{}x{}\n{}"), ElementsAre("0-2 {}", "stray 2-5", "6-8 {}"));
}

TEST(JsonFrames, TwoOnALineAreTwo) {
  EXPECT_THAT(frames("{}{} []\n"), ElementsAre("0-2 {}", "2-4 {}", "5-7 []"));
}

// A reader of lines takes what follows for a message of its own.
TEST(JsonFrames, ALineBreakEndsWhatHasBegun) {
  EXPECT_THAT(frames("{\"a\":\n{\"b\":2}\n}\n"),
              ElementsAre("stray 0-5", "6-13 {\"b\":2}", "stray 14-15"));
  EXPECT_THAT(frames("{\"a\":\"x\r{}\r\"}\n{}"),
              ElementsAre("stray 0-7", "8-10 {}", "stray 11-13", "14-16 {}"));
}

TEST(JsonFrames, SomeReadersTakeTheSeparatorsForLineBreaks) {
  for (const char* separator : {"\u2028", "\u2029"}) {
    const std::string text = fmt::format("{{\"a\":\"{}{{}}{}\"}}\n{{}}", separator, separator);
    EXPECT_THAT(frames(text), ElementsAre("stray 0-16", "17-19 {}")) << separator;
  }
  const std::string quotes = "{\"a\":\"\u201cquoted\u201d \xe2\xe2\x80\x9c\"}";
  EXPECT_THAT(frames(quotes), ElementsAre(fmt::format("0-{} {}", quotes.size(), quotes)));
}

TEST(JsonFrames, LongerThanTheBoundIsStray) {
  const std::string fits = "{\"a\":\"" + std::string(92, 'x') + "\"}";
  ASSERT_EQ(fits.size(), 100u);
  EXPECT_THAT(frames(fits, 100), ElementsAre("0-100 " + fits));
  const std::string longer = "{\"a\":\"" + std::string(93, 'x') + "\"}";
  EXPECT_THAT(frames(longer + "\n{}", 100), ElementsAre("stray 0-101", "102-104 {}"));
}

TEST(JsonFrames, CutAnywhereItIsTheSame) {
  const std::string all =
      "{\"jsonrpc\":\"2.0\",\"id\":1}\n[{}]\r\n x "
      "y\n{\"a\":\n{\"b\":\"\\\"}\"}\n{\"c\":\"\u2028\"}\n{}{\"d\":1}";
  const auto whole = frames(all, 30);
  for (std::size_t first = 0; first <= all.size(); ++first) {
    for (std::size_t second = first; second <= all.size(); ++second) {
      JsonFrames frames(30);
      Told told;
      for (const auto& piece :
           {all.substr(0, first), all.substr(first, second - first), all.substr(second)})
        frames.feed(piece, told);
      ASSERT_EQ(told.lines, whole) << first << " " << second;
    }
  }
}

}  // namespace
}  // namespace writ::protocol
