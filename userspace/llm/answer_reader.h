// An incremental reader of a model's answer: the bytes of a response's body, without its codings,
// in pieces of any size go in.
//
//   AnswerReader reader(api, framing);
//   reader.feed(bytes);
//   for (std::size_t at : reader.take_completed()) use(reader.answer().tool_uses[at]);
//   reader.end();                       // a document without framing is read now
//
// Nothing fails: what cannot be read is left out, and Answer::unread says so. Memory: one document
// (kMaxDocument) as text and as simdjson's tree, and what AnswerBuilder keeps.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "llm/answer.h"
#include "llm/api.h"

namespace writ::llm {

class AnswerReader {
 public:
  // Of a whole answer, or of one event of a stream.
  static constexpr std::size_t kMaxDocument = 2u << 20;

  AnswerReader(Api api, Framing framing);
  ~AnswerReader();
  AnswerReader(AnswerReader&&) noexcept;
  AnswerReader& operator=(AnswerReader&&) noexcept;

  void feed(std::string_view bytes);
  // The response has ended, or nothing more of it will come.
  void end();

  [[nodiscard]] const Answer& answer() const;
  // Places in answer().tool_uses that were completed since this was asked last.
  std::vector<std::size_t> take_completed();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace writ::llm
