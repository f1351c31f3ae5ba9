// One argument's value, wherever it came from. Only .cpp files include this; simdjson's header is
// large.
#pragma once

#include <simdjson.h>

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "policy/argument_path.h"
#include "policy/evaluation.h"

namespace writ::policy {

struct ArgumentDocument {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
};

// Of the query or a path capture: text without a type; a parameter can be there several times.
struct LooseText {
  std::string_view text;
};
using LooseTexts = const std::vector<std::string>*;

using ArgumentValue = std::variant<LooseText, simdjson::dom::element, LooseTexts>;

struct Lookup {
  enum class State {
    kFound,
    kMissing,    // it is not there
    kUndefined,  // nobody can say: the body cannot be read, or more than one place has it
  };
  State state = State::kMissing;
  ArgumentValue value = {};
};

Lookup look_up(const ArgumentPath& path, Evaluation& evaluation);
// Below an element of an array.
Lookup look_up(const ArgumentPath& path, const ArgumentValue& base, Evaluation& evaluation);

// For people: printable and short. "" when there is no single value.
std::string show_argument(const ArgumentPath& path, Evaluation& evaluation);

}  // namespace writ::policy
