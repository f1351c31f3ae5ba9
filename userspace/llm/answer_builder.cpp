#include "llm/answer_builder.h"

#include <algorithm>
#include <utility>

namespace writ::llm {
namespace {

// Of keys for what has none: above every index of a stream.
constexpr std::uint64_t kOwnKeys = std::uint64_t{1} << 63;

}  // namespace

ToolUse* AnswerBuilder::find(std::uint64_t key) {
  const auto found = open_.find(key);
  return found == open_.end() ? nullptr : &answer_.tool_uses[found->second];
}

void AnswerBuilder::open(std::uint64_t key, std::string_view id, std::string_view name) {
  ToolUse* use = find(key);
  if (use == nullptr) {
    if (answer_.tool_uses.size() >= kMaxToolUses) {
      miss("it asks for more tool uses than are kept");
      return;
    }
    open_.emplace(key, answer_.tool_uses.size());
    use = &answer_.tool_uses.emplace_back();
  }
  if (use->id.empty()) use->id = id.substr(0, kMaxWord);
  if (use->name.empty()) use->name = name.substr(0, kMaxWord);
}

void AnswerBuilder::append_arguments(std::uint64_t key, std::string_view piece) {
  ToolUse* use = find(key);
  if (use == nullptr || use->cut) return;
  if (use->arguments.size() + piece.size() > kMaxArguments ||
      arguments_ + piece.size() > kMaxAllArguments) {
    use->cut = true;
    miss("a tool's arguments are longer than is kept");
    return;
  }
  use->arguments += piece;
  arguments_ += piece.size();
}

void AnswerBuilder::set_arguments(std::uint64_t key, std::string_view text) {
  ToolUse* use = find(key);
  if (use == nullptr) return;
  arguments_ -= use->arguments.size();
  use->arguments.clear();
  use->cut = false;
  append_arguments(key, text);
}

void AnswerBuilder::close(std::uint64_t first, std::uint64_t last) {
  auto at = open_.lower_bound(first);
  while (at != open_.end() && at->first <= last) {
    answer_.tool_uses[at->second].complete = true;
    completed_.push_back(at->second);
    at = open_.erase(at);
  }
}

void AnswerBuilder::add(std::string_view id, std::string_view name, std::string_view arguments) {
  const std::uint64_t key = kOwnKeys + answer_.tool_uses.size();
  open(key, id, name);
  append_arguments(key, arguments);
  close(key);
}

bool AnswerBuilder::knows(std::string_view id) const {
  return std::any_of(answer_.tool_uses.begin(), answer_.tool_uses.end(),
                     [&](const ToolUse& use) { return use.id == id.substr(0, kMaxWord); });
}

void AnswerBuilder::set_model(std::string_view model) {
  if (!model.empty()) answer_.model = model.substr(0, kMaxWord);
}

void AnswerBuilder::set_stop_reason(std::string_view reason) {
  if (!reason.empty()) answer_.stop_reason = reason.substr(0, kMaxWord);
}

void AnswerBuilder::set_error(std::string_view error) {
  if (answer_.error.empty()) answer_.error = error.substr(0, kMaxWord);
}

void AnswerBuilder::miss(std::string_view why) {
  if (answer_.unread.empty()) answer_.unread = why;
}

std::optional<std::uint64_t> AnswerBuilder::believe(std::uint64_t count) {
  if (count <= kMaxTokens) return count;
  miss("it counts more tokens than can be");
  return std::nullopt;
}

std::vector<std::size_t> AnswerBuilder::take_completed() { return std::exchange(completed_, {}); }

}  // namespace writ::llm
