#include "protocol/utf8_stream.h"

#include <gtest/gtest.h>

#include <string>

#include "protocol/http1_text.h"

namespace writ::protocol {
namespace {

bool reads(std::string_view text, std::size_t first, std::size_t second) {
  Utf8Stream utf8;
  return utf8.feed(text.substr(0, first)) && utf8.feed(text.substr(first, second - first)) &&
         utf8.feed(text.substr(second)) && utf8.finish();
}

// All texts of two to four bytes from where the rules change, in all ways to cut them in three.
TEST(Utf8Stream, SaysTheSameHoweverCut) {
  const std::string edges = "a\x80\x8f\x90\x9f\xa0\xbf\xc0\xc2\xe0\xe1\xed\xf0\xf4\xf5\xff";
  const std::size_t n = edges.size();
  std::size_t right = 0;
  for (std::size_t size = 2; size <= 4; ++size) {
    std::size_t count = 1;
    for (std::size_t i = 0; i < size; ++i) count *= n;
    for (std::size_t number = 0; number < count; ++number) {
      std::string text;
      for (std::size_t i = 0, rest = number; i < size; ++i, rest /= n) text += edges[rest % n];
      const bool valid = is_utf8(text);
      right += valid ? 1 : 0;
      for (std::size_t first = 0; first <= size; ++first) {
        for (std::size_t second = first; second <= size; ++second) {
          ASSERT_EQ(reads(text, first, second), valid)
              << testing::PrintToString(text) << " cut at " << first << " and " << second;
        }
      }
    }
  }
  EXPECT_GT(right, 100u);
}

TEST(Utf8Stream, IsReadyForTheNextText) {
  Utf8Stream utf8;
  EXPECT_TRUE(utf8.feed("\xce"));
  EXPECT_FALSE(utf8.finish());
  EXPECT_TRUE(utf8.feed("plain"));
  EXPECT_TRUE(utf8.finish());
}

}  // namespace
}  // namespace writ::protocol
