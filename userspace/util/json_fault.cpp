#include "util/json_fault.h"

#include <algorithm>
#include <span>
#include <string_view>
#include <vector>

namespace writ {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::element_type;
using simdjson::dom::object;

constexpr const char* kNul = "holds a NUL character";

bool same(std::string_view a, std::string_view b) {
  return a.size() == b.size() && (a.empty() || (a.front() == b.front() && a == b));
}

// Sorting costs more where there are few, as in nearly all objects; comparing each with each, more
// where there are many.
bool any_twice(std::span<std::string_view> names) {
  constexpr std::size_t kFew = 16;
  if (names.size() > kFew) {
    std::sort(names.begin(), names.end());
    return std::adjacent_find(names.begin(), names.end()) != names.end();
  }
  for (auto one = names.begin(); one != names.end(); ++one) {
    if (std::any_of(names.begin(), one, [&](std::string_view other) { return same(*one, other); }))
      return true;
  }
  return false;
}

class FaultFinder {
 public:
  explicit FaultFinder(bool may_hold_nul) : may_hold_nul_(may_hold_nul) {}
  const char* find(const element& tree, int max_depth);

 private:
  const char* in_object(const object& value, int max_depth);
  [[nodiscard]] bool has_nul(std::string_view text) const {
    return may_hold_nul_ && text.find('\0') != std::string_view::npos;
  }

  bool may_hold_nul_;
  std::vector<std::string_view> names_;  // of the objects that are being read, outermost first
};

const char* FaultFinder::in_object(const object& value, int max_depth) {
  const std::size_t first = names_.size();
  for (const auto field : value) {
    if (has_nul(field.key)) return kNul;
    names_.push_back(field.key);
    if (const char* fault = find(field.value, max_depth - 1)) return fault;
  }
  const bool twice = any_twice(std::span(names_).subspan(first));
  names_.resize(first);
  return twice ? "holds a name twice in one object" : nullptr;
}

const char* FaultFinder::find(const element& tree, int max_depth) {
  switch (tree.type()) {
    case element_type::OBJECT:
      return max_depth > 0 ? in_object(object(tree), max_depth) : "nests too deep";
    case element_type::ARRAY:
      if (max_depth <= 0) return "nests too deep";
      for (const element one : array(tree)) {
        if (const char* fault = find(one, max_depth - 1)) return fault;
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

}  // namespace

const char* json_fault(const element& tree, std::string_view text, int max_depth) {
  // A NUL has no other way to be written: JSON allows no control characters as they are.
  return FaultFinder(text.find("\\u0000") != std::string_view::npos).find(tree, max_depth);
}

}  // namespace writ
