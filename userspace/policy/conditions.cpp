#include "policy/conditions.h"

#include <algorithm>
#include <array>
#include <bit>

#include "policy/glob.h"

namespace writ::policy {
namespace {

bool lists(const std::vector<std::string>& sorted, std::string_view value) {
  return std::binary_search(sorted.begin(), sorted.end(), value, std::less<std::string_view>());
}

template <class T>
bool has(const std::vector<T>& values, const T& value) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

// For the lists whose values are ORed: what one of `narrow` lets hold, `wide` does too.
template <class T>
bool subset(const std::vector<T>& narrow, const std::vector<T>& wide) {
  return std::all_of(narrow.begin(), narrow.end(), [&](const T& one) { return has(wide, one); });
}

bool one_glob(const std::vector<std::string>& globs, std::string_view text) {
  return std::any_of(globs.begin(), globs.end(),
                     [&](const std::string& glob) { return glob_match(glob, text); });
}

const identity::Writ& writ_of(const Evaluation& evaluation) { return *evaluation.input.writ; }

Truth scopes_hold(const Rule& rule, Evaluation& evaluation) {
  return truth_of(std::any_of(rule.scopes.begin(), rule.scopes.end(), [&](const auto& scope) {
    return identity::covers(writ_of(evaluation).effective, scope);
  }));
}

bool scopes_wider(const Rule& wide, const Rule& narrow) {
  return std::all_of(narrow.scopes.begin(), narrow.scopes.end(), [&](const std::string& holds) {
    return std::any_of(wide.scopes.begin(), wide.scopes.end(),
                       [&](const std::string& asked) { return identity::covers(holds, asked); });
  });
}

Truth destinations_hold(const Rule& rule, Evaluation& evaluation) {
  const std::uint16_t port = evaluation.input.call.destination.port;
  Truth found = Truth::kNo;
  if (evaluation.is_local) return found;
  for (const DestinationCondition& one : rule.destinations) {
    Truth here = one.port == 0 ? Truth::kYes
                 : port == 0   ? Truth::kUnknown
                               : truth_of(one.port == port);
    if (one.range) {
      here = both(here, evaluation.destination
                            ? truth_of(contains(*one.range, *evaluation.destination))
                            : Truth::kUnknown);
    }
    found = either(found, here);
  }
  return found;
}

Truth paths_hold(const Rule& rule, Evaluation& evaluation) {
  const std::string& path = evaluation.input.call.path;
  if (!evaluation.is_call || !plain_path(path)) return Truth::kUnknown;
  return truth_of(
      std::any_of(rule.paths.begin(), rule.paths.end(),
                  [&](const PathPattern& pattern) { return path_matches(pattern, path); }));
}

Truth findings_hold(const Rule& rule, Evaluation& evaluation) {
  Truth found = Truth::kNo;
  for (const FindingCondition& condition : rule.findings) {
    std::uint64_t here = 0;      // where it is asked for
    std::uint64_t anywhere = 0;  // and where it is not known
    for (const FindingView& finding : evaluation.input.findings) {
      if (!finding_matches(condition.kind, finding.rule, finding.category)) continue;
      const bool asked = condition.where.empty() ||
                         std::find(condition.where.begin(), condition.where.end(), finding.where) !=
                             condition.where.end();
      if (asked) here += finding.count;
      if (asked || finding.where.empty()) anywhere += finding.count;
    }
    found = either(found, here >= condition.at_least       ? Truth::kYes
                          : anywhere >= condition.at_least ? Truth::kUnknown
                                                           : Truth::kNo);
  }
  return found;
}

Truth all_hold(const std::vector<ArgumentTest>& tests, Evaluation& evaluation) {
  Truth all = Truth::kYes;
  for (const ArgumentTest& test : tests) {
    all = both(all, judge(test, evaluation));
    if (all == Truth::kNo) break;
  }
  return all;
}

Truth during_holds(const Rule& rule, Evaluation& evaluation) {
  if (!evaluation.input.now) return Truth::kUnknown;
  return truth_of(std::any_of(rule.during.begin(), rule.during.end(), [&](const TimeWindow& one) {
    return one.contains(*evaluation.input.now);
  }));
}

template <auto kMember>
bool listed(const Rule& rule) {
  return !(rule.*kMember).empty();
}
template <auto kMember>
bool is_set(const Rule& rule) {
  return (rule.*kMember).has_value();
}
template <auto kMember>
bool fewer(const Rule& wide, const Rule& narrow) {
  return subset(narrow.*kMember, wide.*kMember);
}
// For the lists whose values are ANDed.
template <auto kMember>
bool more(const Rule& wide, const Rule& narrow) {
  return subset(wide.*kMember, narrow.*kMember);
}
template <auto kMember>
bool same(const Rule& wide, const Rule& narrow) {
  return wide.*kMember == narrow.*kMember;
}
template <auto kMember>
Truth all_arguments(const Rule& rule, Evaluation& e) {
  return all_hold(rule.*kMember, e);
}

Truth user_holds(const Rule& rule, Evaluation& e) {
  return truth_of(lists(rule.users, writ_of(e).user.id));
}
Truth agent_holds(const Rule& rule, Evaluation& e) {
  return truth_of(lists(rule.agents, writ_of(e).agent.id));
}
Truth tenant_holds(const Rule& rule, Evaluation& e) {
  return truth_of(lists(rule.tenants, writ_of(e).tenant));
}
Truth tier_holds(const Rule& rule, Evaluation& e) {
  return truth_of(has(rule.tiers, writ_of(e).tier));
}
Truth identity_holds(const Rule& rule, Evaluation& e) {
  return truth_of(writ_of(e).strength >= *rule.at_least);
}
Truth identity_below_holds(const Rule& rule, Evaluation& e) {
  return truth_of(writ_of(e).strength < *rule.below);
}
Truth roles_hold(const Rule& rule, Evaluation& e) {
  const auto& roles = writ_of(e).user.roles;
  return truth_of(std::any_of(roles.begin(), roles.end(),
                              [&](const std::string& role) { return lists(rule.roles, role); }));
}
Truth effect_holds(const Rule& rule, Evaluation& e) {
  return e.tool == nullptr ? Truth::kUnknown : truth_of(has(rule.effects, e.tool->effect));
}
Truth method_holds(const Rule& rule, Evaluation& e) {
  const std::string& method = e.input.call.method;
  return e.is_call && !method.empty() ? truth_of(has(rule.methods, method)) : Truth::kUnknown;
}
Truth protocol_holds(const Rule& rule, Evaluation& e) {
  return e.is_call ? truth_of(one_glob(rule.protocols, e.input.call.protocol)) : Truth::kUnknown;
}
Truth host_holds(const Rule& rule, Evaluation& e) {
  if (e.is_local) return Truth::kNo;
  return e.host ? truth_of(one_glob(rule.hosts, *e.host)) : Truth::kUnknown;
}
bool identity_stronger(const Rule& wide, const Rule& narrow) {
  return *narrow.at_least >= *wide.at_least;
}
bool identity_weaker(const Rule& wide, const Rule& narrow) { return *narrow.below <= *wide.below; }
bool repeats_later(const Rule& wide, const Rule& narrow) {
  return *narrow.repeat_more_than >= *wide.repeat_more_than;
}

constexpr std::array<ConditionKind, 26> kKinds = {{
    {"users", listed<&Rule::users>, user_holds, fewer<&Rule::users>},
    {"agents", listed<&Rule::agents>, agent_holds, fewer<&Rule::agents>},
    {"tenants", listed<&Rule::tenants>, tenant_holds, fewer<&Rule::tenants>},
    {"tiers", listed<&Rule::tiers>, tier_holds, fewer<&Rule::tiers>},
    {"identity", is_set<&Rule::at_least>, identity_holds, identity_stronger},
    {"identity_below", is_set<&Rule::below>, identity_below_holds, identity_weaker},
    {"roles", listed<&Rule::roles>, roles_hold, fewer<&Rule::roles>},
    {"effects", listed<&Rule::effects>, effect_holds, fewer<&Rule::effects>},
    {"methods", listed<&Rule::methods>, method_holds, fewer<&Rule::methods>},
    {"protocols", listed<&Rule::protocols>, protocol_holds, fewer<&Rule::protocols>},
    {"hosts", listed<&Rule::hosts>, host_holds, fewer<&Rule::hosts>},
    {"destinations", listed<&Rule::destinations>, destinations_hold, fewer<&Rule::destinations>},
    {"scopes", listed<&Rule::scopes>, scopes_hold, scopes_wider},
    {"paths", listed<&Rule::paths>, paths_hold, fewer<&Rule::paths>},
    {"during", listed<&Rule::during>, during_holds, fewer<&Rule::during>},
    {"calls", is_set<&Rule::calls>, calls_hold, same<&Rule::calls>},
    {"tool_calls", is_set<&Rule::tool_calls>, tool_calls_hold, same<&Rule::tool_calls>},
    {"budget_left", listed<&Rule::budget_left>, budget_holds, more<&Rule::budget_left>},
    {"repeat", is_set<&Rule::repeat_more_than>, repeat_holds, repeats_later},
    {"used_before", listed<&Rule::used_before>, used_before_holds, fewer<&Rule::used_before>},
    {"requires_before", listed<&Rule::requires_before>, requires_before_holds,
     more<&Rule::requires_before>},
    {"tainted", is_set<&Rule::tainted>, tainted_holds, same<&Rule::tainted>},
    {"after", is_set<&Rule::after>, after_holds, same<&Rule::after>},
    {"findings", listed<&Rule::findings>, findings_hold, fewer<&Rule::findings>},
    {"captures", listed<&Rule::captures>, all_arguments<&Rule::captures>, more<&Rule::captures>},
    {"args", listed<&Rule::args>, all_arguments<&Rule::args>, more<&Rule::args>},
}};

static_assert(kKinds.size() <= sizeof(ConditionMask) * 8);

consteval ConditionMask bit_of(std::string_view name) {
  const auto* const found = std::find_if(
      kKinds.begin(), kKinds.end(), [&](const ConditionKind& kind) { return kind.name == name; });
  return ConditionMask{1} << (found - kKinds.begin());
}

}  // namespace

std::span<const ConditionKind> condition_kinds() { return kKinds; }

ConditionMask conditions_of(const Rule& rule) {
  ConditionMask mask = 0;
  for (std::size_t i = 0; i < kKinds.size(); ++i) {
    if (kKinds.at(i).present(rule)) mask |= ConditionMask{1} << i;
  }
  return mask;
}

ConditionMask failing_conditions(const Evaluation& evaluation) {
  return evaluation.input.findings.empty() ? bit_of("findings") : 0;
}

ConditionMask conditions_named(std::span<const std::string_view> names) {
  ConditionMask mask = 0;
  for (std::size_t i = 0; i < kKinds.size(); ++i) {
    if (std::find(names.begin(), names.end(), kKinds.at(i).name) != names.end())
      mask |= ConditionMask{1} << i;
  }
  return mask;
}

Truth conditions_hold(const Rule& rule, ConditionMask mask, Evaluation& evaluation) {
  Truth all = Truth::kYes;
  for (; mask != 0 && all != Truth::kNo; mask &= mask - 1) {
    const auto place = static_cast<std::size_t>(std::countr_zero(mask));
    Truth truth = kKinds.at(place).holds(rule, evaluation);
    if (truth == Truth::kUnknown && (evaluation.input.lenient >> place & 1) != 0)
      truth = truth_of(rule.effect == RuleEffect::kAllow);
    all = both(all, truth);
  }
  return all;
}

std::string_view undefined_condition(const Rule& rule, Evaluation& evaluation) {
  for (const ConditionKind& kind : kKinds) {
    if (kind.present(rule) && kind.holds(rule, evaluation) == Truth::kUnknown) return kind.name;
  }
  return "";
}

}  // namespace writ::policy
