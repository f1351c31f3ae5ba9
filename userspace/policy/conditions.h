// The kinds of conditions that a rule can have, in one table: the index, decisions, explanations
// and checks of a policy all go through it.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "policy/evaluation.h"
#include "policy/rule.h"
#include "policy/truth.h"

namespace writ::policy {

struct ConditionKind {
  std::string_view name;  // the key in the policy's text
  bool (*present)(const Rule& rule);
  Truth (*holds)(const Rule& rule, Evaluation& evaluation);
  // Both have it, or `wide` has none: whether all that satisfies narrow's satisfies wide's too.
  // May say false when it is not sure.
  bool (*wider)(const Rule& wide, const Rule& narrow);
};

// All but `tools`, cheap ones first.
std::span<const ConditionKind> condition_kinds();

// Those about what happened before (conditions_session.cpp).
Truth calls_hold(const Rule& rule, Evaluation& evaluation);
Truth tool_calls_hold(const Rule& rule, Evaluation& evaluation);
Truth used_before_holds(const Rule& rule, Evaluation& evaluation);
Truth requires_before_holds(const Rule& rule, Evaluation& evaluation);
Truth tainted_holds(const Rule& rule, Evaluation& evaluation);
Truth after_holds(const Rule& rule, Evaluation& evaluation);
Truth repeat_holds(const Rule& rule, Evaluation& evaluation);
Truth budget_holds(const Rule& rule, Evaluation& evaluation);

using ConditionMask = std::uint32_t;  // bit i: the rule has condition_kinds()[i]
ConditionMask conditions_of(const Rule& rule);

// Conditions that do not hold for this call whatever they ask: rules that have one need no look.
ConditionMask failing_conditions(const Evaluation& evaluation);

// Those of the names; each is one of condition_kinds().
ConditionMask conditions_named(std::span<const std::string_view> names);

// Whether all conditions but `tools` hold; see Input::lenient. `mask` is the rule's. REQUIRES: a
// writ.
Truth conditions_hold(const Rule& rule, ConditionMask mask, Evaluation& evaluation);

// The first condition that has no answer; "" when each has.
std::string_view undefined_condition(const Rule& rule, Evaluation& evaluation);

// What has no answer counts against the call, or for it while it is provisional.
inline bool matches(RuleEffect effect, Truth truth, bool provisional) {
  if (truth != Truth::kUnknown) return truth == Truth::kYes;
  return (effect == RuleEffect::kAllow) == provisional;
}

}  // namespace writ::policy
