// Answers in one document.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "llm/support.h"

namespace writ::llm {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Answer read(Api api, std::string_view body) { return read_answer(api, Framing::kWhole, body); }

TEST(LlmAnswer, OpenAiChat) {
  const Answer answer = read(Api::kOpenAiChat, R"({
    "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-5.4",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": null, "tool_calls": [
        {"id": "call_a", "type": "function", "function": {"name": "get_weather", "arguments": "{\n\"place\": \"Paris\"\n}"}},
        {"id": "call_b", "type": "custom", "custom": {"name": "sql", "input": "SELECT 1"}}]},
      "logprobs": null, "finish_reason": "tool_calls"}],
    "usage": {"prompt_tokens": 82, "completion_tokens": 17, "total_tokens": 99,
      "prompt_tokens_details": {"cached_tokens": 0}, "completion_tokens_details": {"reasoning_tokens": 5}}})");
  EXPECT_EQ(answer.model, "gpt-5.4");
  EXPECT_EQ(answer.stop_reason, "tool_calls");
  EXPECT_THAT(tool_uses(answer),
              ElementsAre("call_a get_weather {\n\"place\": \"Paris\"\n}", "call_b sql SELECT 1"));
  EXPECT_EQ(answer.usage.input, 82u);
  EXPECT_EQ(answer.usage.output, 17u);
  EXPECT_EQ(answer.usage.reasoning, 5u);
  EXPECT_TRUE(answer.complete);
}

TEST(LlmAnswer, OpenAiResponses) {
  const Answer answer = read(Api::kOpenAiResponses, R"({
    "id": "resp_1", "object": "response", "status": "completed", "error": null, "incomplete_details": null,
    "model": "gpt-5", "output": [
      {"type": "reasoning", "id": "rs_1", "summary": []},
      {"type": "web_search_call", "id": "ws_1", "status": "completed"},
      {"type": "function_call", "id": "fc_1", "call_id": "call_a", "name": "get_weather", "arguments": "{}", "status": "completed"},
      {"type": "local_shell_call", "id": "ls_1", "call_id": "call_b", "action": {"type": "exec", "command": ["ls"]}, "status": "completed"}],
    "usage": {"input_tokens": 36, "input_tokens_details": {"cached_tokens": 4}, "output_tokens": 87,
      "output_tokens_details": {"reasoning_tokens": 64}, "total_tokens": 123}})");
  EXPECT_THAT(tool_uses(answer),
              ElementsAre("call_a get_weather {}",
                          R"(call_b local_shell {"type":"exec","command":["ls"]})"));
  EXPECT_EQ(answer.stop_reason, "completed");
  EXPECT_EQ(answer.usage.input, 36u);
  EXPECT_EQ(answer.usage.cached, 4u);
  EXPECT_EQ(answer.usage.output, 87u);
  EXPECT_EQ(answer.usage.reasoning, 64u);
}

TEST(LlmAnswer, AnIncompleteResponseSaysWhy) {
  const Answer answer = read(
      Api::kOpenAiResponses,
      R"({"status":"incomplete","incomplete_details":{"reason":"max_output_tokens"},"model":"gpt-5","output":[]})");
  EXPECT_EQ(answer.stop_reason, "max_output_tokens");
}

TEST(LlmAnswer, Anthropic) {
  const Answer answer = read(Api::kAnthropic, R"({
    "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-opus-4-5-20251101",
    "content": [{"type": "text", "text": "I will."},
                {"type": "tool_use", "id": "toolu_a", "name": "get_weather", "input": {"place": "Paris, FR"}}],
    "stop_reason": "tool_use", "stop_sequence": null,
    "usage": {"input_tokens": 2095, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 5, "output_tokens": 503}})");
  EXPECT_EQ(answer.model, "claude-opus-4-5-20251101");
  EXPECT_THAT(tool_uses(answer), ElementsAre(R"(toolu_a get_weather {"place":"Paris, FR"})"));
  EXPECT_EQ(answer.usage.input, 2100u);
  EXPECT_EQ(answer.usage.cached, 5u);
  EXPECT_EQ(answer.usage.output, 503u);
}

TEST(LlmAnswer, GeminiAlsoAsOneArrayOfAStream) {
  const std::string one =
      R"({"candidates":[{"content":{"parts":[{"functionCall":{"id":"c1","name":"get_weather","args":{"place":"Paris"}}}],"role":"model"},"finishReason":"STOP"}],
    "usageMetadata":{"promptTokenCount":10,"toolUsePromptTokenCount":3,"candidatesTokenCount":7,"totalTokenCount":20},"modelVersion":"gemini-2.5-pro"})";
  for (const std::string& body : {one, "[" + one + "]"}) {
    const Answer answer = read(Api::kGemini, body);
    EXPECT_EQ(answer.model, "gemini-2.5-pro");
    EXPECT_THAT(tool_uses(answer), ElementsAre(R"(c1 get_weather {"place":"Paris"})"));
    EXPECT_EQ(answer.usage.input, 13u);
    EXPECT_EQ(answer.usage.output, 7u);
    EXPECT_TRUE(answer.complete);
  }
}

TEST(LlmAnswer, GeminiThatBlocksThePrompt) {
  const Answer answer = read(Api::kGemini, R"({"promptFeedback":{"blockReason":"SAFETY"}})");
  EXPECT_EQ(answer.stop_reason, "SAFETY");
  EXPECT_TRUE(answer.complete);
}

TEST(LlmAnswer, OllamaWithoutAStream) {
  const Answer answer = read(
      Api::kOllama,
      R"({"model":"llama3.2","message":{"role":"assistant","content":"hi"},"done_reason":"length","done":true,"prompt_eval_count":26,"eval_count":298})");
  EXPECT_EQ(answer.stop_reason, "length");
  EXPECT_EQ(answer.usage.input, 26u);
  EXPECT_EQ(answer.usage.output, 298u);
}

TEST(LlmAnswer, Errors) {
  EXPECT_EQ(read(Api::kOpenAiChat,
                 R"({"error":{"message":"no","type":"invalid_request_error","code":"x"}})")
                .error,
            "invalid_request_error");
  EXPECT_EQ(read(Api::kGemini, R"({"error":{"code":429,"status":"RESOURCE_EXHAUSTED"}})").error,
            "RESOURCE_EXHAUSTED");
  EXPECT_EQ(read(Api::kOllama, R"({"error":"model not found"})").error, "model not found");
  EXPECT_EQ(read(Api::kOpenAiResponses,
                 R"({"status":"failed","error":{"code":"server_error","message":"m"}})")
                .error,
            "server_error");
}

// Counts that nobody has are not put on a bill.
TEST(LlmAnswer, CountsBeyondBeliefAreLeftOutAndSaid) {
  const Answer answer = read(
      Api::kOpenAiChat,
      R"({"choices":[],"usage":{"prompt_tokens":18446744073709551615,"completion_tokens":-4}})");
  EXPECT_FALSE(answer.usage.input);
  EXPECT_FALSE(answer.usage.output);
  EXPECT_THAT(answer.unread, HasSubstr("more tokens"));
}

TEST(LlmAnswer, DocumentsOfAnyOtherShapeAreRead) {
  for (const Api api :
       {Api::kOpenAiChat, Api::kOpenAiResponses, Api::kAnthropic, Api::kGemini, Api::kOllama}) {
    for (const char* body :
         {"", "[]", "7", "null", R"({"choices":7,"output":[1],"content":[null],"type":"message"})",
          R"({"choices":[{"message":{"tool_calls":[{}]}}],"candidates":[{"content":7}]})",
          R"({"usage":[],"usageMetadata":3,"message":{"tool_calls":{}},"done":1,"error":null})"}) {
      EXPECT_THAT(tool_uses(read(api, body)), IsEmpty()) << to_text(api) << body;
    }
  }
}

TEST(LlmAnswer, FramingIsByTypeAndElseAsAsked) {
  EXPECT_EQ(framing_of(Api::kAnthropic, true, "text/event-stream; charset=utf-8"),
            Framing::kEvents);
  EXPECT_EQ(framing_of(Api::kOllama, false, "application/x-ndjson"), Framing::kLines);
  EXPECT_EQ(framing_of(Api::kAnthropic, true, "application/json"), Framing::kWhole);
  EXPECT_EQ(framing_of(Api::kOpenAiChat, true, ""), Framing::kEvents);
  EXPECT_EQ(framing_of(Api::kOllama, true, "text/plain"), Framing::kLines);
  EXPECT_EQ(framing_of(Api::kOpenAiChat, false, "text/plain"), Framing::kWhole);
}

}  // namespace
}  // namespace writ::llm
