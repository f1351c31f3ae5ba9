// One rule of a policy: conditions, and what follows when all of them hold.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/decision.h"

namespace writ::policy {

// In the order in which they decide: a deny overrides a flag, a flag marks what an allow lets
// through.
enum class RuleEffect { kDeny, kFlag, kAllow };

// Conditions are ANDed, the values of one are ORed, an empty one always holds.
struct Rule {
  std::string id;
  RuleEffect effect = RuleEffect::kDeny;
  std::vector<std::string> tools;   // globs; "?": calls that the catalog has no name for
  std::vector<std::string> users;   // sorted
  std::vector<std::string> roles;   // sorted; the user has one of them
  std::vector<std::string> agents;  // sorted
  std::vector<identity::Tier> tiers;
  // How well the person must be known, and how well they must not be.
  std::optional<identity::IdentityStrength> at_least;
  std::optional<identity::IdentityStrength> below;
  std::vector<std::string> findings;  // a glob over finding rules ("pii.*"), or a category
  std::string reason;                 // template; empty: a built-in sentence

  std::string file;  // where it stands, for diagnostics
  int line = 0;
  int column = 0;
};

// Whether the rule is meant for calls that the catalog has no name for: it says "?", or no tools at
// all.
bool applies_to_unnamed(const Rule& rule);

// Whether all conditions but `tools` hold.
bool conditions_hold(const Rule& rule, const identity::Writ& writ,
                     std::span<const FindingView> findings);
bool finding_matches(std::string_view condition, const FindingView& finding);

// A reason template may hold {user}, {agent}, {tool} and {findings}. Empty: fine; else the first
// name that is none of them, or the brace that opens none.
std::string unknown_placeholder(std::string_view reason);
std::string expand_reason(const Rule& rule, const Input& input);

}  // namespace writ::policy
