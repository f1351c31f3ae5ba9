#include "identity/name.h"

#include <gtest/gtest.h>

#include <string>

namespace writ::identity {
namespace {

TEST(Text, TakesWhatPeopleWriteOnOneLine) {
  for (const char* text : {"", "Send the Q3 report", "Zürich → Genève", "报告", "👩‍💻",
                           "می‌خواهم", "~!@#$%^&*()\"'\\"})
    EXPECT_TRUE(valid_text(text, 100)) << text;
  EXPECT_TRUE(valid_text("abc", 3));
  EXPECT_FALSE(valid_text("abcd", 3));
  EXPECT_TRUE(valid_text("\xf4\x8f\xbf\xbf", 10));  // the last code point
}

TEST(Text, RefusesWhatDoesNotReadAsItIsStored) {
  for (const char* text :
       {"a\nb", "a\rb", "\t", "\x1b[31m", "\x7f", "\xc2\x85", "\xe2\x80\xa8", "\xe2\x80\x8b",
        "\xe2\x80\x8f", "\xe2\x80\xae", "\xe2\x81\xa6", "\xef\xbb\xbf", "\xf3\xa0\x81\x81"})
    EXPECT_FALSE(valid_text(text, 100)) << text;
  EXPECT_FALSE(valid_text(std::string_view("a\0b", 3), 100));
}

TEST(Text, RefusesWhatIsNotUtf8) {
  for (const char* text :
       {"\x80", "\xff", "\xc3", "\xc3(", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80",
        "\xf0\x80\x80\xaf", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "\xe2\x82", "ok\xe2"})
    EXPECT_FALSE(valid_text(text, 100)) << text;
}

}  // namespace
}  // namespace writ::identity
