// Streams of each API, whole and cut at every offset; and what is no stream of theirs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "llm/answer_builder.h"
#include "llm/json_document.h"
#include "llm/support.h"

namespace writ::llm {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Recorded recorded(std::string_view name) {
  for (Recorded& stream : recorded_streams()) {
    if (stream.name == name) return stream;
  }
  return {};
}

Answer read(const Recorded& stream) {
  return read_answer(stream.api, stream.framing, stream.bytes);
}

TEST(LlmStream, OpenAiChat) {
  const Answer answer = read(recorded("openai-chat"));
  EXPECT_EQ(answer.model, "gpt-4.1-2025-04-14");
  EXPECT_EQ(answer.stop_reason, "tool_calls");
  EXPECT_THAT(tool_uses(answer),
              ElementsAre(R"(call_a get_contact {"id":"7"})", "call_b list_all {}"));
  EXPECT_EQ(answer.usage.input, 120u);
  EXPECT_EQ(answer.usage.cached, 100u);
  EXPECT_EQ(answer.usage.output, 34u);
  EXPECT_EQ(answer.usage.reasoning, 8u);
  EXPECT_TRUE(answer.complete);
  EXPECT_EQ(answer.unread, "");
}

TEST(LlmStream, OpenAiResponses) {
  const Answer answer = read(recorded("openai-responses"));
  EXPECT_EQ(answer.model, "gpt-5-2025-08-07");
  EXPECT_EQ(answer.stop_reason, "completed");
  EXPECT_THAT(tool_uses(answer), ElementsAre(R"(call_a get_contact {"id":"7"})"));
  EXPECT_EQ(answer.usage.input, 75u);
  EXPECT_EQ(answer.usage.cached, 64u);
  EXPECT_EQ(answer.usage.output, 200u);
  EXPECT_EQ(answer.usage.reasoning, 128u);
  EXPECT_TRUE(answer.complete);
}

// The input is all of it, and what a server of Anthropic's runs itself is not asked of the agent.
TEST(LlmStream, Anthropic) {
  const Answer answer = read(recorded("anthropic"));
  EXPECT_EQ(answer.model, "claude-sonnet-4-5-20250929");
  EXPECT_EQ(answer.stop_reason, "tool_use");
  EXPECT_THAT(tool_uses(answer), ElementsAre(R"(toolu_a get_contact {"id": "7"})"));
  EXPECT_EQ(answer.usage.input, 25u + 40u + 300u);
  EXPECT_EQ(answer.usage.cached, 300u);
  EXPECT_EQ(answer.usage.cache_written, 40u);
  EXPECT_EQ(answer.usage.cache_written_1h, 10u);
  EXPECT_EQ(answer.usage.output, 89u);
  EXPECT_TRUE(answer.complete);
}

TEST(LlmStream, Gemini) {
  const Answer answer = read(recorded("gemini"));
  EXPECT_EQ(answer.model, "gemini-2.5-flash");
  EXPECT_EQ(answer.stop_reason, "STOP");
  EXPECT_THAT(tool_uses(answer), ElementsAre(R"( get_contact {"id":"7"})"));
  EXPECT_EQ(answer.usage.input, 50u);
  EXPECT_EQ(answer.usage.cached, 32u);
  EXPECT_EQ(answer.usage.output, 51u);
  EXPECT_EQ(answer.usage.reasoning, 31u);
}

TEST(LlmStream, Ollama) {
  const Answer answer = read(recorded("ollama"));
  EXPECT_EQ(answer.model, "qwen3");
  EXPECT_EQ(answer.stop_reason, "stop");
  EXPECT_THAT(tool_uses(answer), ElementsAre(R"( get_contact {"id":"7"})"));
  EXPECT_EQ(answer.usage.input, 169u);
  EXPECT_EQ(answer.usage.output, 29u);
}

std::string shown(const Answer& a) {
  std::string text = a.model + " " + a.stop_reason + " " + a.error + " " + a.unread;
  for (const std::string& use : tool_uses(a)) text += " | " + use;
  return text + " " + std::to_string(a.usage.input.value_or(0)) + " " +
         std::to_string(a.usage.output.value_or(0)) + (a.complete ? " complete" : " open");
}

TEST(LlmStream, CutAnywhereReadsTheSame) {
  for (const Recorded& stream : recorded_streams()) {
    const std::string whole = shown(read(stream));
    for (std::size_t cut = 0; cut <= stream.bytes.size(); ++cut) {
      AnswerReader reader(stream.api, stream.framing);
      reader.feed(std::string_view(stream.bytes).substr(0, cut));
      reader.feed(std::string_view(stream.bytes).substr(cut));
      reader.end();
      ASSERT_EQ(shown(reader.answer()), whole) << stream.name << " cut at " << cut;
    }
    AnswerReader bytewise(stream.api, stream.framing);
    for (const char c : stream.bytes) bytewise.feed(std::string_view(&c, 1));
    bytewise.end();
    EXPECT_EQ(shown(bytewise.answer()), whole) << stream.name;
  }
}

// What an agent can act on is known as soon as it can: before the stream ends.
TEST(LlmStream, AToolUseIsCompleteBeforeTheEnd) {
  const Recorded stream = recorded("anthropic");
  AnswerReader reader(stream.api, stream.framing);
  const std::size_t stop = stream.bytes.find("\n\n", stream.bytes.find("\"index\":1}")) + 2;
  reader.feed(std::string_view(stream.bytes).substr(0, stop - 1));
  EXPECT_THAT(reader.take_completed(), IsEmpty());
  reader.feed(std::string_view(stream.bytes).substr(stop - 1, 1));
  EXPECT_THAT(reader.take_completed(), ElementsAre(0u));
  reader.feed(std::string_view(stream.bytes).substr(stop));
  EXPECT_THAT(reader.take_completed(), IsEmpty());
}

TEST(LlmStream, ABrokenOffStreamIsNotComplete) {
  for (const Recorded& stream : recorded_streams()) {
    const std::size_t half = stream.bytes.find("get_contact");
    const Answer answer =
        read_answer(stream.api, stream.framing, stream.bytes.substr(0, half + 11));
    EXPECT_FALSE(answer.complete) << stream.name;
    for (const ToolUse& use : answer.tool_uses) EXPECT_FALSE(use.complete) << stream.name;
  }
}

// Two choices, each with a first call: they do not run into each other.
TEST(LlmStream, ChoicesHaveCallsOfTheirOwn) {
  const auto piece = [](int choice, const std::string& delta, const std::string& reason) {
    return R"({"choices":[{"index":)" + std::to_string(choice) + R"(,"delta":)" + delta +
           R"(,"finish_reason":)" + reason + "}]}";
  };
  const auto call = [](const std::string& id, const std::string& arguments) {
    return R"({"tool_calls":[{"index":0,"id":")" + id +
           R"(","function":{"name":"f","arguments":")" + arguments + R"("}}]})";
  };
  const Answer answer =
      read_answer(Api::kOpenAiChat, Framing::kEvents,
                  events({piece(0, call("a", "{"), "null"), piece(1, call("b", "["), "null"),
                          piece(0, call("", "}"), "\"tool_calls\""),
                          piece(1, call("", "]"), "null"), piece(1, "{}", "\"tool_calls\"")}));
  EXPECT_THAT(tool_uses(answer), ElementsAre("a f {}", "b f []"));
}

TEST(LlmStream, AnErrorWithinAStream) {
  const Answer answer = read_answer(
      Api::kAnthropic, Framing::kEvents,
      typed_events(
          {{"error",
            R"({"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}})"}}));
  EXPECT_EQ(answer.error, "overloaded_error");
  EXPECT_FALSE(answer.complete);
}

TEST(LlmStream, WhatIsNoJsonIsLeftOutAndSaid) {
  std::string bytes = recorded("anthropic").bytes;
  bytes.insert(0, "data: {\"type\":\n\ndata: {\"type\":\"message_stop\",\"type\":\"ping\"}\n\n");
  const Answer answer = read_answer(Api::kAnthropic, Framing::kEvents, bytes);
  EXPECT_THAT(answer.unread, HasSubstr("no JSON"));
  EXPECT_EQ(tool_uses(answer).size(), 1u);
  EXPECT_EQ(answer.usage.output, 89u);
}

TEST(LlmStream, AnEventThatNeverEndsIsSaid) {
  AnswerReader reader(Api::kOpenAiChat, Framing::kEvents);
  reader.feed("data: ");
  const std::string piece(1u << 20, 'x');
  for (int i = 0; i < 4; ++i) reader.feed(piece);
  EXPECT_EQ(reader.answer().unread, "");
  reader.end();
  EXPECT_THAT(reader.answer().unread, HasSubstr("longer"));
  EXPECT_FALSE(reader.answer().complete);
}

TEST(LlmStream, AnEventBeyondTheBoundIsLeftOutAndSaid) {
  std::string bytes = "data: {\"type\":\"ping\",\"x\":\"" +
                      std::string(AnswerReader::kMaxDocument, 'x') + "\"}\n\n";
  bytes += recorded("anthropic").bytes;
  const Answer answer = read_answer(Api::kAnthropic, Framing::kEvents, bytes);
  EXPECT_THAT(answer.unread, HasSubstr("longer"));
  EXPECT_EQ(answer.usage.output, 89u);
}

std::string delta(const std::string& piece) {
  return "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"input_json_"
         "delta\",\"partial_json\":\"" +
         piece + "\"}}\n\n";
}

constexpr std::string_view kStart =
    "data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"tool_use\","
    "\"id\":\"t\",\"name\":\"n\"}}\n\n";

TEST(LlmStream, ArgumentsBeyondTheBoundAreCutAndSaid) {
  AnswerReader reader(Api::kAnthropic, Framing::kEvents);
  reader.feed(kStart);
  const std::string piece = delta(std::string(64u << 10, 'x'));
  for (int i = 0; i < 64; ++i) reader.feed(piece);
  reader.feed("data: {\"type\":\"content_block_stop\",\"index\":0}\n\n");
  const ToolUse& use = reader.answer().tool_uses.at(0);
  EXPECT_TRUE(use.cut);
  EXPECT_TRUE(use.complete);
  EXPECT_LE(use.arguments.size(), AnswerBuilder::kMaxArguments);
  EXPECT_THAT(reader.answer().unread, HasSubstr("longer"));
}

TEST(LlmStream, ToolUsesBeyondTheBoundAreLeftOutAndSaid) {
  AnswerReader reader(Api::kAnthropic, Framing::kEvents);
  for (int i = 0; i < 1000; ++i) {
    reader.feed("data: {\"type\":\"content_block_start\",\"index\":" + std::to_string(i) +
                ",\"content_block\":{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"n\"}}\n\n");
  }
  EXPECT_EQ(reader.answer().tool_uses.size(), AnswerBuilder::kMaxToolUses);
  EXPECT_THAT(reader.answer().unread, HasSubstr("more tool uses"));
}

}  // namespace
}  // namespace writ::llm
