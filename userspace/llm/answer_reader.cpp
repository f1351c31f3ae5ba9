#include "llm/answer_reader.h"

#include <string>
#include <utility>

#include "llm/answer_readers.h"
#include "protocol/sse.h"

namespace writ::llm {

struct AnswerReader::State : protocol::SseSink {
  State(Api its, Framing framed) : api(its), framing(framed) {}

  // Of the document that is being read.
  void on_data(std::string_view piece) override {
    if (too_long) return;
    too_long = text.size() + piece.size() > AnswerReader::kMaxDocument;
    if (!too_long) text += piece;
  }
  void on_aside(std::string_view /*piece*/) override {}
  void on_event(const protocol::SseEvent& /*event*/) override { end_document(); }

  void feed_lines(std::string_view bytes);
  void end_document();

  const Api api;
  const Framing framing;
  bool ended = false;
  std::string text;
  bool too_long = false;
  protocol::SseParser events;
  JsonDocument document;
  AnswerBuilder builder;
};

void AnswerReader::State::feed_lines(std::string_view bytes) {
  for (;;) {
    const std::size_t end = bytes.find('\n');
    on_data(bytes.substr(0, end));
    if (end == std::string_view::npos) return;
    end_document();
    bytes.remove_prefix(end + 1);
  }
}

void AnswerReader::State::end_document() {
  if (too_long) {
    builder.miss("a part of it is longer than is read");
  } else if (text == "[DONE]") {  // of Chat Completions, behind its last event
    builder.close(0, ~std::uint64_t{0});
    builder.complete();
  } else if (const auto root = document.read(text)) {
    switch (api) {
      case Api::kOpenAiChat:
        read_openai_chat(*root, builder);
        break;
      case Api::kOpenAiResponses:
        read_openai_responses(*root, builder);
        break;
      case Api::kAnthropic:
        read_anthropic(*root, builder);
        break;
      case Api::kGemini:
        read_gemini(*root, builder);
        break;
      case Api::kOllama:
        read_ollama(*root, builder);
        break;
    }
  } else if (text.find_first_not_of(" \t\r\n") != std::string::npos) {
    builder.miss("a part of it is no JSON to be read");
  }
  text.clear();
  too_long = false;
}

AnswerReader::AnswerReader(Api api, Framing framing)
    : state_(std::make_unique<State>(api, framing)) {}
AnswerReader::~AnswerReader() = default;
AnswerReader::AnswerReader(AnswerReader&&) noexcept = default;
AnswerReader& AnswerReader::operator=(AnswerReader&&) noexcept = default;

void AnswerReader::feed(std::string_view bytes) {
  switch (state_->framing) {
    case Framing::kWhole:
      state_->on_data(bytes);
      break;
    case Framing::kEvents:
      state_->events.feed(bytes, *state_);
      break;
    case Framing::kLines:
      state_->feed_lines(bytes);
      break;
  }
}

void AnswerReader::end() {
  if (std::exchange(state_->ended, true)) return;
  // What follows the last empty line is no event; only that it was too long to be read is told.
  if (state_->framing != Framing::kEvents || state_->too_long) state_->end_document();
}

const Answer& AnswerReader::answer() const { return state_->builder.answer(); }

std::vector<std::size_t> AnswerReader::take_completed() { return state_->builder.take_completed(); }

}  // namespace writ::llm
