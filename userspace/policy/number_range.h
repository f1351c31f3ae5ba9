// A condition on a whole number: any of eq, ne, lt, le, gt, ge, all of which must hold.
#pragma once

#include <cstdint>
#include <optional>

namespace writ::policy {

struct NumberRange {
  std::optional<std::int64_t> eq;
  std::optional<std::int64_t> ne;
  std::optional<std::int64_t> lt;
  std::optional<std::int64_t> le;
  std::optional<std::int64_t> gt;
  std::optional<std::int64_t> ge;

  [[nodiscard]] bool holds(std::int64_t value) const {
    return (!eq || value == *eq) && (!ne || value != *ne) && (!lt || value < *lt) &&
           (!le || value <= *le) && (!gt || value > *gt) && (!ge || value >= *ge);
  }
  // Of a number that is larger than any.
  [[nodiscard]] bool holds_for_unlimited() const { return !eq && !lt && !le; }

  friend bool operator==(const NumberRange&, const NumberRange&) = default;
};

}  // namespace writ::policy
