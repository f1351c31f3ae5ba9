#include "llm/request.h"

#include "llm/json_document.h"

namespace writ::llm {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;

void append_line(std::string& text, std::string_view more) {
  if (!text.empty()) text += '\n';
  text += more;
}

// A text, or a list of blocks that hold texts.
void append_texts(std::string& text, const element& content) {
  std::string_view one;
  if (content.get(one) == simdjson::SUCCESS) {
    append_line(text, one);
    return;
  }
  array blocks;
  if (content.get(blocks) != simdjson::SUCCESS) return;
  for (const element block : blocks) {
    if (block.get(one) == simdjson::SUCCESS) {
      append_line(text, one);
    } else if (const auto inner = member<std::string_view>(block, "text")) {
      append_line(text, *inner);
    }
  }
}

void append_texts(std::string& text, const element& from, std::string_view name) {
  if (const auto content = member<element>(from, name)) append_texts(text, *content);
}

void append_system_messages(std::string& text, const array& messages) {
  for (const element message : messages) {
    const std::string_view role = text_member(message, "role");
    if (role == "system" || role == "developer") append_texts(text, message, "content");
  }
}

std::optional<std::string> read_chat(const element& root) {
  const auto messages = member<array>(root, "messages");
  if (!messages || text_member(root, "model").empty()) return std::nullopt;
  std::string system;
  append_system_messages(system, *messages);
  return system;
}

std::optional<std::string> read_responses(const element& root) {
  const auto input = member<element>(root, "input");
  if (!input || (!input->is_string() && !input->is_array())) return std::nullopt;
  // A stored prompt names its model itself.
  if (text_member(root, "model").empty() && !member<element>(root, "prompt")) return std::nullopt;
  std::string system;
  append_texts(system, root, "instructions");
  if (const auto items = member<array>(root, "input")) append_system_messages(system, *items);
  return system;
}

std::optional<std::string> read_anthropic(const element& root) {
  if (!member<array>(root, "messages") || !member<std::uint64_t>(root, "max_tokens") ||
      text_member(root, "model").empty())
    return std::nullopt;
  std::string system;
  append_texts(system, root, "system");
  return system;
}

std::optional<std::string> read_gemini(const element& root) {
  if (!member<array>(root, "contents")) return std::nullopt;
  std::string system;
  for (const char* name : {"systemInstruction", "system_instruction"}) {
    if (const auto instruction = member<element>(root, name))
      append_texts(system, *instruction, "parts");
  }
  return system;
}

std::optional<std::string> read_ollama(const element& root) {
  if (text_member(root, "model").empty()) return std::nullopt;
  const auto messages = member<array>(root, "messages");
  if (!messages && !member<std::string_view>(root, "prompt")) return std::nullopt;
  std::string system;
  append_texts(system, root, "system");
  if (messages) append_system_messages(system, *messages);
  return system;
}

std::optional<std::string> read_system(Api api, const element& root) {
  switch (api) {
    case Api::kOpenAiChat:
      return read_chat(root);
    case Api::kOpenAiResponses:
      return read_responses(root);
    case Api::kAnthropic:
      return read_anthropic(root);
    case Api::kGemini:
      return read_gemini(root);
    case Api::kOllama:
      return read_ollama(root);
  }
  return std::nullopt;
}

}  // namespace

std::optional<Request> read_request(Api api, std::string_view path, std::string_view body) {
  JsonDocument document;
  const auto root = document.read(body);
  if (!root || !root->is_object()) return std::nullopt;
  auto system = read_system(api, *root);
  if (!system) return std::nullopt;
  Request request = request_of_path(api, path);
  request.system = *std::move(system);
  if (api == Api::kGemini) return request;  // its model and its stream are in the path
  request.model = text_member(*root, "model").substr(0, kMaxModel);
  request.stream = member<bool>(*root, "stream").value_or(request.stream);
  return request;
}

Request request_of_path(Api api, std::string_view path) {
  Request request;
  request.stream = api == Api::kOllama;  // streams where it is not told otherwise
  if (api != Api::kGemini) return request;
  request.stream = path.ends_with(":streamGenerateContent");
  path = path.substr(0, path.rfind(':'));
  request.model = path.substr(path.rfind('/') + 1).substr(0, kMaxModel);
  return request;
}

}  // namespace writ::llm
