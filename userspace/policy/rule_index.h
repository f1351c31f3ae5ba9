// Which rules can match a call of a tool, found at load so that no glob is resolved while a call
// waits.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "policy/catalog.h"
#include "policy/rule.h"

namespace writ::policy {

// The rules that decide, one of each effect at most: the one whose id sorts first.
struct MatchingRules {
  const Rule* deny = nullptr;
  const Rule* flag = nullptr;
  const Rule* allow = nullptr;
};

class RuleIndex {
 public:
  RuleIndex() = default;
  RuleIndex(std::vector<Rule> rules, const std::deque<Tool>& tools);

  // `tool` nullptr: a call without a name. For a named one, `flag` and `allow` are left out where
  // `deny` is set.
  [[nodiscard]] MatchingRules find(const Tool* tool, const identity::Writ& writ,
                                   std::span<const FindingView> findings) const;

  // Whether findings can change what becomes of a call of this tool.
  [[nodiscard]] bool reads_findings(const Tool* tool) const;

  // In the order deny, flag, allow, then by id.
  [[nodiscard]] const std::vector<Rule>& rules() const { return rules_; }

 private:
  using Places = std::vector<std::uint32_t>;  // in rules_, ascending

  std::vector<Rule> rules_;
  Places every_tool_;            // rules for each named tool, kept once instead of once a tool
  std::vector<Places> by_tool_;  // the others, by Tool::index
  Places unnamed_;
};

}  // namespace writ::policy
