#include "llm/answer_readers.h"

namespace writ::llm {

using simdjson::dom::element;

// {"error": {"type" | "status" | "code": …}}, or {"error": "…"}.
void read_error(const element& document, AnswerBuilder& to) {
  const auto error = member<element>(document, "error");
  if (!error || error->is_null()) return;
  std::string_view text;
  if (error->get(text) != simdjson::SUCCESS) {
    for (const char* name : {"type", "status", "code", "message"}) {
      if (text = text_member(*error, name); !text.empty()) break;
    }
  }
  to.set_error(text.empty() ? "error" : text);
}

std::optional<std::uint64_t> tokens(const element& from, std::string_view name, AnswerBuilder& to) {
  const auto count = member<std::uint64_t>(from, name);
  return count ? to.believe(*count) : std::nullopt;
}

}  // namespace writ::llm
