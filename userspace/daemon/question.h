// Everything about one call that a policy, or a decision point, may look at: gathered once, for the
// time of one judgement.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "budget/limits.h"
#include "daemon/call.h"
#include "daemon/session.h"
#include "pdp/document.h"
#include "policy/arguments.h"
#include "policy/decision.h"

namespace writ::daemon {

class Question {
 public:
  // All four must outlive it. `facts`: the session's own, or, for a message of a batch, what they
  // would be had those before it been let go. `complete`: the whole call is there. `provisional`:
  // it is asked once more before any byte of its body leaves.
  Question(const Session& session, const policy::SessionFacts& facts, const Call& call,
           budget::LimitBook& limits, bool complete, bool provisional = false);
  Question(const Question&) = delete;
  Question& operator=(const Question&) = delete;

  [[nodiscard]] policy::Input input() const;
  // The views live as long as the question.
  [[nodiscard]] pdp::PdpInput document() const;

 private:
  void read_arguments();

  const Session& session_;
  const policy::SessionFacts& facts_;
  const Call& call_;
  const bool complete_;
  const bool provisional_;
  std::string problem_;
  std::vector<policy::FindingView> findings_;
  std::vector<pdp::PdpFinding> told_findings_;
  std::optional<policy::Arguments> arguments_;
  std::string digest_;
  std::string server_;
  std::array<policy::BudgetView, 1> budget_;
  std::array<pdp::PdpBudget, 1> told_budget_;
  std::vector<std::string> tools_;  // used before
};

// What makes two calls of a tool the same: method, path, query and body. Empty: the body is not
// all there.
std::string arguments_digest(const Call& call);

// `query`: bytes of the query, which was scanned before the body.
std::vector<policy::FindingView> finding_views(const std::vector<scan::Finding>& findings,
                                               std::size_t query);

}  // namespace writ::daemon
