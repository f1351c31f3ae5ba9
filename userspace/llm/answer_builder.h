// Gathers an Answer from the documents of a stream, within bounds. Each API's reader
// (answer_readers.h) says what a document holds; what is beyond a bound is left out, and said in
// Answer::unread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

#include "llm/answer.h"

namespace writ::llm {

class AnswerBuilder {
 public:
  static constexpr std::size_t kMaxToolUses = 128;
  static constexpr std::size_t kMaxArguments = 256u << 10;   // of one tool use
  static constexpr std::size_t kMaxAllArguments = 1u << 20;  // of an answer
  static constexpr std::size_t kMaxWord = 128;               // of a name, a reason

  // The tool use that the stream calls by `key`; it is made when it is not there. `id` and `name`
  // count when they were not known yet.
  void open(std::uint64_t key, std::string_view id, std::string_view name);
  void append_arguments(std::uint64_t key, std::string_view piece);
  void set_arguments(std::uint64_t key, std::string_view text);
  // They are all there: one, or all whose keys are from `first` to `last`.
  void close(std::uint64_t key) { close(key, key); }
  void close(std::uint64_t first, std::uint64_t last);
  // One that comes in one piece, under a key of its own.
  void add(std::string_view id, std::string_view name, std::string_view arguments);
  [[nodiscard]] bool knows(std::string_view id) const;

  void set_model(std::string_view model);
  void set_stop_reason(std::string_view reason);
  void set_error(std::string_view error);
  void miss(std::string_view why);  // the first reason stands
  void complete() { answer_.complete = true; }
  // Of an answer's count; nullopt where it is not to be believed.
  std::optional<std::uint64_t> believe(std::uint64_t count);

  [[nodiscard]] Usage& usage() { return answer_.usage; }
  [[nodiscard]] const Answer& answer() const { return answer_; }
  // Places in Answer::tool_uses that were completed since this was asked last.
  std::vector<std::size_t> take_completed();

 private:
  ToolUse* find(std::uint64_t key);

  Answer answer_;
  std::map<std::uint64_t, std::size_t> open_;  // key → place in tool_uses
  std::vector<std::size_t> completed_;
  std::size_t arguments_ = 0;  // bytes, of all
};

}  // namespace writ::llm
