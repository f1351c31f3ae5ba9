// JSON from outside, read once and in one way: what two parsers could read differently is refused.
// Only .cpp files include this; the parser's header is large.
#pragma once

#include <simdjson.h>

#include <optional>
#include <string>
#include <string_view>

#include "identity/claim_path.h"
#include "util/result.h"

namespace writ::identity {

// One document. What read() returns points into it.
class StrictJson {
 public:
  static constexpr int kMaxDepth = 16;

  // `text` must be one JSON object (RFC 8259) without repeated names at any depth, without NUL in
  // names and texts, and not deeper than kMaxDepth. It gets room behind its end, which spares the
  // parser a copy. kInvalid: "<what> …".
  Result<simdjson::dom::object> read(std::string& text, std::string_view what);

 private:
  simdjson::dom::parser parser_;
};

using Json = simdjson::dom::element;

// nullopt: there is no such member, or it is null.
std::optional<Json> member(const simdjson::dom::object& object, std::string_view name);
std::optional<Json> find_claim(const simdjson::dom::object& claims, const ClaimPath& path);

// nullopt: it is of another type.
inline std::optional<std::string_view> as_text(const Json& value) {
  std::string_view text;
  if (value.get(text) != simdjson::SUCCESS) return std::nullopt;
  return text;
}

// Calls `use` for a text, or for each text of an array. False: there is something else.
template <class Use>
bool each_text(const Json& value, Use use) {
  if (const auto text = as_text(value)) {
    use(*text);
    return true;
  }
  simdjson::dom::array list;
  if (value.get(list) != simdjson::SUCCESS) return false;
  bool only_texts = true;
  for (const Json element : list) {
    if (const auto text = as_text(element)) {
      use(*text);
    } else {
      only_texts = false;
    }
  }
  return only_texts;
}

}  // namespace writ::identity
