// Google: Gemini generateContent. Each document of a stream is a response of its own, whose counts
// are those so far. Without `alt=sse` a stream is one array of them.
#include "llm/answer_readers.h"

namespace writ::llm {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;

// What candidates count leaves out the model's thoughts, and what the prompt counts the results of
// tools that Google runs.
void read_gemini_usage(const element& document, AnswerBuilder& to) {
  const auto counts = member<element>(document, "usageMetadata");
  if (!counts) return;
  Usage& usage = to.usage();
  const auto prompt = tokens(*counts, "promptTokenCount", to);
  if (prompt) usage.input = *prompt + tokens(*counts, "toolUsePromptTokenCount", to).value_or(0);
  usage.cached = tokens(*counts, "cachedContentTokenCount", to).value_or(usage.cached);
  usage.reasoning = tokens(*counts, "thoughtsTokenCount", to).value_or(usage.reasoning);
  const auto candidates = tokens(*counts, "candidatesTokenCount", to);
  if (candidates || usage.reasoning != 0) usage.output = candidates.value_or(0) + usage.reasoning;
}

void read_part(const element& part, AnswerBuilder& to) {
  const auto call = member<element>(part, "functionCall");
  if (!call) return;
  if (member<element>(*call, "partialArgs") ||
      member<bool>(*call, "willContinue").value_or(false)) {
    to.miss("a tool's arguments come in pieces, which are not read of this API");
    return;
  }
  const auto arguments = member<element>(*call, "args");
  to.add(text_member(*call, "id"), text_member(*call, "name"),
         arguments ? simdjson::minify(*arguments) : std::string());
}

void read_candidate(const element& candidate, AnswerBuilder& to) {
  if (const auto content = member<element>(candidate, "content")) {
    if (const auto parts = member<array>(*content, "parts")) {
      for (const element part : *parts) read_part(part, to);
    }
  }
  const std::string_view reason = text_member(candidate, "finishReason");
  if (reason.empty()) return;
  to.set_stop_reason(reason);
  to.complete();
}

void read_feedback(const element& document, AnswerBuilder& to) {
  const auto feedback = member<element>(document, "promptFeedback");
  if (!feedback) return;
  const std::string_view reason = text_member(*feedback, "blockReason");
  if (reason.empty()) return;
  to.set_stop_reason(reason);
  to.complete();
}

void read_gemini_one(const element& document, AnswerBuilder& to) {
  to.set_model(text_member(document, "modelVersion"));
  read_gemini_usage(document, to);
  read_error(document, to);
  read_feedback(document, to);
  if (const auto candidates = member<array>(document, "candidates")) {
    for (const element candidate : *candidates) read_candidate(candidate, to);
  }
}

}  // namespace

void read_gemini(const element& document, AnswerBuilder& to) {
  array all;
  if (document.get(all) != simdjson::SUCCESS) {
    read_gemini_one(document, to);
    return;
  }
  for (const element one : all) read_gemini_one(one, to);
}

}  // namespace writ::llm
