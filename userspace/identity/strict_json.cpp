#include "identity/strict_json.h"

#include "util/json_fault.h"

namespace writ::identity {

using simdjson::dom::object;

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
  if (const char* fault = json_fault(root, text, kMaxDepth))
    return fail(ErrorCode::kInvalid, "{} {}", what, fault);
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
