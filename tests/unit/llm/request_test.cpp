// Which requests are a model's, and what they ask.
#include "llm/request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace writ::llm {
namespace {

std::optional<Request> read(std::string_view path, std::string_view body) {
  const auto api = find_api("POST", path);
  return api ? read_request(*api, path, body) : std::nullopt;
}

TEST(LlmRequest, OpenAiChat) {
  const auto request = read("/v1/chat/completions", R"({"model":"gpt-4.1","stream":true,"messages":[
    {"role":"developer","content":"Be brief."},
    {"role":"user","content":"Hi"},
    {"role":"system","content":[{"type":"text","text":"Be kind."}]}]})");
  ASSERT_TRUE(request);
  EXPECT_EQ(request->model, "gpt-4.1");
  EXPECT_TRUE(request->stream);
  EXPECT_EQ(request->system, "Be brief.\nBe kind.");
}

TEST(LlmRequest, OpenAiResponses) {
  const auto request =
      read("/v1/responses", R"({"model":"gpt-5","instructions":"Be brief.","input":[
    {"role":"developer","content":[{"type":"input_text","text":"Be kind."}]},
    {"role":"user","content":"Hi"}]})");
  ASSERT_TRUE(request);
  EXPECT_FALSE(request->stream);
  EXPECT_EQ(request->system, "Be brief.\nBe kind.");
  EXPECT_TRUE(read("/v1/responses", R"({"model":"gpt-5","input":"Hi"})"));
}

TEST(LlmRequest, Anthropic) {
  const auto request = read("/v1/messages", R"({"model":"claude-sonnet-4-5","max_tokens":1024,
    "system":[{"type":"text","text":"Be brief.","cache_control":{"type":"ephemeral"}}],
    "messages":[{"role":"user","content":"Hi"}],"stream":true})");
  ASSERT_TRUE(request);
  EXPECT_EQ(request->model, "claude-sonnet-4-5");
  EXPECT_EQ(request->system, "Be brief.");
  EXPECT_TRUE(request->stream);
}

TEST(LlmRequest, GeminiSaysModelAndStreamInItsPath) {
  const std::string body = R"({"systemInstruction":{"parts":[{"text":"Be brief."}]},
    "contents":[{"role":"user","parts":[{"text":"Hi"}]}]})";
  const auto request = read("/v1beta/models/gemini-2.5-flash:streamGenerateContent", body);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->model, "gemini-2.5-flash");
  EXPECT_TRUE(request->stream);
  EXPECT_EQ(request->system, "Be brief.");
  const auto whole = read(
      "/v1/projects/p/locations/l/publishers/google/models/gemini-2.5-pro:generateContent", body);
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->model, "gemini-2.5-pro");
  EXPECT_FALSE(whole->stream);
}

TEST(LlmRequest, OllamaStreamsWhereItIsNotToldOtherwise) {
  const auto chat = read(
      "/api/chat", R"({"model":"qwen3","messages":[{"role":"system","content":"Be brief."}]})");
  ASSERT_TRUE(chat);
  EXPECT_TRUE(chat->stream);
  EXPECT_EQ(chat->system, "Be brief.");
  const auto once =
      read("/api/generate", R"({"model":"qwen3","prompt":"Hi","system":"S","stream":false})");
  ASSERT_TRUE(once);
  EXPECT_FALSE(once->stream);
  EXPECT_EQ(once->system, "S");
}

TEST(LlmRequest, APathAloneMakesNoneOfIt) {
  EXPECT_FALSE(read("/v1/messages", R"({"to":"bob","text":"hi"})"));
  EXPECT_FALSE(read("/v1/messages", R"({"model":"m","messages":[]})"));  // max_tokens
  EXPECT_FALSE(read("/survey/responses", R"({"model":"A","answers":[1]})"));
  EXPECT_FALSE(read("/api/chat", R"({"messages":[]})"));
  EXPECT_FALSE(read("/v1/chat/completions", "not json"));
  EXPECT_FALSE(read("/v1/chat/completions", R"([{"model":"m","messages":[]}])"));
  EXPECT_FALSE(read("/v1/chat/completions", R"({"model":"m","model":"n","messages":[]})"));
  EXPECT_FALSE(find_api("GET", "/v1/messages"));
  EXPECT_FALSE(find_api("POST", "/v1/messages/count_tokens"));
}

}  // namespace
}  // namespace writ::llm
