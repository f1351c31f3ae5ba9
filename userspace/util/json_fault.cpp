#include "util/json_fault.h"

#include <algorithm>
#include <string_view>
#include <vector>

namespace writ {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::element_type;
using simdjson::dom::object;

constexpr const char* kNul = "holds a NUL character";

bool has_nul(std::string_view text) { return text.find('\0') != std::string_view::npos; }

const char* fault_of_object(const object& value, int depth) {
  std::vector<std::string_view> names;
  names.reserve(16);
  for (const auto field : value) {
    if (has_nul(field.key)) return kNul;
    names.push_back(field.key);
    if (const char* fault = json_fault(field.value, depth - 1)) return fault;
  }
  std::sort(names.begin(), names.end());
  return std::adjacent_find(names.begin(), names.end()) == names.end()
             ? nullptr
             : "holds a name twice in one object";
}

}  // namespace

const char* json_fault(const element& tree, int max_depth) {
  switch (tree.type()) {
    case element_type::OBJECT:
      return max_depth > 0 ? fault_of_object(object(tree), max_depth) : "nests too deep";
    case element_type::ARRAY:
      if (max_depth <= 0) return "nests too deep";
      for (const element one : array(tree)) {
        if (const char* fault = json_fault(one, max_depth - 1)) return fault;
      }
      return nullptr;
    case element_type::STRING:
      return has_nul(std::string_view(tree)) ? kNul : nullptr;
    case element_type::INT64:
    case element_type::UINT64:
    case element_type::DOUBLE:
    case element_type::BOOL:
    case element_type::NULL_VALUE:
      return nullptr;
  }
  return nullptr;
}

}  // namespace writ
