#include "policy/argument_value.h"

#include "policy/arguments.h"
#include "policy/explain.h"

namespace writ::policy {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;
using State = Lookup::State;
using Source = ArgumentPath::Source;

Lookup undefined() { return {.state = State::kUndefined}; }

// Below `value`, from step `from` on.
Lookup descend(element value, const ArgumentPath& path, std::size_t from, Evaluation& evaluation) {
  for (std::size_t i = from; i < path.steps.size(); ++i) {
    const ArgumentPath::Step& step = path.steps[i];
    element next;
    if (step.is_index) {
      array list;
      if (value.get(list) != simdjson::SUCCESS) return {};
      if (!evaluation.spend(1 + step.index / 8)) return undefined();
      if (list.at(step.index).get(next) != simdjson::SUCCESS) return {};
    } else {
      object members;
      if (value.get(members) != simdjson::SUCCESS) return {};
      if (!evaluation.spend(1 + members.size() / 8)) return undefined();
      if (members.at_key(step.name).get(next) != simdjson::SUCCESS) return {};
    }
    value = next;
  }
  return {.state = State::kFound, .value = value};
}

Lookup in_body(const ArgumentPath& path, Evaluation& evaluation) {
  const Arguments* arguments = evaluation.input.arguments;
  if (arguments == nullptr || !arguments->body_problem().empty()) return undefined();
  if (arguments->body() == nullptr) return {};
  return descend(arguments->body()->root, path, 0, evaluation);
}

Lookup in_query(const ArgumentPath& path, const Evaluation& evaluation) {
  const Arguments* arguments = evaluation.input.arguments;
  if (arguments == nullptr || !arguments->query_problem().empty()) return undefined();
  const auto* values = arguments->parameter(path.steps.front().name);
  if (values == nullptr) return {};
  if (values->size() == 1) return {.state = State::kFound, .value = LooseText{values->front()}};
  return {.state = State::kFound, .value = values};
}

Lookup in_captures(const ArgumentPath& path, const Evaluation& evaluation) {
  if (!evaluation.is_call) return undefined();
  if (evaluation.tool == nullptr) return {};
  const auto& captures = evaluation.input.tool->captures;
  const auto found = captures.find(path.steps.front().name);
  if (found == captures.end()) return {};
  return {.state = State::kFound, .value = LooseText{found->second}};
}

// One of three places must have it, and it must be known that the others have not.
Lookup anywhere(const ArgumentPath& path, Evaluation& evaluation) {
  if (path.steps.size() > 1) return in_body(path, evaluation);
  const Lookup all[] = {in_body(path, evaluation), in_query(path, evaluation),
                        in_captures(path, evaluation)};
  const Lookup* found = nullptr;
  for (const Lookup& one : all) {
    if (one.state == State::kMissing) continue;
    if (one.state == State::kUndefined || found != nullptr) return undefined();
    found = &one;
  }
  return found == nullptr ? Lookup{} : *found;
}

}  // namespace

Lookup look_up(const ArgumentPath& path, Evaluation& evaluation) {
  switch (path.source) {
    case Source::kAny:
      return anywhere(path, evaluation);
    case Source::kBody:
      return in_body(path, evaluation);
    case Source::kQuery:
      return in_query(path, evaluation);
    case Source::kCapture:
      return in_captures(path, evaluation);
  }
  return undefined();
}

Lookup look_up(const ArgumentPath& path, const ArgumentValue& base, Evaluation& evaluation) {
  if (path.steps.empty()) return {.state = State::kFound, .value = base};
  if (const auto* value = std::get_if<element>(&base)) return descend(*value, path, 0, evaluation);
  return {};  // text has nothing below it
}

std::string show_argument(const ArgumentPath& path, Evaluation& evaluation) {
  const Lookup found = look_up(path, evaluation);
  if (found.state != State::kFound) return "";
  if (const auto* loose = std::get_if<LooseText>(&found.value)) return printable(loose->text);
  const auto* value = std::get_if<element>(&found.value);
  if (value == nullptr) return "";
  std::string_view text;
  if (value->get(text) == simdjson::SUCCESS) return printable(text);
  if (value->is_object()) return "{...}";
  if (value->is_array()) return "[...]";
  return printable(simdjson::minify(*value));
}

}  // namespace writ::policy
