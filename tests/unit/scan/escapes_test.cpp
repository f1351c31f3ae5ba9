#include "scan/escapes.h"

#include <gtest/gtest.h>

#include <string>

namespace writ::scan {
namespace {

std::string decoded(std::string_view text) {
  const auto escape = escape_at(text);
  return escape ? std::string(escape->text()) : "none";
}

TEST(Escape, UnicodeAndPercent) {
  EXPECT_EQ(decoded("\\u0040x"), "@");
  EXPECT_EQ(decoded("\\u00E9"), "\xc3\xa9");
  EXPECT_EQ(decoded("\\u20ac"), "\xe2\x82\xac");
  EXPECT_EQ(decoded("%40"), "@");
  EXPECT_EQ(decoded("%c3"), "\xc3");
  for (const char* other :
       {"", "%", "%4", "%4g", "\\", "\\u", "\\u004", "\\u00g0", "\\n", "\\x40", "u0040", "@"})
    EXPECT_EQ(decoded(other), "none") << other;
}

TEST(Escape, TouchIsOverlap) {
  const std::string_view text = "ab%40cd";
  EXPECT_FALSE(touches_escape(text, 0, 2));
  EXPECT_TRUE(touches_escape(text, 1, 3));
  EXPECT_TRUE(touches_escape(text, 3, 4));
  EXPECT_TRUE(touches_escape(text, 4, 6));
  EXPECT_FALSE(touches_escape(text, 5, 7));
  EXPECT_FALSE(touches_escape("", 0, 0));
}

TEST(EscapeCursor, FindsEachOnceAndWhatMayBecomeOne) {
  const std::string_view text = "100% \\u0041 %zz %41\\\\u0042 \\u00";
  EscapeCursor cursor(text);
  EXPECT_EQ(cursor.next(0), text.find("\\u0041"));
  EXPECT_EQ(cursor.next(11), text.find("%41"));
  EXPECT_EQ(cursor.next(19), text.find("\\u0042"));
  const std::size_t tail = text.size() - 4;
  EXPECT_EQ(cursor.next(tail - 1), tail);
  EXPECT_FALSE(escape_at(text.substr(tail)));
  for (const char* open : {"%", "%4", "\\", "\\u", "\\u0", "\\u004"}) {
    const std::string with = std::string("ab ") + open;
    EXPECT_EQ(EscapeCursor(with).next(0), 3u) << open;
  }
  EXPECT_EQ(EscapeCursor("nothing \\n here, 100 % of it").next(0), 28u);
  EXPECT_EQ(EscapeCursor("").next(0), 0u);
}

TEST(EscapeMap, GoesBackToRawPositions) {
  // raw:     ab%40cd\u00e9e     decoded: ab@cd??e
  EscapeMap map;
  EXPECT_EQ(map.raw(7), 7u);
  map.add(2, 2, *escape_at("%40"));
  map.add(5, 7, *escape_at("\\u00e9"));
  EXPECT_EQ(map.raw(1), 1u);
  EXPECT_EQ(map.raw(2), 2u);
  EXPECT_EQ(map.raw(3), 5u);
  EXPECT_EQ(map.raw(4), 6u);
  EXPECT_EQ(map.raw(5), 7u);
  EXPECT_EQ(map.raw(6), 7u);
  EXPECT_EQ(map.raw(7), 13u);
  EXPECT_FALSE(map.touches(0, 2));
  EXPECT_TRUE(map.touches(0, 3));
  EXPECT_FALSE(map.touches(3, 5));
  EXPECT_TRUE(map.touches(6, 7));
  EXPECT_FALSE(map.touches(7, 9));
  map.forget_before(6);
  EXPECT_EQ(map.size(), 1u);
  EXPECT_EQ(map.raw(7), 13u);
  EXPECT_TRUE(map.touches(6, 7));
}

}  // namespace
}  // namespace writ::scan
