// Answers for the tests: as the vendors' servers send them, with made-up content.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "llm/answer_reader.h"

namespace writ::llm {

inline Answer read_answer(Api api, Framing framing, std::string_view bytes) {
  AnswerReader reader(api, framing);
  reader.feed(bytes);
  reader.end();
  return reader.answer();
}

// An event stream of documents, each without an event type or with the one it names.
inline std::string events(const std::vector<std::string>& documents) {
  std::string text;
  for (const std::string& document : documents) text += "data: " + document + "\n\n";
  return text;
}

inline std::string typed_events(const std::vector<std::pair<std::string, std::string>>& events) {
  std::string text;
  for (const auto& [type, data] : events) text += "event: " + type + "\ndata: " + data + "\n\n";
  return text;
}

// "id name arguments", with "…" for what is not all there.
inline std::vector<std::string> tool_uses(const Answer& answer) {
  std::vector<std::string> all;
  for (const ToolUse& use : answer.tool_uses) {
    all.push_back(use.id + " " + use.name + " " + use.arguments +
                  (use.complete && !use.cut ? "" : "…"));
  }
  return all;
}

// One stream of each API that asks for tools.
struct Recorded {
  const char* name;
  Api api;
  Framing framing;
  std::string bytes;
};

inline std::vector<Recorded> recorded_streams() {
  return {
      {"openai-chat", Api::kOpenAiChat, Framing::kEvents,
       events(
           {R"({"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-4.1-2025-04-14","choices":[{"index":0,"delta":{"role":"assistant","content":null,"refusal":null},"logprobs":null,"finish_reason":null}],"usage":null})",
            R"({"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-4.1-2025-04-14","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_a","type":"function","function":{"name":"get_contact","arguments":""}}]},"finish_reason":null}],"usage":null})",
            R"({"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-4.1-2025-04-14","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"id\""}}]},"finish_reason":null}],"usage":null})",
            R"({"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-4.1-2025-04-14","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":":\"7\"}"}}]},"finish_reason":null}],"usage":null})",
            R"({"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-4.1-2025-04-14","choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"id":"call_b","type":"function","function":{"name":"list_all","arguments":"{}"}}]},"finish_reason":null}],"usage":null})",
            R"({"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-4.1-2025-04-14","choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}],"usage":null})",
            R"({"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-4.1-2025-04-14","choices":[],"usage":{"prompt_tokens":120,"completion_tokens":34,"total_tokens":154,"prompt_tokens_details":{"cached_tokens":100,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":8,"audio_tokens":0}}})",
            "[DONE]"})},
      {"openai-responses", Api::kOpenAiResponses, Framing::kEvents,
       typed_events({{"response.created",
                      R"({"type":"response.created","sequence_number":0,"response":{"id":"resp_1","object":"response","status":"in_progress","error":null,"incomplete_details":null,"model":"gpt-5-2025-08-07","output":[],"usage":null}})"},
                     {"response.output_item.added",
                      R"({"type":"response.output_item.added","sequence_number":1,"output_index":0,"item":{"id":"rs_1","type":"reasoning","summary":[]}})"},
                     {"response.output_item.added",
                      R"({"type":"response.output_item.added","sequence_number":2,"output_index":1,"item":{"id":"fc_1","type":"function_call","status":"in_progress","arguments":"","call_id":"call_a","name":"get_contact"}})"},
                     {"response.function_call_arguments.delta",
                      R"({"type":"response.function_call_arguments.delta","sequence_number":3,"item_id":"fc_1","output_index":1,"delta":"{\"id\":\"7\"}"})"},
                     {"response.function_call_arguments.done",
                      R"({"type":"response.function_call_arguments.done","sequence_number":4,"item_id":"fc_1","output_index":1,"arguments":"{\"id\":\"7\"}"})"},
                     {"response.output_item.done",
                      R"({"type":"response.output_item.done","sequence_number":5,"output_index":1,"item":{"id":"fc_1","type":"function_call","status":"completed","arguments":"{\"id\":\"7\"}","call_id":"call_a","name":"get_contact"}})"},
                     {"response.completed",
                      R"({"type":"response.completed","sequence_number":6,"response":{"id":"resp_1","object":"response","status":"completed","error":null,"incomplete_details":null,"model":"gpt-5-2025-08-07","output":[{"id":"rs_1","type":"reasoning","summary":[]},{"id":"fc_1","type":"function_call","status":"completed","arguments":"{\"id\":\"7\"}","call_id":"call_a","name":"get_contact"}],"usage":{"input_tokens":75,"input_tokens_details":{"cached_tokens":64},"output_tokens":200,"output_tokens_details":{"reasoning_tokens":128},"total_tokens":275}}})"}})},
      {"anthropic", Api::kAnthropic, Framing::kEvents,
       typed_events(
           {{"message_start",
             R"({"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","content":[],"model":"claude-sonnet-4-5-20250929","stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":25,"cache_creation_input_tokens":40,"cache_read_input_tokens":300,"cache_creation":{"ephemeral_5m_input_tokens":30,"ephemeral_1h_input_tokens":10},"output_tokens":1}}})"},
            {"content_block_start",
             R"({"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}})"},
            {"ping", R"({"type": "ping"})"},
            {"content_block_delta",
             R"({"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Let me see."}})"},
            {"content_block_stop", R"({"type":"content_block_stop","index":0})"},
            {"content_block_start",
             R"({"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"toolu_a","name":"get_contact","input":{}}})"},
            {"content_block_delta",
             R"({"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":""}})"},
            {"content_block_delta",
             R"({"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"id\": \""}})"},
            {"content_block_delta",
             R"({"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"7\"}"}})"},
            {"content_block_stop", R"({"type":"content_block_stop","index":1})"},
            {"content_block_start",
             R"({"type":"content_block_start","index":2,"content_block":{"type":"server_tool_use","id":"srvtoolu_a","name":"web_search","input":{}}})"},
            {"content_block_stop", R"({"type":"content_block_stop","index":2})"},
            {"message_delta",
             R"({"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":89}})"},
            {"message_stop", R"({"type":"message_stop"})"}})},
      {"gemini", Api::kGemini, Framing::kEvents,
       events(
           {R"({"candidates":[{"content":{"parts":[{"text":"Let me see."}],"role":"model"},"index":0}],"usageMetadata":{"promptTokenCount":50,"candidatesTokenCount":3,"totalTokenCount":53},"modelVersion":"gemini-2.5-flash","responseId":"r1"})",
            R"({"candidates":[{"content":{"parts":[{"functionCall":{"name":"get_contact","args":{"id":"7"}}}],"role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":50,"candidatesTokenCount":20,"totalTokenCount":101,"cachedContentTokenCount":32,"thoughtsTokenCount":31},"modelVersion":"gemini-2.5-flash","responseId":"r1"})"})},
      {"ollama", Api::kOllama, Framing::kLines,
       R"({"model":"qwen3","created_at":"2025-05-27T22:54:57.6Z","message":{"role":"assistant","content":"Let"},"done":false})"
       "\n"
       R"({"model":"qwen3","created_at":"2025-05-27T22:54:57.7Z","message":{"role":"assistant","content":"","tool_calls":[{"function":{"name":"get_contact","arguments":{"id":"7"}}}]},"done":false})"
       "\n"
       R"({"model":"qwen3","created_at":"2025-05-27T22:54:57.8Z","message":{"role":"assistant","content":""},"done_reason":"stop","done":true,"total_duration":8,"prompt_eval_count":169,"prompt_eval_duration":1,"eval_count":29,"eval_duration":2})"
       "\n"},
  };
}

}  // namespace writ::llm
