#include "protocol/http1_text.h"

#include <gtest/gtest.h>

namespace writ::protocol {
namespace {

TEST(Http1Text, KnowsUtf8) {
  for (const char* text : {"", "plain", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf",
                           "\xee\x80\x80", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "a\xc3\xa4z"}) {
    EXPECT_TRUE(is_utf8(text)) << text;
  }
  for (const char* text : {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2z", "\xe0\x9f\xbf",
                           "\xe2\x82", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf0\x90\x80",
                           "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xc3\xa4\xc3"}) {
    EXPECT_FALSE(is_utf8(text)) << text;
  }
}

TEST(Http1Text, ReadsOtherTextAsLatin1) {
  EXPECT_EQ(to_utf8("a\xe9\xff"), "a\xc3\xa9\xc3\xbf");
  EXPECT_EQ(to_utf8("\xc3\xa9"), "\xc3\xa9");
}

TEST(Http1Text, KnowsTokens) {
  EXPECT_TRUE(is_token("!#$%&'*+-.^_`|~09azAZ"));
  for (const char c : std::string_view("\"(),/:;<=>?@[\\]{} \t\0\x7f\x80\xff", 22)) {
    EXPECT_FALSE(is_token(std::string_view(&c, 1))) << static_cast<int>(c);
  }
  EXPECT_FALSE(is_token(""));
}

TEST(Http1Text, TrimsSpacesAndTabsOnly) {
  EXPECT_EQ(trim(" \ta b\t "), "a b");
  EXPECT_EQ(trim(" \t "), "");
  EXPECT_EQ(trim("\v a"), "\v a");
}

}  // namespace
}  // namespace writ::protocol
