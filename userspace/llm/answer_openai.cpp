// OpenAI: Chat Completions and Responses, and the many servers that speak the first of them.
#include <array>

#include "llm/answer_readers.h"

namespace writ::llm {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;

// The names of the counts differ between the two APIs, and nothing else does.
struct UsageNames {
  std::string_view input, input_details, output, output_details;
};
constexpr UsageNames kChatUsage = {"prompt_tokens", "prompt_tokens_details", "completion_tokens",
                                   "completion_tokens_details"};
constexpr UsageNames kResponsesUsage = {"input_tokens", "input_tokens_details", "output_tokens",
                                        "output_tokens_details"};

void read_openai_usage(const element& from, const UsageNames& names, AnswerBuilder& to) {
  const auto counts = member<element>(from, "usage");
  if (!counts || !counts->is_object()) return;
  Usage& usage = to.usage();
  if (const auto input = tokens(*counts, names.input, to)) usage.input = input;
  if (const auto output = tokens(*counts, names.output, to)) usage.output = output;
  if (const auto details = member<element>(*counts, names.input_details)) {
    usage.cached = tokens(*details, "cached_tokens", to).value_or(usage.cached);
    usage.cache_written = tokens(*details, "cache_write_tokens", to).value_or(usage.cache_written);
  }
  if (const auto details = member<element>(*counts, names.output_details))
    usage.reasoning = tokens(*details, "reasoning_tokens", to).value_or(usage.reasoning);
}

// --- Chat Completions ---

// A stream with several choices numbers the tool calls of each from 0.
constexpr std::uint64_t kMaxCallIndex = 0x3fffffff;
std::uint64_t key_of(std::uint64_t choice, std::uint64_t call) {
  return (choice & kMaxCallIndex) << 30 | (call & kMaxCallIndex);
}

// Whole calls of a message, or pieces of them in a delta.
void read_tool_calls(const element& message, std::uint64_t choice, AnswerBuilder& to) {
  const auto calls = member<array>(message, "tool_calls");
  if (!calls) return;
  std::uint64_t place = 0;
  for (const element call : *calls) {
    const std::uint64_t key =
        key_of(choice, member<std::uint64_t>(call, "index").value_or(place++));
    if (const auto function = member<element>(call, "function")) {
      to.open(key, text_member(call, "id"), text_member(*function, "name"));
      to.append_arguments(key, text_member(*function, "arguments"));
    } else if (const auto custom = member<element>(call, "custom")) {
      to.open(key, text_member(call, "id"), text_member(*custom, "name"));
      to.append_arguments(key, text_member(*custom, "input"));
    }
  }
}

// --- Responses ---

// Items of the output that ask the agent for something. Others are run by OpenAI's servers.
struct ItemType {
  std::string_view type;
  std::string_view name;  // what the tool is called; empty: as the item says
  std::string_view arguments;
};
constexpr std::array<ItemType, 6> kAskingItems = {{
    {"function_call", "", "arguments"},
    {"custom_tool_call", "", "input"},
    {"local_shell_call", "local_shell", "action"},
    {"shell_call", "shell", "action"},
    {"computer_call", "computer", "action"},
    {"apply_patch_call", "apply_patch", "operation"},
}};

void read_item(const element& item, std::uint64_t key, bool done, AnswerBuilder& to) {
  const std::string_view type = text_member(item, "type");
  for (const ItemType& asking : kAskingItems) {
    if (asking.type != type) continue;
    to.open(key, text_member(item, "call_id"),
            asking.name.empty() ? text_member(item, "name") : asking.name);
    if (!done) return;
    const auto arguments = member<element>(item, asking.arguments);
    std::string_view text;
    if (arguments && arguments->get(text) == simdjson::SUCCESS) {
      to.set_arguments(key, text);
    } else if (arguments) {
      to.set_arguments(key, simdjson::minify(*arguments));
    }
    to.close(key);
    return;
  }
}

// The response as a whole, as it answers a request or ends a stream.
void read_response(const element& response, AnswerBuilder& to) {
  to.set_model(text_member(response, "model"));
  read_openai_usage(response, kResponsesUsage, to);
  read_error(response, to);
  const std::string_view status = text_member(response, "status");
  if (status.empty() || status == "in_progress" || status == "queued") return;
  to.complete();
  to.set_stop_reason(status);
  if (const auto details = member<element>(response, "incomplete_details"))
    to.set_stop_reason(text_member(*details, "reason"));
  const auto output = member<array>(response, "output");
  if (!output) return;
  std::uint64_t place = 0;
  for (const element item : *output) {
    const std::string_view id = text_member(item, "call_id");
    if (id.empty() || !to.knows(id)) read_item(item, place, true, to);
    ++place;
  }
}

}  // namespace

void read_openai_chat(const element& document, AnswerBuilder& to) {
  to.set_model(text_member(document, "model"));
  read_openai_usage(document, kChatUsage, to);
  read_error(document, to);
  const auto choices = member<array>(document, "choices");
  if (!choices) return;
  for (const element choice : *choices) {
    const std::uint64_t index = member<std::uint64_t>(choice, "index").value_or(0);
    for (const char* name : {"message", "delta"}) {
      if (const auto message = member<element>(choice, name)) read_tool_calls(*message, index, to);
    }
    const std::string_view reason = text_member(choice, "finish_reason");
    if (reason.empty()) continue;
    to.set_stop_reason(reason);
    to.close(key_of(index, 0), key_of(index, kMaxCallIndex));
    to.complete();
  }
}

void read_openai_responses(const element& document, AnswerBuilder& to) {
  const std::string_view type = text_member(document, "type");
  if (type.empty()) {  // no event of a stream
    read_response(document, to);
  } else if (const auto response = member<element>(document, "response")) {
    read_response(*response, to);
  } else if (type == "error") {
    to.set_error(text_member(document, "code"));
    read_error(document, to);
  } else if (const auto item = member<element>(document, "item")) {
    const auto place = member<std::uint64_t>(document, "output_index").value_or(0);
    read_item(*item, place, type == "response.output_item.done", to);
  }
}

}  // namespace writ::llm
