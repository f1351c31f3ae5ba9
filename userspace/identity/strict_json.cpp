#include "identity/strict_json.h"

#include <algorithm>
#include <vector>

namespace writ::identity {
namespace {

using simdjson::dom::array;
using simdjson::dom::element_type;
using simdjson::dom::object;

bool has_nul(std::string_view text) { return text.find('\0') != std::string_view::npos; }

// What is wrong with the tree below `value`; nullptr: nothing.
const char* fault_of(const Json& value, int depth);

const char* fault_of(const object& value, int depth) {
  if (depth > StrictJson::kMaxDepth) return "nests too deep";
  std::vector<std::string_view> names;
  names.reserve(16);
  for (const auto field : value) {
    if (has_nul(field.key)) return "holds a NUL character";
    names.push_back(field.key);
    if (const char* fault = fault_of(field.value, depth + 1)) return fault;
  }
  std::sort(names.begin(), names.end());
  if (std::adjacent_find(names.begin(), names.end()) != names.end()) {
    return "holds a name twice in one object, which has no single meaning";
  }
  return nullptr;
}

const char* fault_of(const array& value, int depth) {
  if (depth > StrictJson::kMaxDepth) return "nests too deep";
  for (const Json element : value) {
    if (const char* fault = fault_of(element, depth + 1)) return fault;
  }
  return nullptr;
}

const char* fault_of(const Json& value, int depth) {
  switch (value.type()) {
    case element_type::OBJECT:
      return fault_of(object(value), depth);
    case element_type::ARRAY:
      return fault_of(array(value), depth);
    case element_type::STRING:
      return has_nul(std::string_view(value)) ? "holds a NUL character" : nullptr;
    case element_type::INT64:
    case element_type::UINT64:
    case element_type::DOUBLE:
    case element_type::BOOL:
    case element_type::NULL_VALUE:
      return nullptr;
  }
  return nullptr;
}

}  // namespace

Result<object> StrictJson::read(std::string& text, std::string_view what) {
  text.reserve(text.size() + simdjson::SIMDJSON_PADDING);
  Json root;
  if (const auto error = parser_.parse(text).get(root); error != simdjson::SUCCESS) {
    return fail(ErrorCode::kInvalid, "{} is not JSON", what);
  }
  object top;
  if (root.get(top) != simdjson::SUCCESS) {
    return fail(ErrorCode::kInvalid, "{} is not a JSON object", what);
  }
  if (const char* fault = fault_of(top, 1)) return fail(ErrorCode::kInvalid, "{} {}", what, fault);
  return top;
}

std::optional<Json> member(const object& from, std::string_view name) {
  Json value;
  if (from.at_key(name).get(value) != simdjson::SUCCESS || value.is_null()) return std::nullopt;
  return value;
}

std::optional<Json> find_claim(const object& claims, const ClaimPath& path) {
  if (path.names().empty()) return std::nullopt;
  object at = claims;
  for (std::size_t i = 0;; ++i) {
    const std::optional<Json> value = member(at, path.names()[i]);
    if (!value || i + 1 == path.names().size()) return value;
    if (value->get(at) != simdjson::SUCCESS) return std::nullopt;
  }
}

}  // namespace writ::identity
