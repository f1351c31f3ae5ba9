// One reader for each API: a document of an answer, the only one or one of a stream → what it adds.
// Facts are from the vendors' API references. Only .cpp files include this.
#pragma once

#include "llm/answer_builder.h"
#include "llm/json_document.h"

namespace writ::llm {

void read_openai_chat(const simdjson::dom::element& document, AnswerBuilder& to);
void read_openai_responses(const simdjson::dom::element& document, AnswerBuilder& to);
void read_anthropic(const simdjson::dom::element& document, AnswerBuilder& to);
void read_gemini(const simdjson::dom::element& document, AnswerBuilder& to);
void read_ollama(const simdjson::dom::element& document, AnswerBuilder& to);

// An error, where `document` has one: its kind, in the API's own word.
void read_error(const simdjson::dom::element& document, AnswerBuilder& to);

// Of a member that counts tokens; nullopt: it is not there, or not to be believed.
std::optional<std::uint64_t> tokens(const simdjson::dom::element& from, std::string_view name,
                                    AnswerBuilder& to);

}  // namespace writ::llm
