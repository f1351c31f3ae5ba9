// What is asked of a policy, and what it answers.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "identity/writ.h"
#include "policy/catalog.h"
#include "protocol/tool_call.h"

namespace writ::policy {

enum class Verdict { kAllow, kFlag, kDeny };

// What the scan found in the arguments, as far as a policy looks at it.
struct FindingView {
  std::string_view rule;      // "pii.card"
  std::string_view category;  // "pii"
};

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
};

// `code` is one of
//   allowed, flagged                     by `rule`
//   no_identity, unparseable, tool_unknown, scope_missing, no_rule
//   rule_denied                          by `rule`
//   opaque, inbound                      by on_opaque, on_inbound
struct Decision {
  Verdict verdict = Verdict::kDeny;
  std::string rule;    // empty: no rule decided
  std::string reason;  // a sentence
  std::string code;
  identity::Scopes missing;  // with scope_missing
};

}  // namespace writ::policy
