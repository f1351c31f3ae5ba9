#include "llm/api.h"

#include <array>

#include "protocol/http1_text.h"

namespace writ::llm {
namespace {

struct ApiPath {
  std::string_view end;
  Api api;
};
constexpr std::array<ApiPath, 7> kApiPaths = {{
    {"/chat/completions", Api::kOpenAiChat},
    {"/responses", Api::kOpenAiResponses},
    {"/messages", Api::kAnthropic},
    {":generateContent", Api::kGemini},
    {":streamGenerateContent", Api::kGemini},
    {"/api/chat", Api::kOllama},
    {"/api/generate", Api::kOllama},
}};

}  // namespace

std::string_view to_text(Api api) {
  switch (api) {
    case Api::kOpenAiChat:
      return "openai-chat";
    case Api::kOpenAiResponses:
      return "openai-responses";
    case Api::kAnthropic:
      return "anthropic-messages";
    case Api::kGemini:
      return "gemini";
    case Api::kOllama:
      return "ollama";
  }
  return "";
}

std::optional<Api> find_api(std::string_view method, std::string_view path) {
  if (method != "POST") return std::nullopt;
  for (const ApiPath& known : kApiPaths) {
    if (path.ends_with(known.end)) return known.api;
  }
  return std::nullopt;
}

Framing framing_of(Api api, bool stream, std::string_view content_type) {
  const std::string_view type = protocol::trim(content_type.substr(0, content_type.find(';')));
  const auto is = [&](std::string_view name) { return protocol::equals_ignoring_case(type, name); };
  if (is("text/event-stream")) return Framing::kEvents;
  if (is("application/x-ndjson") || is("application/jsonl")) return Framing::kLines;
  if (is("application/json") || !stream) return Framing::kWhole;
  return api == Api::kOllama ? Framing::kLines : Framing::kEvents;
}

}  // namespace writ::llm
