// JSON of models and of those who ask them, read strictly and within bounds. Only .cpp files
// include this; simdjson's header is large.
#pragma once

#include <simdjson.h>

#include <optional>
#include <string_view>

namespace writ::llm {

// What read() returns points into it.
class JsonDocument {
 public:
  static constexpr std::size_t kMaxBytes = 16u << 20;
  static constexpr int kMaxDepth = 64;

  // nullopt: it is no JSON, or what two readers could read differently (json_fault.h), or beyond
  // the bounds.
  std::optional<simdjson::dom::element> read(std::string_view text);

 private:
  simdjson::dom::parser parser_;
};

// nullopt: `from` is no object, has no such member, or one of another type.
template <class T>
std::optional<T> member(const simdjson::dom::element& from, std::string_view name) {
  T value;
  if (from.at_key(name).get(value) != simdjson::SUCCESS) return std::nullopt;
  return value;
}

inline std::string_view text_member(const simdjson::dom::element& from, std::string_view name) {
  return member<std::string_view>(from, name).value_or(std::string_view());
}

}  // namespace writ::llm
