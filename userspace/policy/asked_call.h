// A call that somebody describes instead of making it: it owns what an Input borrows. What is left
// out is undefined, as in an Input.
//
//   const AskedInput asked(*policy, call);
//   if (!asked.tool_known()) ...
//   const Decision decision = policy->decide(asked.input());
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "policy/arguments.h"
#include "policy/decision.h"
#include "policy/policy.h"
#include "policy/session_facts.h"

namespace writ::policy {

struct AskedFinding {
  std::string rule;
  std::string category;
  std::uint32_t count = 1;
  std::string where;
};

// "pii" of "pii.card".
std::string category_of(const std::string& finding);

struct AskedCall {
  identity::Writ writ;
  std::string tool;  // empty: `call` is matched; else `call` says nothing
  std::map<std::string, std::string> captures;
  ToolCall call;
  std::optional<std::string> body;
  std::vector<AskedFinding> findings;
  SessionFacts session;
  int repeated = 0;  // so often this very call was made after all of `session`
  std::vector<std::pair<std::string, std::int64_t>> budget;
  std::optional<std::chrono::system_clock::time_point> at;
};

// For SessionFacts::note_call() in `session`: the digest of any call but the one that is asked
// about.
inline constexpr std::string_view kAnotherCall = "another call";

// The call as one policy sees it. Both must outlive this.
class AskedInput {
 public:
  AskedInput(const Policy& policy, const AskedCall& call);
  AskedInput(const AskedInput&) = delete;
  AskedInput& operator=(const AskedInput&) = delete;

  // False: the call names a tool that the policy does not have.
  [[nodiscard]] bool tool_known() const { return call_.tool.empty() || match_.has_value(); }
  [[nodiscard]] Input input() const;

 private:
  const AskedCall& call_;
  std::optional<ToolMatch> match_;
  Arguments arguments_;
  std::vector<FindingView> findings_;
  SessionFacts session_;
  std::vector<BudgetView> budget_;
};

}  // namespace writ::policy
