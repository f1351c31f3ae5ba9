#include "cli/replay.h"

#include <numeric>

#include "cli/output.h"

namespace writ::cli {
namespace {

using policy::Verdict;

Change change_of(const RecordedCall& call, const Rejudged& judged) {
  // Those deny whatever the policy lets through: nothing changes by another policy.
  if (call.decider() != Decider::kPolicy) return Change::kNotThePolicys;
  const Verdict was = call.verdict();
  // A decision point's flag stands beside the policy.
  const Verdict now = judged.decision.verdict == Verdict::kAllow && call.flagged_by_other()
                          ? Verdict::kFlag
                          : judged.decision.verdict;
  if (!judged.certain()) return Change::kUndecidable;
  if (call.stopped_later() && now != Verdict::kDeny) return Change::kUndecidable;
  if (was == now) return Change::kUnchanged;
  if (now == Verdict::kDeny) return Change::kNewlyDenied;
  if (was == Verdict::kDeny) return Change::kNewlyAllowed;
  return now == Verdict::kFlag ? Change::kNewlyFlagged : Change::kNoLongerFlagged;
}

std::string decided_by(const RecordedCall& call, const Rejudged& judged) {
  if (!judged.certain()) return join(judged.open, ", ");
  if (call.stopped_later() && judged.decision.verdict != Verdict::kDeny)
    return "what it was stopped for later";
  return judged.decision.rule.empty() ? judged.decision.code : judged.decision.rule;
}

}  // namespace

std::string_view to_text(Change change) {
  switch (change) {
    case Change::kUnchanged:
      return "unchanged";
    case Change::kNewlyDenied:
      return "newlyDenied";
    case Change::kNewlyAllowed:
      return "newlyAllowed";
    case Change::kNewlyFlagged:
      return "newlyFlagged";
    case Change::kNoLongerFlagged:
      return "noLongerFlagged";
    case Change::kUndecidable:
      return "undecidable";
    case Change::kNotThePolicys:
      return "notThePolicys";
  }
  return "";
}

void Replay::add(const v1::Call& record) {
  const RecordedCall call(record);
  const policy::Policy& policy = *policies_.of(call.writ().tenant);
  const policy::SessionFacts* facts = histories_.before(call);
  if (call.time_unix_ns() >= since_unix_ns_) {
    if (facts == nullptr) ++without_history_;
    const Rejudged judged = rejudge(policy, call, facts);
    const Change change = change_of(call, judged);
    ++counts_.at(static_cast<std::size_t>(change));
    if (change != Change::kUnchanged && change != Change::kNotThePolicys)
      gather(change, policy, call, judged);
  }
  histories_.note(policy, call);
}

void Replay::gather(Change change, const policy::Policy& policy, const RecordedCall& call,
                    const Rejudged& judged) {
  const auto match = call.match(policy);
  const std::string tool = match ? match->tool->name : call.tool();
  Key key{.change = change,
          .tenant = call.writ().tenant,
          .user = call.writ().user.id,
          .agent = call.writ().agent.id,
          .tool = tool.empty() ? std::string(policy::kUnnamed) : tool,
          .by = decided_by(call, judged)};
  auto found = groups_.find(key);
  if (found == groups_.end()) {
    if (groups_.size() >= kMaxGroups) {
      ++ungrouped_;
      return;
    }
    Group group{.call = call.id(), .reason = judged.decision.reason};
    if (!judged.certain()) group.reason.insert(0, "perhaps: ");
    found = groups_.emplace(std::move(key), std::move(group)).first;
  }
  ++found->second.count;
}

std::uint64_t Replay::calls() const {
  return std::accumulate(counts_.begin(), counts_.end(), std::uint64_t{0});
}

}  // namespace writ::cli
