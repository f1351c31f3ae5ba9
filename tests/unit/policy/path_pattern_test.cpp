#include "policy/path_pattern.h"

#include <gtest/gtest.h>

namespace writ::policy {
namespace {

TEST(PathPattern, ReadsSegments) {
  const auto pattern = parse_path_pattern("/contacts/{id}/notes/**");
  ASSERT_TRUE(pattern);
  ASSERT_EQ(pattern->segments.size(), 3u);
  EXPECT_FALSE(pattern->segments[0].capture);
  EXPECT_EQ(pattern->segments[0].text, "contacts");
  EXPECT_TRUE(pattern->segments[1].capture);
  EXPECT_EQ(pattern->segments[1].text, "id");
  EXPECT_TRUE(pattern->tail);
  EXPECT_TRUE(parse_path_pattern("/")->segments.empty());
  EXPECT_FALSE(parse_path_pattern("/")->tail);
  EXPECT_TRUE(parse_path_pattern("/**")->tail);
}

TEST(PathPattern, Refuses) {
  for (const char* bad : {"",      "contacts", "/a/",    "/a//b",  "//",    "/a/*",   "/a/*/b",
                          "/**/a", "/a**",     "/a{id}", "/{id}x", "/{}",   "/{a b}", "/{id}/{id}",
                          "/.",    "/a/..",    "/a?b=c", "/a%20b", "/a\\b", "/a\nb",  "/***"})
    EXPECT_FALSE(parse_path_pattern(bad)) << bad;
  std::string deep;
  for (int i = 0; i < 65; ++i) deep += "/a";
  EXPECT_FALSE(parse_path_pattern(deep));
  EXPECT_TRUE(parse_path_pattern(deep.substr(2)));
}

TEST(PathPattern, PlainPaths) {
  for (const char* plain : {"/", "/a", "/a/", "/a/b.c", "/...", "/a b", "/é", "/.well-known/x"})
    EXPECT_TRUE(plain_path(plain)) << plain;
  for (const char* other : {"", "a", "//", "/a//b", "/a//", "/./a", "/a/.", "/..", "/a/../b",
                            "/a\\b", "/a\tb", "/a\x7f"})
    EXPECT_FALSE(plain_path(other)) << other;
  EXPECT_FALSE(plain_path(std::string_view("/a\0b", 4)));
}

}  // namespace
}  // namespace writ::policy
