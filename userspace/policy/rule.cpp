#include "policy/rule.h"

#include <algorithm>

#include "policy/glob.h"

namespace writ::policy {

std::string_view to_text(RuleEffect effect) {
  switch (effect) {
    case RuleEffect::kDeny:
      return "deny";
    case RuleEffect::kHold:
      return "hold";
    case RuleEffect::kRedact:
      return "redact";
    case RuleEffect::kFlag:
      return "flag";
    case RuleEffect::kAllow:
      return "allow";
  }
  return "";
}

bool applies_to_unnamed(const Rule& rule) {
  return rule.tools.empty() ||
         std::find(rule.tools.begin(), rule.tools.end(), "?") != rule.tools.end();
}

bool finding_matches(std::string_view kind, std::string_view rule, std::string_view category) {
  return kind == category || glob_match(kind, rule);
}

}  // namespace writ::policy
