#include "llm/arguments.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "llm/json_document.h"
#include "util/json_text.h"

namespace writ::llm {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::element_type;
using simdjson::dom::object;

constexpr double kMaxExactInteger = 9007199254740992.0;  // 2^53

std::string write(const element& value);

std::string write_object(const object& value) {
  std::vector<std::pair<std::string_view, element>> members;
  for (const auto field : value) members.emplace_back(field.key, field.value);
  std::sort(members.begin(), members.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  std::string text = "{";
  for (const auto& [name, inner] : members) {
    if (text.size() > 1) text += ',';
    text += json_string(name) + ':' + write(inner);
  }
  return text + '}';
}

std::string write_array(const array& value) {
  std::string text = "[";
  for (const element inner : value) {
    if (text.size() > 1) text += ',';
    text += write(inner);
  }
  return text + ']';
}

std::string write_double(double value) {
  if (std::trunc(value) == value && std::abs(value) <= kMaxExactInteger)
    return fmt::format("{}", static_cast<std::int64_t>(value));
  return fmt::format("{}", value);
}

// REQUIRES: a depth that was checked.
std::string write(const element& value) {
  switch (value.type()) {
    case element_type::OBJECT:
      return write_object(object(value));
    case element_type::ARRAY:
      return write_array(array(value));
    case element_type::STRING:
      return json_string(std::string_view(value));
    case element_type::DOUBLE:
      return write_double(double(value));
    case element_type::INT64:
    case element_type::UINT64:
    case element_type::BOOL:
    case element_type::NULL_VALUE:
      return simdjson::to_string(value);
  }
  return {};
}

bool is_plain(const element& value) { return value.is_number() || value.is_bool(); }

char folded(char c) {
  const bool kept = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  return kept ? c : '_';
}

bool equal_folded(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return folded(x) == folded(y); });
}

}  // namespace

bool ToolArguments::put(std::string_view name, std::string value) {
  const auto [at, added] = values_.emplace(name, value);
  return added || at->second == value;
}

bool ToolArguments::add(std::string_view name, std::string_view text) {
  return put(name, json_string(text));
}

bool ToolArguments::add_json(std::string_view text) {
  if (text.empty()) return true;
  JsonDocument document;
  const auto root = document.read(text);
  object members;
  if (!root || root->get(members) != simdjson::SUCCESS) return false;
  return std::all_of(members.begin(), members.end(), [&](const auto& field) {
    std::string value = write(field.value);
    return put(field.key, is_plain(field.value) ? json_string(value) : std::move(value));
  });
}

std::string ToolArguments::canonical() const {
  std::string text = "{";
  for (const auto& [name, value] : values_) {
    if (text.size() > 1) text += ',';
    text += json_string(name) + ':' + value;
  }
  return text + '}';
}

bool same_tool(std::string_view asked, std::string_view known) {
  constexpr std::string_view kPrefix = "mcp__";
  constexpr std::string_view kBetween = "__";
  if (known.empty()) return false;
  if (equal_folded(asked, known)) return true;
  if (!asked.starts_with(kPrefix) ||
      asked.size() <= kPrefix.size() + kBetween.size() + known.size())
    return false;
  asked.remove_prefix(asked.size() - kBetween.size() - known.size());
  return asked.starts_with(kBetween) && equal_folded(asked.substr(kBetween.size()), known);
}

}  // namespace writ::llm
