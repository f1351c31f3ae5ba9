// What counts as the same arguments, and as the same tool.
#include "llm/arguments.h"

#include <gtest/gtest.h>

namespace writ::llm {
namespace {

std::string canonical(std::string_view json) {
  ToolArguments arguments;
  return arguments.add_json(json) ? arguments.canonical() : "unread";
}

TEST(LlmArguments, OrderWhiteSpaceAndEscapesDoNotCount) {
  EXPECT_EQ(canonical(R"({"b":[1,{"y":2,"x":1}],"a":"A"})"),
            canonical(R"( {"a" : "\u0041", "b": [ 1.0, {"x":1, "y":2e0}]} )"));
  EXPECT_EQ(canonical(""), canonical("{}"));
}

TEST(LlmArguments, ValuesDoCount) {
  EXPECT_NE(canonical(R"({"a":[1,2]})"), canonical(R"({"a":[2,1]})"));
  EXPECT_NE(canonical(R"({"a":{"x":1}})"), canonical(R"({"a":{"x":"1"}})"));
  EXPECT_NE(canonical(R"({"a":1.5})"), canonical(R"({"a":1})"));
  EXPECT_NE(canonical(R"({"a":null})"), canonical(R"({"a":"null"})"));
  EXPECT_NE(canonical(R"({"a":"{}"})"), canonical(R"({"a":{}})"));
  EXPECT_NE(canonical("{}"), canonical(R"({"a":""})"));
}

TEST(LlmArguments, DirectlyBelowTheTopANumberEqualsItsText) {
  EXPECT_EQ(canonical(R"({"id":42,"all":true})"), canonical(R"({"id":"42","all":"true"})"));
}

TEST(LlmArguments, FromSeveralPlaces) {
  ToolArguments call;
  EXPECT_TRUE(call.add("id", "42"));
  EXPECT_TRUE(call.add_json(R"({"note":"a \"quoted\" one"})"));
  EXPECT_TRUE(call.add("id", "42"));  // said twice, and the same
  EXPECT_EQ(call.canonical(), canonical(R"({"note":"a \"quoted\" one","id":42})"));
  EXPECT_FALSE(call.add("id", "43"));
}

TEST(LlmArguments, WhatReadsInTwoWaysIsNotRead) {
  for (const char* json : {"[]", "7", "{", R"({"a":1,"a":2})", R"({"a":"\u0000"})"})
    EXPECT_EQ(canonical(json), "unread") << json;
  const std::string deep = R"({"a":)" + std::string(100, '[') + std::string(100, ']') + "}";
  EXPECT_EQ(canonical(deep), "unread");
}

TEST(LlmArguments, NamesOfTools) {
  EXPECT_TRUE(same_tool("get_contact", "get_contact"));
  EXPECT_TRUE(same_tool("crm_get_contact", "crm.get_contact"));
  EXPECT_TRUE(same_tool("mcp__crm__get_contact", "get_contact"));
  EXPECT_TRUE(same_tool("mcp__crm__get-contact", "get.contact"));
  EXPECT_FALSE(same_tool("get_contact", "set_contact"));
  EXPECT_FALSE(same_tool("get_contacts", "get_contact"));
  EXPECT_FALSE(same_tool("mcp__get_contact", "get_contact"));  // no server's name
  EXPECT_FALSE(same_tool("my__get_contact", "get_contact"));
  EXPECT_FALSE(same_tool("", ""));
}

}  // namespace
}  // namespace writ::llm
