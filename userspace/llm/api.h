// The APIs of language models that are read: which one a request is of, and how its answer is
// framed.
//
// The path says what it may be and the body what it is (request.h): the same APIs are served below
// any prefix, by their vendors, by gateways and by servers on the host itself.
#pragma once

#include <optional>
#include <string_view>

namespace writ::llm {

enum class Api {
  kOpenAiChat,       // POST …/chat/completions
  kOpenAiResponses,  // POST …/responses
  kAnthropic,        // POST …/messages
  kGemini,           // POST …:generateContent and …:streamGenerateContent
  kOllama,           // POST …/api/chat and …/api/generate
};

// As records and people name it: "openai-chat".
std::string_view to_text(Api api);

// By its method and path, which is percent-decoded and without the query.
std::optional<Api> find_api(std::string_view method, std::string_view path);

enum class Framing {
  kWhole,   // one JSON document
  kEvents,  // text/event-stream, a JSON document in the data of each event
  kLines,   // a JSON document on each line
};

// `content_type`: of the answer, whatever it holds; empty: not said. Where it tells nothing, the
// answer is framed as was asked for.
Framing framing_of(Api api, bool stream, std::string_view content_type);

}  // namespace writ::llm
