#include "policy/seen_paths.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace writ::policy {
namespace {

using testing::ElementsAre;
using Texts = std::vector<std::string>;

Texts texts(const std::vector<FoundPattern>& patterns) {
  Texts all;
  for (const FoundPattern& one : patterns) all.push_back(to_text(one.pattern));
  return all;
}

std::set<std::string> numbered(const std::string& before, const std::string& after,
                               std::size_t count) {
  std::set<std::string> paths;
  for (std::size_t i = 0; i < count; ++i)
    paths.insert(before + std::string(1, static_cast<char>('a' + i)) + after);
  return paths;
}

TEST(SeenPaths, WhatLooksLikeAnId) {
  for (const char* id :
       {"0", "17", "123e4567-e89b-12d3-a456-426614174000", "123E4567-E89B-12D3-A456-426614174000",
        "abcdefab-cdef-abcd-efab-cdefabcdefab", "deadbeef", "0a1b2c3d4e5f",
        "cus_9s6XKzkNRiz8i3AbCdEf", "eyJhbGciOiJIUzI1NiJ9"})
    EXPECT_TRUE(looks_like_id(id)) << id;
  for (const char* word :
       {"", "contacts", "last-quarter", "v1", "q3", "2024-q1", "dead", "face", "1.2", "-17",
        "abcdefab-cdef-abcd-efab-cdefabcdefa", "abcdefabxcdef-abcd-efab-cdefabcdefab",
        "authorization-server-metadata", "oauth2-authorization-server"})
    EXPECT_FALSE(looks_like_id(word)) << word;
}

TEST(SeenPaths, OfUnnamedCalls) {
  struct Case {
    std::set<std::string> seen;
    Texts patterns;
  };
  const Case cases[] = {
      {{"/"}, {"/"}},
      {{"/contacts"}, {"/contacts"}},
      {{"/contacts/"}, {"/contacts"}},
      {{"/contacts", "/contacts/"}, {"/contacts"}},
      {{"/contacts/17"}, {"/contacts/{id}"}},
      {{"/contacts/17", "/contacts/18", "/contacts/me"}, {"/contacts/me", "/contacts/{id}"}},
      {{"/contacts/17/notes/3"}, {"/contacts/{id}/notes/{id2}"}},
      {{"/contacts/17/notes", "/contacts/18/calls"},
       {"/contacts/{id}/calls", "/contacts/{id}/notes"}},
      {{"/17/17"}, {"/{id}/{id2}"}},
      {{"/revenue/last-quarter"}, {"/revenue/last-quarter"}},
      {{"/revenue/last-quarter", "/revenue/this-quarter"},
       {"/revenue/last-quarter", "/revenue/this-quarter"}},
      {{"/a", "/a/b", "/a/b/7"}, {"/a", "/a/b", "/a/b/{id}"}},
      {{"/caf\xc3\xa9/1"}, {"/caf\xc3\xa9/{id}"}},
      // Many values in one place are one capture; one fewer are not.
      {numbered("/files/", "", kManyValues), {"/files/{id}"}},
      {numbered("/users/", "/notes", kManyValues), {"/users/{id}/notes"}},
      {numbered("/users/17/", "", kManyValues), {"/users/{id}/{id2}"}},
  };
  for (const Case& c : cases) EXPECT_EQ(texts(patterns_of_unnamed(c.seen)), c.patterns);
  EXPECT_EQ(patterns_of_unnamed(numbered("/files/", "", kManyValues - 1)).size(), kManyValues - 1);
  std::set<std::string> different = numbered("/a/", "/x", kManyValues / 2);
  different.merge(numbered("/a/", "/y", kManyValues / 2));
  EXPECT_EQ(patterns_of_unnamed(different).size(), kManyValues);
}

TEST(SeenPaths, OfNamedCalls) {
  struct Case {
    std::set<SeenPath> seen;
    Texts patterns;
  };
  const Case cases[] = {
      {{{"/contacts/17", {{"id", "17"}}}}, {"/contacts/{id}"}},
      {{{"/contacts/17", {{"id", "17"}}}, {"/contacts/18", {{"id", "18"}}}}, {"/contacts/{id}"}},
      {{{"/revenue/q1", {{"quarter", "q1"}}}}, {"/revenue/{quarter}"}},
      {{{"/a/1/b/2", {{"y", "1"}, {"x", "2"}}}}, {"/a/{y}/b/{x}"}},
      // A value that is also another capture's name.
      {{{"/a/x/b/y", {{"y", "x"}, {"x", "y"}}}}, {"/a/{y}/b/{x}"}},
      // A literal of the catalog is none of ours to widen.
      {{{"/v1/2024/report", {}}}, {"/v1/2024/report"}},
      // "/**" takes what it does not name.
      {{{"/files/1/a", {}}, {"/files/2/b", {}}}, {"/files/1/a", "/files/2/b"}},
      // A value in two places: nobody knows which of them it was.
      {{{"/notes/notes", {{"id", "notes"}}}}, {"/notes/notes"}},
      {{{"/notes/notes", {{"id", "notes"}}}, {"/ada/notes", {{"id", "ada"}}}}, {"/{id}/notes"}},
      {{{"/5/5", {{"a", "5"}, {"b", "5"}}}}, {"/5/5"}},
      // Values that are nowhere: not of this path.
      {{{"/x", {{"id", "7"}}}}, {"/x"}},
  };
  for (const Case& c : cases) EXPECT_EQ(texts(patterns_of_named(c.seen)), c.patterns);
}

TEST(SeenPaths, WhatNoPatternCanSay) {
  for (const char* path : {"", "x", "//x", "/a/../b", "/{id}", "/a*", "/**", "/a?b", "/100%",
                           "/a\\b", "/a\nb", "/a\x7f"})
    EXPECT_FALSE(exact_pattern(path)) << path;
  std::string deep;
  for (int i = 0; i < 65; ++i) deep += "/a";
  EXPECT_FALSE(exact_pattern(deep));
}

TEST(SeenPaths, EachPathIsOfOnePattern) {
  const auto seen = patterns_of_unnamed({"/c/17", "/c/18/", "/c/me", "/c/17/y"});
  ASSERT_THAT(texts(seen), ElementsAre("/c/me", "/c/{id}", "/c/{id}/y"));
  EXPECT_THAT(seen[0].paths, ElementsAre("/c/me"));
  EXPECT_THAT(seen[1].paths, ElementsAre("/c/17", "/c/18/"));
  EXPECT_THAT(seen[2].paths, ElementsAre("/c/17/y"));
  const auto merged = patterns_of_unnamed(numbered("/files/", "", kManyValues));
  ASSERT_EQ(merged.size(), 1u);
  EXPECT_EQ(merged[0].paths.size(), kManyValues);
  const auto unclear =
      patterns_of_named({{"/notes/notes", {{"id", "notes"}}}, {"/ada/notes", {{"id", "ada"}}}});
  ASSERT_EQ(unclear.size(), 1u);
  EXPECT_THAT(unclear[0].paths, ElementsAre("/ada/notes", "/notes/notes"));
}

}  // namespace
}  // namespace writ::policy
