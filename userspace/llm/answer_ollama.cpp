// Ollama: /api/chat and /api/generate, a document or a line for each piece.
#include "llm/answer_readers.h"

namespace writ::llm {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;

void read_ollama_message(const element& message, AnswerBuilder& to) {
  const auto calls = member<array>(message, "tool_calls");
  if (!calls) return;
  for (const element call : *calls) {
    const auto function = member<element>(call, "function");
    if (!function) continue;
    const auto arguments = member<element>(*function, "arguments");
    to.add(text_member(call, "id"), text_member(*function, "name"),
           arguments ? simdjson::minify(*arguments) : std::string());
  }
}

}  // namespace

void read_ollama(const element& document, AnswerBuilder& to) {
  to.set_model(text_member(document, "model"));
  read_error(document, to);
  if (const auto message = member<element>(document, "message")) read_ollama_message(*message, to);
  if (!member<bool>(document, "done").value_or(false)) return;
  to.complete();
  to.set_stop_reason(text_member(document, "done_reason"));
  // A prompt that is cached as a whole is not counted.
  to.usage().input = tokens(document, "prompt_eval_count", to);
  to.usage().output = tokens(document, "eval_count", to);
}

}  // namespace writ::llm
