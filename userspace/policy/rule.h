// One rule of a policy: conditions, and what follows when all of them hold.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "policy/address.h"
#include "policy/argument_test.h"
#include "policy/decision.h"
#include "policy/number_range.h"
#include "policy/path_pattern.h"
#include "policy/reason.h"
#include "policy/time_window.h"

namespace writ::policy {

// Findings of one kind: a glob over finding rules ("pii.*"), or a category ("pii").
struct FindingCondition {
  std::string kind;
  std::uint32_t at_least = 1;      // over all findings of the kind
  std::vector<std::string> where;  // FindingView::where is one of these; empty: anywhere
  friend bool operator==(const FindingCondition&, const FindingCondition&) = default;
};

struct DestinationCondition {
  std::optional<AddressRange> range;  // none: any address
  std::uint16_t port = 0;             // 0: any
  friend bool operator==(const DestinationCondition&, const DestinationCondition&) = default;
};

// Some earlier call of the session brought content: all that is said here is true of that one call.
struct AfterCondition {
  std::vector<std::string> tools;     // globs
  std::vector<std::string> findings;  // in its result; kinds
  bool untrusted = false;             // the tool is marked `untrusted: true`
  friend bool operator==(const AfterCondition&, const AfterCondition&) = default;
};

// Whether content that nobody vouches for came into the session.
struct TaintCondition {
  bool tainted = true;          // false: it did not
  std::vector<std::string> by;  // kinds of findings and globs of tools; empty: by anything
  friend bool operator==(const TaintCondition&, const TaintCondition&) = default;
};

// Conditions are ANDed, the values of one are ORed, an empty one always holds.
struct Rule {
  std::string id;
  RuleEffect effect = RuleEffect::kDeny;
  ReasonTemplate reason;  // empty: a built-in sentence

  // Who
  std::vector<std::string> users;    // sorted
  std::vector<std::string> roles;    // sorted; the user has one of them
  std::vector<std::string> agents;   // sorted
  std::vector<std::string> tenants;  // sorted
  std::vector<identity::Tier> tiers;
  identity::Scopes scopes;  // the writ covers one of them
  // How well the person must be known, and how well they must not be.
  std::optional<identity::IdentityStrength> at_least;
  std::optional<identity::IdentityStrength> below;

  // What
  std::vector<std::string> tools;  // globs; "?": calls that the catalog has no name for
  std::vector<Effect> effects;     // of the tool
  std::vector<std::string> hosts;  // globs, in lower case
  std::vector<DestinationCondition> destinations;
  std::vector<std::string> methods;
  std::vector<PathPattern> paths;
  std::vector<std::string> protocols;  // globs
  std::vector<ArgumentTest> captures;  // of the tool's path; all of them, as with args
  std::vector<ArgumentTest> args;
  std::vector<FindingCondition> findings;

  // When
  std::vector<TimeWindow> during;
  std::optional<NumberRange> calls;          // of the session so far
  std::optional<NumberRange> tool_calls;     // of this tool so far
  std::vector<std::string> used_before;      // globs: one of these tools was called
  std::vector<std::string> requires_before;  // globs: holds while none of these was called
  std::optional<TaintCondition> tainted;
  std::optional<AfterCondition> after;
  std::optional<std::int64_t> repeat_more_than;  // identical calls in a row, with this one
  std::vector<std::pair<std::string, NumberRange>> budget_left;  // all of them

  std::string file;  // where it stands, for diagnostics
  int line = 0;
  int column = 0;
};

// Whether the rule is meant for calls that the catalog has no name for: it says "?", or no tools at
// all.
bool applies_to_unnamed(const Rule& rule);

// `kind` as FindingCondition::kind has it.
bool finding_matches(std::string_view kind, std::string_view rule, std::string_view category);

}  // namespace writ::policy
