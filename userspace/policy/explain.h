// The sentences of decisions: who may not do what, and why.
#pragma once

#include <string>
#include <string_view>

#include "policy/decision.h"
#include "policy/evaluation.h"
#include "policy/rule.h"

namespace writ::policy {

// What came from the network, made fit for a sentence: printable ASCII, at most 120 characters.
std::string printable(std::string_view text);

// "finance.revenue.read", or method, host and path of a call without a name.
std::string describe_tool(const Input& input);
// "10.0.0.1:443", or "an unknown destination".
std::string describe_destination(const Endpoint& destination);

// "sarah may not call finance.revenue.read: scope finance.revenue.read is missing (agent
// sales-assistant has it, user sarah does not)". REQUIRES: a writ, a tool, and `missing` not empty.
std::string explain_missing_scope(const Input& input, const identity::Scopes& missing);

// The rule's own reason, or a built-in one; and which of its conditions had no answer, if that is
// why it counts. REQUIRES: a writ.
std::string explain_rule(const Rule& rule, Evaluation& evaluation);

}  // namespace writ::policy
