// Which rules can match a call, found at load so that a waiting call looks at no others.
//
// The rules are parted by tool first: those for every tool, those for calls without a name, and one
// part for each group of tools that the same rules name. Within a part each rule stands in
// `Buckets` by the condition that tells it apart best: user, agent, role, host, destination or
// tier.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "policy/buckets.h"
#include "policy/catalog.h"
#include "policy/conditions.h"
#include "policy/rule.h"
#include "policy/tool_names.h"

namespace writ::policy {

// The rules that decide, one of each effect at most: the one whose id sorts first.
struct MatchingRules {
  std::array<const Rule*, kRuleEffects> by_effect{};
  [[nodiscard]] const Rule* operator[](RuleEffect effect) const {
    return by_effect.at(static_cast<std::size_t>(effect));
  }
};

class RuleIndex {
 public:
  RuleIndex() = default;
  RuleIndex(std::vector<Rule> rules, const ToolNames& names);

  // False: the rules name so many tools in so many different ways that the index would not fit into
  // kMaxPlaces, and it must not be asked.
  static constexpr std::size_t kMaxPlaces = 20'000'000;
  [[nodiscard]] bool complete() const { return complete_; }

  // Where a deny rule matches a call with a name, nothing is said of the other effects, which it
  // overrides. (Of one without a name it must be known whether anything would allow it, to say why
  // it is denied.)
  [[nodiscard]] MatchingRules find(Evaluation& evaluation) const;

  // Calls `visit(rule, mask)` for each rule that names the tool and can match by its subject and
  // destination, some of them twice, in no order.
  template <class Visit>
  void each_candidate(const Evaluation& evaluation, Visit visit) const {
    each_bucket(evaluation, [&](Buckets::Bucket bucket) {
      for (const auto& entry : bucket) visit(rules_[entry.place], masks_[entry.place]);
    });
  }

  // Whether a rule for calls of this tool has one of the conditions, or fills arguments into its
  // reason.
  struct Reads {
    bool findings = false;
    bool arguments = false;  // args or captures, also within a reason
    bool digest = false;
    bool session = false;
    bool budget = false;
    bool time = false;
  };
  [[nodiscard]] const Reads& reads(const Tool* tool) const;
  [[nodiscard]] const Reads& reads_of_any_call() const { return all_reads_; }

  // In the order deny, hold, redact, flag, allow, then by id.
  [[nodiscard]] const std::vector<Rule>& rules() const { return rules_; }

 private:
  struct Part {
    Buckets::Part buckets;
    Reads reads;
  };
  template <class Visit>
  void each_bucket(const Evaluation& evaluation, Visit visit) const {
    if (evaluation.tool == nullptr) {
      buckets_.each(unnamed_.buckets, evaluation, visit);
    } else {
      buckets_.each(every_tool_.buckets, evaluation, visit);
      buckets_.each(parts_[part_of_[evaluation.tool->index]].buckets, evaluation, visit);
    }
  }
  [[nodiscard]] Part make_part(const std::vector<std::uint32_t>& places);

  bool complete_ = true;
  std::vector<Rule> rules_;
  std::vector<ConditionMask> masks_;                      // of each rule
  std::array<std::uint32_t, kRuleEffects + 1> begins_{};  // where the rules of an effect begin
  Buckets buckets_;
  Part every_tool_;  // rules for each named tool, kept once
  Part unnamed_;
  std::vector<Part> parts_;             // the others
  std::vector<std::uint32_t> part_of_;  // by Tool::index
  std::vector<Reads> tool_reads_;       // of each part and every_tool_ together
  Reads all_reads_;
};

}  // namespace writ::policy
