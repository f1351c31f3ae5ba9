#include "policy/rule_index.h"

#include <algorithm>
#include <tuple>

#include "policy/glob.h"

namespace writ::policy {
namespace {

bool names_every_tool(const Rule& rule) {
  return rule.tools.empty() ||
         std::find(rule.tools.begin(), rule.tools.end(), "*") != rule.tools.end();
}

bool names_tool(const Rule& rule, const std::string& tool) {
  return std::any_of(rule.tools.begin(), rule.tools.end(),
                     [&](const std::string& glob) { return glob_match(glob, tool); });
}

}  // namespace

RuleIndex::RuleIndex(std::vector<Rule> rules, const std::deque<Tool>& tools)
    : rules_(std::move(rules)), by_tool_(tools.size()) {
  std::sort(rules_.begin(), rules_.end(), [](const Rule& a, const Rule& b) {
    return std::tie(a.effect, a.id) < std::tie(b.effect, b.id);
  });
  for (std::uint32_t place = 0; place < rules_.size(); ++place) {
    const Rule& rule = rules_[place];
    if (applies_to_unnamed(rule)) unnamed_.push_back(place);
    if (names_every_tool(rule)) {
      every_tool_.push_back(place);
      continue;
    }
    for (const Tool& tool : tools) {
      if (names_tool(rule, tool.name)) by_tool_[tool.index].push_back(place);
    }
  }
}

MatchingRules RuleIndex::find(const Tool* tool, const identity::Writ& writ,
                              std::span<const FindingView> findings) const {
  static const Places kNone;
  const Places& first = tool == nullptr ? unnamed_ : every_tool_;
  const Places& second = tool == nullptr ? kNone : by_tool_[tool->index];
  MatchingRules matching;
  auto a = first.begin();
  auto b = second.begin();
  while (a != first.end() || b != second.end()) {
    const bool take_first = b == second.end() || (a != first.end() && *a < *b);
    const Rule& rule = rules_[take_first ? *a++ : *b++];
    const Rule*& slot = rule.effect == RuleEffect::kDeny   ? matching.deny
                        : rule.effect == RuleEffect::kFlag ? matching.flag
                                                           : matching.allow;
    if (slot != nullptr || !conditions_hold(rule, writ, findings)) continue;
    slot = &rule;
    // The places are sorted by effect: an allow is the last that is needed, and nothing overrides a
    // deny. Of a call without a name it must also be known whether anything would allow it, to say
    // why it is denied.
    if (rule.effect == RuleEffect::kAllow) break;
    if (rule.effect == RuleEffect::kDeny && tool != nullptr) break;
  }
  return matching;
}

bool RuleIndex::reads_findings(const Tool* tool) const {
  const auto reads = [&](const Places& places) {
    return std::any_of(places.begin(), places.end(),
                       [&](std::uint32_t place) { return !rules_[place].findings.empty(); });
  };
  if (tool == nullptr) return reads(unnamed_);
  return reads(every_tool_) || reads(by_tool_[tool->index]);
}

}  // namespace writ::policy
