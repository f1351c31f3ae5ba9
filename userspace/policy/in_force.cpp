#include "policy/in_force.h"

#include <fmt/format.h>

namespace writ::policy {
namespace {

constexpr const char* kWriteDeny = "write deny to say the same, or keep it for when it is";

// `place` has file, line and column.
template <class Place>
Diagnostic warning(const Place& place, const std::string& message, const std::string& hint) {
  return {.severity = Severity::kWarning,
          .file = place.file,
          .line = place.line,
          .column = place.column,
          .message = message,
          .hint = hint};
}

bool can_be_done(RuleEffect effect) {
  switch (effect) {
    case RuleEffect::kDeny:
    case RuleEffect::kFlag:
    case RuleEffect::kAllow:
      return true;
    case RuleEffect::kHold:
    case RuleEffect::kRedact:
      return false;
  }
  return false;
}

bool can_be_done(ResultAction action) {
  switch (action) {
    case ResultAction::kOff:
    case ResultAction::kAudit:
      return true;
    case ResultAction::kRedact:
    case ResultAction::kBlock:
      return false;
  }
  return false;
}

}  // namespace

Diagnostics find_not_in_force(const Document& document) {
  Diagnostics found;
  if (document.on_opaque == OnOpaque::kHold) {
    found.push_back(warning(document.on_opaque_place,
                            "on_opaque: hold is not in force yet: such bytes are denied",
                            kWriteDeny));
  }
  for (const Rule& rule : document.rules) {
    if (can_be_done(rule.effect)) continue;
    found.push_back(warning(rule,
                            fmt::format("{} is not in force yet: what rule '{}' is for is denied",
                                        to_text(rule.effect), rule.id),
                            kWriteDeny));
  }
  for (const SettingsEntry& entry : document.settings) {
    if (entry.permission == Permission::kHold) {
      found.push_back(warning(
          entry.place, "permission: hold is not in force yet: such calls are denied", kWriteDeny));
    }
    if (entry.results && !can_be_done(*entry.results)) {
      found.push_back(
          warning(entry.place,
                  fmt::format("results: {} is not in force yet: findings in results are recorded",
                              entry.results == ResultAction::kRedact ? "redact" : "block"),
                  "deny what follows with `after`, or keep it for when it is"));
    }
  }
  return found;
}

}  // namespace writ::policy
