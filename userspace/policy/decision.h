// What is asked of a policy, and what it answers.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "identity/writ.h"
#include "policy/catalog.h"
#include "protocol/tool_call.h"

namespace writ::policy {

class Arguments;
class SessionFacts;

// What becomes of a call today. Rules can say more, see RuleEffect.
enum class Verdict { kAllow, kFlag, kDeny };

// What a rule says, in the order in which they decide: each restricts what those behind it let
// through. kHold (a person is asked) and kRedact (what was found is blotted out) have no hands yet:
// such a call is denied, and Decision::wanted says what the policy meant.
enum class RuleEffect : std::uint8_t { kDeny, kHold, kRedact, kFlag, kAllow };
inline constexpr std::size_t kRuleEffects = 5;
std::string_view to_text(RuleEffect effect);  // "deny"

// What the scan found in the arguments, as far as a policy looks at it.
struct FindingView {
  std::string_view rule;      // "pii.card"
  std::string_view category;  // "pii"
  std::uint32_t count = 1;
  std::string_view where = {};  // "body", "query", "path", "header"; empty: it is not known
};

// What is left of a budget, by name: "calls", "calls_per_minute". nullopt: there is no limit.
struct BudgetView {
  std::string_view name;
  std::optional<std::int64_t> left;
};

// All of it is borrowed for the time of the call.
struct Input {
  enum class What {
    kCall,         // a request that was read
    kOpaque,       // bytes without plaintext behind them
    kUnparseable,  // plaintext that is no request
    kInbound,      // the agent serves: it answers a peer that connected to it
  };
  What what = What::kCall;
  const ToolCall& call;  // other than kCall: only `destination` is looked at
  const ToolMatch* tool =
      nullptr;  // from the same policy; nullptr: the catalog has no name for the call
  const identity::Writ* writ = nullptr;  // nullptr: nobody is known behind the call
  std::span<const FindingView> findings = {};
  bool complete = true;           // false: the findings are those of the first part of the call
  std::string_view problem = {};  // for kOpaque and kUnparseable: what is wrong, as half a sentence

  // What is left out here is undefined for rules that ask for it: those that restrict then hold,
  // those that allow do not.
  const Arguments* arguments = nullptr;
  // Of all that makes two calls of a tool the same: captures, query and body. Empty: not known.
  std::string_view arguments_digest = {};
  const SessionFacts* session = nullptr;
  std::span<const BudgetView> budget = {};
  std::optional<std::chrono::system_clock::time_point> now = {};
  // The rest of the call is still to come, and it is judged once more before any of that leaves:
  // what is undefined counts for the call this time.
  bool provisional = false;
  // Of these kinds of conditions (ConditionMask, conditions.h) what is undefined counts for the
  // call. For whoever asks about a call of which less is known than was when it was made: where
  // that makes no difference to the verdict, what is not known makes none.
  std::uint32_t lenient = 0;
};

// `code` is one of
//   allowed, flagged                     by `rule`
//   no_identity, unparseable, tool_unknown, scope_missing, no_rule
//   rule_denied                          by `rule`
//   hold_unavailable, redact_unavailable by `rule`, or by a setting and `rule` is empty
//   permission_denied                    by a setting
//   opaque, inbound                      by on_opaque, on_inbound
struct Decision {
  Verdict verdict = Verdict::kDeny;
  std::string rule;    // empty: no rule decided
  std::string reason;  // a sentence
  std::string code;
  identity::Scopes missing;  // with scope_missing
  // What the policy says where the verdict is a substitute for it: kHold or kRedact.
  std::optional<RuleEffect> wanted = {};
};

}  // namespace writ::policy
