#include "cli/call_document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace writ::cli {
namespace {

using ::testing::HasSubstr;

std::string body_of(const std::string& json) {
  const auto call = read_call_document(json);
  EXPECT_TRUE(call) << json << ": " << call.error().message;
  return call ? call->body() : "";
}

TEST(CallDocument, SaysAToolOrARequest) {
  auto call = read_call_document(R"({"tool": "pay", "captures": {"id": "7"}, "args": {"a": 1}})");
  ASSERT_TRUE(call) << call.error().message;
  EXPECT_EQ(call->tool(), "pay");
  EXPECT_EQ(call->captures().at("id"), "7");
  EXPECT_FALSE(call->has_request());
  call = read_call_document(
      R"({"request": {"method": "POST", "host": "pay.test", "path": "/pay", "port": 443}})");
  ASSERT_TRUE(call) << call.error().message;
  EXPECT_EQ(call->request().host(), "pay.test");
  EXPECT_EQ(call->request().port(), 443u);
  EXPECT_EQ(call->body(), "");
}

// What is judged is what will be sent: no number is rounded, no name forgotten.
TEST(CallDocument, ArgumentsStayAsTheyAreWritten) {
  for (const char* args : {R"({"n": 12345678901234567890123, "x": 1.10, "x": 2})",
                           R"(["\u0041",  null ])", "7", R"("text")", "null", "true", "{}"}) {
    EXPECT_EQ(body_of(std::string(R"({"tool": "t", "args": )") + args + "}"), args);
    EXPECT_EQ(body_of(std::string(R"({"args" : )") + args + " , \"tool\": \"t\"}"), args);
  }
  EXPECT_EQ(body_of(R"({"tool": "t", "body": "no \"JSON\""})"), "no \"JSON\"");
}

TEST(CallDocument, NothingElseIsACall) {
  for (const char* text :
       {"", "   ", "[]", "7", "\"tool\"", "{", R"({"tool": "t"} {})", R"({"tool": "t"},)",
        R"({"tool": "t", "args": {})", R"({"tool": })", R"({"tool": "t", "args": 1, "args": 2})",
        R"({"tool": "t", "tool": "u"})", R"({"tool": "t", "\u0074ool": "u"})",
        R"({"request": {"host": "a", "host": "b"}})", R"({"tool": "t", "user": "diana"})",
        R"({"tool": "t", "writ": "w"})", R"({"tool": "t", "captures": {"a": "1", "a": "2"}})",
        R"({"tool": 7})", R"({"tool": "t", "args": 1, "body": "b"})"}) {
    const auto call = read_call_document(text);
    ASSERT_FALSE(call) << text;
    EXPECT_EQ(call.error().code, ErrorCode::kInvalid) << text;
    EXPECT_THAT(call.error().message, HasSubstr("call")) << text;
  }
}

TEST(CallDocument, HasABound) {
  const std::string head = R"({"tool": "t", "args": ")";
  const std::string fits(kMaxCallDocument - head.size() - 2, 'x');
  EXPECT_EQ(body_of(head + fits + "\"}").size(), fits.size() + 2);
  const auto call = read_call_document(head + fits + "x\"}");
  ASSERT_FALSE(call);
  EXPECT_THAT(call.error().message, HasSubstr("over " + std::to_string(kMaxCallDocument)));
}

}  // namespace
}  // namespace writ::cli
