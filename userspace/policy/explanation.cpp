#include "policy/explanation.h"

#include <fmt/format.h>

#include <algorithm>

#include "policy/conditions.h"
#include "policy/glob.h"

namespace writ::policy {
namespace {

bool names(const Rule& rule, const Tool* tool) {
  if (tool == nullptr) return applies_to_unnamed(rule);
  return rule.tools.empty() ||
         std::any_of(rule.tools.begin(), rule.tools.end(),
                     [&](const std::string& glob) { return glob_match(glob, tool->name); });
}

ExplainedRule look_at(const Rule& rule, const Input& input, const Tool* tool) {
  Evaluation evaluation(input, tool);
  ExplainedRule result{.id = rule.id,
                       .effect = rule.effect,
                       .file = rule.file,
                       .line = rule.line,
                       .truth = Truth::kYes};
  const auto add = [&](std::string_view name, Truth truth) {
    result.conditions.push_back({.name = std::string(name), .truth = truth});
    result.truth = both(result.truth, truth);
  };
  if (!rule.tools.empty()) add("tools", truth_of(names(rule, tool)));
  for (const ConditionKind& kind : condition_kinds()) {
    if (kind.present(rule)) add(kind.name, kind.holds(rule, evaluation));
  }
  result.counts = matches(rule.effect, result.truth, input.provisional);
  return result;
}

std::string joined(const ExplainedRule& rule, bool (*pick)(Truth), const char* between) {
  std::string text;
  for (const ExplainedCondition& one : rule.conditions) {
    if (pick(one.truth)) text += (text.empty() ? "'" : between + std::string("'")) + one.name + "'";
  }
  return text;
}

std::size_t failing(const ExplainedRule& rule) {
  return static_cast<std::size_t>(
      std::count_if(rule.conditions.begin(), rule.conditions.end(),
                    [](const ExplainedCondition& one) { return one.truth != Truth::kYes; }));
}

// What would change a decision that no rule and no missing scope made; "" for every other.
std::string other_way_out(const Decision& decision) {
  if (!decision.rule.empty() || decision.verdict != Verdict::kDeny) return "";
  if (decision.code == "no_identity") return "nobody is known behind the call";
  if (decision.code == "tool_unknown") return "no tool of the catalog names the request";
  if (decision.code == "permission_denied" || decision.code == "hold_unavailable")
    return "a setting restricts this tool or person; a more specific 'permission: allow' would not";
  if (decision.code == "opaque" || decision.code == "inbound")
    return fmt::format("on_{} is not allow", decision.code);
  return "";
}

// Rules that named the tool and did not count, those with the fewest conditions in their way first.
void say_what_came_close(std::vector<ExplainedRule> missed, std::size_t at_most,
                         std::vector<std::string>& changes) {
  std::stable_sort(missed.begin(), missed.end(),
                   [](const auto& a, const auto& b) { return failing(a) < failing(b); });
  for (const ExplainedRule& rule : missed) {
    if (failing(rule) > at_most) break;
    changes.push_back(fmt::format("rule {} would {} it, if {} held", rule.id, to_text(rule.effect),
                                  joined(
                                      rule, [](Truth t) { return t != Truth::kYes; }, " and ")));
  }
}

}  // namespace

Explanation explain(const Policy& policy, const Input& input) {
  Explanation result{.decision = policy.decide(input)};
  const Decision& decision = result.decision;
  if (input.writ == nullptr || input.what == Input::What::kUnparseable) {
    if (input.writ == nullptr) result.changes.push_back(other_way_out(decision));
    return result;
  }
  const Tool* tool = input.what == Input::What::kCall ? policy.tool_of(input.tool) : nullptr;
  std::vector<ExplainedRule> missed_allows;
  std::vector<ExplainedRule> missed_others;
  for (const Rule& rule : policy.rules()) {
    ExplainedRule one = look_at(rule, input, tool);
    one.decided = one.id == decision.rule;
    if (one.counts) {
      result.rules.push_back(std::move(one));
    } else if (names(rule, tool)) {
      (rule.effect == RuleEffect::kAllow ? missed_allows : missed_others).push_back(std::move(one));
    }
  }
  for (const std::string& scope : decision.missing)
    result.changes.push_back(fmt::format("scope {} is missing", scope));
  if (std::string other = other_way_out(decision); !other.empty())
    result.changes.push_back(std::move(other));
  const bool allowed = decision.verdict != Verdict::kDeny;
  for (const ExplainedRule& rule : result.rules) {
    const bool in_the_way =
        rule.effect != RuleEffect::kAllow && !(rule.effect == RuleEffect::kFlag && !allowed);
    if (!in_the_way) continue;
    const std::string why =
        rule.conditions.empty()
            ? "it has no conditions"
            : fmt::format("it would not, if one of {} did not",
                          joined(
                              rule, [](Truth t) { return t != Truth::kNo; }, ", "));
    result.changes.push_back(fmt::format("rule {} holds; {}", rule.id, why));
  }
  if (decision.code == "no_rule" || decision.code == "tool_unknown") {
    say_what_came_close(std::move(missed_allows), 3, result.changes);
  } else if (allowed) {
    say_what_came_close(std::move(missed_others), 1, result.changes);
  }
  if (result.changes.size() > kMaxChanges) result.changes.resize(kMaxChanges);
  return result;
}

}  // namespace writ::policy
