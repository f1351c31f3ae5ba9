// Where an argument stands: "amount", "order.items[0].price", "query:limit".
//
//   path   := [ source ":" ] step { "." name | index }     source := "body" | "query" | "path"
//   step   := name | index | "$"                            index  := "[" digits "]" | '["' key
//   '"]' name   := any characters but . [ ] " and white space
//
// "body:" (or "$" as the first step) is the JSON body, "query:" a parameter of the query, "path:" a
// {capture} of the tool's path. Without a source it is whichever of the three has it; where more
// than one has, the argument has no single value and is undefined.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "util/result.h"

namespace writ::policy {

struct ArgumentPath {
  enum class Source : std::uint8_t { kAny, kBody, kQuery, kCapture };
  struct Step {
    bool is_index = false;
    std::string name;
    std::size_t index = 0;
    friend bool operator==(const Step&, const Step&) = default;
  };
  static constexpr std::size_t kMaxSteps = 16;

  Source source = Source::kAny;
  std::vector<Step> steps;  // empty: the whole body, or the element of an array itself
  std::string text;         // as it was written

  friend bool operator==(const ArgumentPath&, const ArgumentPath&) = default;
};

// kInvalid: the message says what is wrong, for the person who wrote it.
Result<ArgumentPath> parse_argument_path(std::string_view text);

}  // namespace writ::policy
