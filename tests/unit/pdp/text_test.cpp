#include "pdp/text.h"

#include <gtest/gtest.h>

namespace writ::pdp {
namespace {

TEST(Text, KeepsUtf8) {
  for (const char* text : {"", "plain", "Zürich", "日本", "🙂", "\x7f", "\xF4\x8F\xBF\xBF"}) {
    EXPECT_EQ(valid_utf8(text), text);
  }
}

TEST(Text, ReplacesWhatIsNotUtf8) {
  const std::string r = "\xEF\xBF\xBD";
  EXPECT_EQ(valid_utf8("a\xff"
                       "b"),
            "a" + r + "b");
  EXPECT_EQ(valid_utf8("\xc3"), r);                          // cut
  EXPECT_EQ(valid_utf8("\xe2\x82"), r + r);                  // cut
  EXPECT_EQ(valid_utf8("\xc0\xaf"), r + r);                  // overlong '/'
  EXPECT_EQ(valid_utf8("\xe0\x80\xaf"), r + r + r);          // overlong '/'
  EXPECT_EQ(valid_utf8("\xf0\x80\x80\xaf"), r + r + r + r);  // overlong '/'
  EXPECT_EQ(valid_utf8("\xed\xa0\x80"), r + r + r);          // a surrogate
  EXPECT_EQ(valid_utf8("\xf4\x90\x80\x80"), r + r + r + r);  // behind U+10FFFF
  EXPECT_EQ(valid_utf8("\xc3\"x"), r + "\"x");               // the quote is not swallowed
  EXPECT_EQ(valid_utf8("\x80"), r);
}

TEST(Text, ShowsWhatCanBeShown) {
  EXPECT_EQ(showable("Umsatz für Q3 ist 🙂", 100), "Umsatz für Q3 ist 🙂");
  EXPECT_EQ(showable("a\nb\r\x1b[31mc\x7f", 100), "a?b??[31mc?");
  EXPECT_EQ(showable("\xE2\x80\xAEtxt.exe", 100), "?txt.exe");  // right-to-left override
  EXPECT_EQ(showable("a\xE2\x80\x8B\xE2\x81\xA6"
                     "b",
                     100),
            "a??b");                                               // zero width, isolate
  EXPECT_EQ(showable("\xF3\xA0\x81\x81\xEF\xBB\xBF", 100), "??");  // a tag, a byte order mark
  EXPECT_EQ(showable("\xC2\x9B", 100), "?");                       // C1
  EXPECT_EQ(showable("\xff", 100), "\xEF\xBF\xBD");
}

TEST(Text, IsCutBetweenCharacters) {
  EXPECT_EQ(showable("abcdef", 6), "abcdef");
  EXPECT_EQ(showable("abcdefg", 6), "abc…");
  EXPECT_EQ(showable("ab🙂cd", 6), "ab…");
  for (std::size_t max = 3; max < 20; ++max) {
    const std::string cut = showable("ä日🙂bcdefä日🙂", max);
    EXPECT_LE(cut.size(), max);
    EXPECT_EQ(valid_utf8(cut), cut);
  }
}

}  // namespace
}  // namespace writ::pdp
