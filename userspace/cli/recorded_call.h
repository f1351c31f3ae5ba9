// A call of the audit record as a policy can be asked about it again.
//
//   const RecordedCall call(record);
//   const auto match = call.match(policy);
//   const Decision decision = policy.decide(call.input(match ? &*match : nullptr, &facts));
//
// Not on record, and so undefined in the Input: the arguments and the query (keyed digests only),
// where in the arguments a finding was, and what was left of budgets. What hangs on those must be
// asked with Input::lenient too, see Rejudged.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "control.pb.h"
#include "policy/asked_call.h"
#include "policy/decision.h"
#include "policy/policy.h"
#include "policy/session_facts.h"

namespace writ::cli {

// Who made the decision that is on record.
enum class Decider {
  kPolicy,
  kOther,    // a denial by limits, a rate, an ended writ, or a decision point
  kAnother,  // the denial of another call on the same connection, or in the same batch
};

class RecordedCall {
 public:
  // Copies what it needs. REQUIRES: record.has_decision().
  explicit RecordedCall(const v1::Call& record);
  RecordedCall(const RecordedCall&) = delete;  // views of one would point into the other
  RecordedCall& operator=(const RecordedCall&) = delete;

  // The tool that the policy calls it by. What has no request on record (`writ decide` by the name
  // of a tool) is looked up by that name.
  [[nodiscard]] std::optional<policy::ToolMatch> match(const policy::Policy& policy) const;
  // Borrows all of it. `facts`: nullptr when it is not known what the session did before.
  [[nodiscard]] policy::Input input(const policy::ToolMatch* match,
                                    const policy::SessionFacts* facts) const;

  [[nodiscard]] const std::string& id() const { return id_; }
  [[nodiscard]] const std::string& session() const { return session_; }
  [[nodiscard]] std::uint64_t sequence() const { return sequence_; }
  [[nodiscard]] std::uint64_t time_unix_ns() const { return time_unix_ns_; }
  [[nodiscard]] const identity::Writ& writ() const { return writ_; }
  // By the name of then; empty: it had none.
  [[nodiscard]] const std::string& tool() const { return tool_; }

  [[nodiscard]] policy::Verdict verdict() const { return verdict_; }
  [[nodiscard]] Decider decider() const { return decider_; }
  // A decision point flagged what the policy allowed.
  [[nodiscard]] bool flagged_by_other() const { return flagged_by_other_; }
  // It was allowed, and stopped as more of it was seen. What of is not on record.
  [[nodiscard]] bool stopped_later() const { return stopped_later_; }
  // Its bytes could not be read, and the record does not say whether the agent connected or was
  // connected to.
  [[nodiscard]] bool perhaps_inbound() const { return perhaps_inbound_; }

  // What the session is known to have done by it.
  [[nodiscard]] bool let_go() const;
  [[nodiscard]] const std::string& digest() const { return digest_; }
  struct Result {
    std::uint64_t sequence = 0;  // of its record
    std::vector<policy::AskedFinding> findings;
  };
  [[nodiscard]] const std::optional<Result>& result() const { return result_; }

 private:
  std::string id_;
  std::string session_;
  std::uint64_t sequence_ = 0;
  std::uint64_t time_unix_ns_ = 0;
  identity::Writ writ_;
  bool attributed_ = false;
  policy::Input::What what_ = policy::Input::What::kCall;
  ToolCall call_;
  std::string tool_;
  std::map<std::string, std::string> captures_;
  std::vector<policy::AskedFinding> found_;
  std::vector<policy::FindingView> findings_;  // of found_
  bool complete_ = true;
  std::string digest_;
  policy::Verdict verdict_ = policy::Verdict::kDeny;
  Decider decider_ = Decider::kPolicy;
  bool flagged_by_other_ = false;
  bool stopped_later_ = false;
  bool perhaps_inbound_ = false;
  std::optional<Result> result_;
};

// What a policy says of a call on record, as far as the record tells.
struct Rejudged {
  policy::Decision decision;  // where it is not certain: with all that is unknown against the call
  // Why nobody can know the verdict: words like "args" for conditions of rules. Empty: certain.
  std::vector<std::string> open;
  [[nodiscard]] bool certain() const { return open.empty(); }
};
Rejudged rejudge(const policy::Policy& policy, const RecordedCall& call,
                 const policy::SessionFacts* facts);

}  // namespace writ::cli
