// Why a call is decided as it is, rule by rule: for `writ policy explain`. Looks at every rule, so
// it is not for the path of a call.
#pragma once

#include <string>
#include <vector>

#include "policy/policy.h"
#include "policy/truth.h"

namespace writ::policy {

struct ExplainedCondition {
  std::string name;  // the key in the policy's text
  Truth truth = Truth::kNo;
};

struct ExplainedRule {
  std::string id;
  RuleEffect effect = RuleEffect::kDeny;
  std::string file;
  int line = 0;
  Truth truth = Truth::kNo;  // of all conditions together
  bool counts = false;       // it takes part in the decision; see matches() in conditions.h
  bool decided = false;
  std::vector<ExplainedCondition> conditions;  // `tools` first, when the rule has it
};

struct Explanation {
  Decision decision;
  std::vector<ExplainedRule> rules;  // those that count, in the order in which they decide
  // Sentences: the rules that came close, and what would have to be different. At most kMaxChanges.
  std::vector<std::string> changes;
};

inline constexpr std::size_t kMaxChanges = 10;

Explanation explain(const Policy& policy, const Input& input);

}  // namespace writ::policy
