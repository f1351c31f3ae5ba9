#include "policy/arguments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace writ::policy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string body_problem(std::string_view body) {
  const Arguments arguments = Arguments::read(body, "");
  EXPECT_EQ(arguments.body() == nullptr, !arguments.body_problem().empty() || body.empty());
  return arguments.body_problem();
}

std::string nested(std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

TEST(Arguments, ReadWhatAllReadersReadTheSame) {
  for (const char* body : {"{}", "[]", "5", "\"x\"", "null", " {\"a\": [1, {\"b\": null}]} ", "",
                           R"({"a":{"x":1},"b":{"x":1}})"})
    EXPECT_EQ(body_problem(body), "") << body;
  for (const char* body : {"{", "{'a':1}", "{\"a\":1}{\"b\":2}", "{\"a\":01}", "nul", "<a/>",
                           "\xef\xbb\xbf{}", "{\"a\":\"\xff\"}", "{\"a\":1,}",
                           "{\"a\":123456789012345678901234567890}", "{\"a\":1e999}"})
    EXPECT_THAT(body_problem(body), HasSubstr("no JSON")) << body;
  EXPECT_THAT(body_problem(R"({"a":1,"a":1})"), HasSubstr("twice"));
  EXPECT_THAT(body_problem(R"([{"x":{"a":1,"\u0061":2}}])"), HasSubstr("twice"));
  EXPECT_THAT(body_problem(R"({"a":"x\u0000y"})"), HasSubstr("NUL"));
  EXPECT_THAT(body_problem(R"({"a\u0000":1})"), HasSubstr("NUL"));
}

TEST(Arguments, AreBounded) {
  EXPECT_EQ(body_problem(nested(Arguments::kMaxDepth - 2)), "");
  EXPECT_THAT(body_problem(nested(Arguments::kMaxDepth + 1)), HasSubstr("too deep"));
  EXPECT_THAT(body_problem(nested(100'000)), HasSubstr("too deep"));
  const std::string filler(Arguments::kMaxBytes - 2, 'x');
  EXPECT_EQ(body_problem("\"" + filler + "\""), "");
  EXPECT_THAT(body_problem("\"" + filler + "x\""), HasSubstr("over"));

  std::string query;
  for (std::size_t i = 0; i < Arguments::kMaxParameters; ++i) query += "a=1&";
  EXPECT_EQ(Arguments::read({}, query).query_problem(), "");
  query += "a=1";
  const Arguments over = Arguments::read({}, query);
  EXPECT_NE(over.query_problem(), "");
  EXPECT_EQ(over.parameter("a"), nullptr);
  EXPECT_NE(Arguments::read({}, std::string(Arguments::kMaxQueryBytes + 1, 'a')).query_problem(),
            "");
}

TEST(Arguments, HoldTheQueryDecoded) {
  const Arguments arguments = Arguments::read({}, "a=1&b=x%20y&a=2&&c&d=%C3%BC&e=a=b&=z");
  ASSERT_EQ(arguments.query_problem(), "");
  EXPECT_THAT(*arguments.parameter("a"), ElementsAre("1", "2"));
  EXPECT_THAT(*arguments.parameter("b"), ElementsAre("x y"));
  EXPECT_THAT(*arguments.parameter("c"), ElementsAre(""));
  EXPECT_THAT(*arguments.parameter("d"), ElementsAre("ü"));
  EXPECT_THAT(*arguments.parameter("e"), ElementsAre("a=b"));
  EXPECT_THAT(*arguments.parameter(""), ElementsAre("z"));
  EXPECT_EQ(arguments.parameter("f"), nullptr);
  for (const char* bad : {"a=%", "a=%4", "a=%4g", "a=%00", "a=%ff", "a;b", "%ff=1"})
    EXPECT_NE(Arguments::read({}, bad).query_problem(), "") << bad;
}

TEST(Arguments, CanBeUnread) {
  const Arguments arguments = Arguments::unread("the body is over 16 MiB", "a=1");
  EXPECT_EQ(arguments.body_problem(), "the body is over 16 MiB");
  EXPECT_EQ(arguments.body(), nullptr);
  EXPECT_NE(arguments.parameter("a"), nullptr);
  EXPECT_NE(Arguments::unread("", "").body_problem(), "");
}

}  // namespace
}  // namespace writ::policy
