#include "identity/strict_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "identity/base64url.h"

namespace writ::identity {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string why_not(std::string text) {
  StrictJson json;
  const auto read = json.read(text, "it");
  return read ? "" : read.error().message;
}

TEST(StrictJson, RefusesWhatTwoParsersCouldReadDifferently) {
  EXPECT_THAT(why_not(R"({"iss":"a","iss":"b"})"), HasSubstr("twice"));
  EXPECT_THAT(why_not(R"({"iss":"a","\u0069ss":"b"})"), HasSubstr("twice"));
  EXPECT_THAT(why_not(R"({"a":[{"b":{"c":1,"c":1}}]})"), HasSubstr("twice"));
  EXPECT_THAT(why_not(R"({"a\u0000":1})"), HasSubstr("NUL"));
  EXPECT_THAT(why_not(R"({"a":["x\u0000y"]})"), HasSubstr("NUL"));
  for (const char* text :
       {"", "{", "{}{}", "{} x", R"({"a":1,})", R"({'a':1})", R"({"a":01})", R"({"a":NaN})",
        "{\"a\":\"\xff\"}", "{\"a\":\"\n\"}", "\xef\xbb\xbf{}"}) {
    EXPECT_THAT(why_not(text), HasSubstr("is not JSON")) << text;
  }
  for (const char* text : {"[]", "1", "\"x\"", "null"}) {
    EXPECT_THAT(why_not(text), HasSubstr("not a JSON object")) << text;
  }
}

TEST(StrictJson, BoundsTheDepth) {
  const auto nested = [](int depth) {
    std::string text = R"({"a":)";
    for (int i = 1; i < depth; ++i) text += '[';
    text += '1';
    for (int i = 1; i < depth; ++i) text += ']';
    return text + '}';
  };
  EXPECT_EQ(why_not(nested(StrictJson::kMaxDepth)), "");
  EXPECT_THAT(why_not(nested(StrictJson::kMaxDepth + 1)), HasSubstr("deep"));
  EXPECT_NE(why_not(nested(100'000)), "");
}

TEST(StrictJson, SameNamesInDifferentObjectsAreFine) {
  EXPECT_EQ(why_not(R"({"a":{"b":1},"b":{"b":2},"c":[{"b":1},{"b":1}]})"), "");
}

TEST(ClaimPath, ReadsNamesAndQuotes) {
  const auto names = [](const char* text) { return ClaimPath::parse(text)->names(); };
  EXPECT_THAT(names("sub"), ElementsAre("sub"));
  EXPECT_THAT(names("realm_access.roles"), ElementsAre("realm_access", "roles"));
  EXPECT_THAT(names(R"("https://x.test/roles")"), ElementsAre("https://x.test/roles"));
  EXPECT_THAT(names(R"(a.'b.c'."d.e".f)"), ElementsAre("a", "b.c", "d.e", "f"));
  EXPECT_THAT(names(R"("it's")"), ElementsAre("it's"));
  for (const char* bad : {"", ".", "a.", ".a", "a..b", "\"a", "'a\"", "\"\"", "\"a\"b", "a\"b\"",
                          "a.b.c.d.e.f.g.h.i"}) {
    EXPECT_FALSE(ClaimPath::parse(bad)) << bad;
  }
}

TEST(ClaimPath, FindsOnlyWhatItNames) {
  std::string text = R"({"a":{"b":"deep","n":null},"a.b":"flat","list":[{"b":1}],"text":"x"})";
  StrictJson json;
  const auto claims = json.read(text, "it");
  ASSERT_TRUE(claims);
  const auto find = [&](const char* path) {
    const auto value = find_claim(*claims, *ClaimPath::parse(path));
    return value ? std::string(as_text(*value).value_or("?")) : "none";
  };
  EXPECT_EQ(find("a.b"), "deep");
  EXPECT_EQ(find("'a.b'"), "flat");
  EXPECT_EQ(find("a.n"), "none");
  EXPECT_EQ(find("a.c"), "none");
  EXPECT_EQ(find("list.b"), "none");
  EXPECT_EQ(find("text.b"), "none");
  EXPECT_FALSE(find_claim(*claims, ClaimPath()));
}

TEST(Base64Url, TakesTheOneWayToWriteBytes) {
  // RFC 4648 section 10.
  for (const auto& [text, bytes] :
       std::initializer_list<std::pair<const char*, const char*>>{{"", ""},
                                                                  {"Zg", "f"},
                                                                  {"Zm8", "fo"},
                                                                  {"Zm9v", "foo"},
                                                                  {"Zm9vYg", "foob"},
                                                                  {"Zm9vYmE", "fooba"},
                                                                  {"Zm9vYmFy", "foobar"}}) {
    std::string out;
    EXPECT_TRUE(decode_base64url(text, out)) << text;
    EXPECT_EQ(out, bytes);
  }
  std::string out;
  EXPECT_TRUE(decode_base64url("-_-_", out));
  EXPECT_EQ(out, "\xfb\xff\xbf");
  for (const char* bad : {"Z", "Zg==", "Zm8=", "Zh", "Zm9", "Zm9vY", "Zm9+", "Zm9/", "Zm 9v",
                          "Zm9v\n", "Zm9\xc3", "Zm\0v"}) {
    EXPECT_FALSE(decode_base64url(bad, out)) << bad;
  }
  EXPECT_FALSE(decode_base64url(std::string_view("Zm\0v", 4), out));
}

}  // namespace
}  // namespace writ::identity
