#include "daemon/decide_desk.h"

#include "daemon/proposal.h"

namespace writ::daemon {
namespace {

// Apart from the streams of connections, which have bit 62 or 63 (bpf/tls.bpf.c, writ/abi.h).
constexpr std::uint64_t kDecideFlow = 1ull << 61;

constexpr const char* kNotSeen =
    "decided for a caller that acts itself: what came of it is not seen";

v1::DecideResponse response_of(const Call& call, const Session& session) {
  v1::DecideResponse response;
  response.set_call_id(call.id);
  response.set_verdict(to_verdict(call.decision.verdict));
  response.set_rule(call.decision.rule);
  response.set_reason(call.decision.reason);
  response.set_code(call.decision.code);
  response.set_policy_version(session.policy->version());
  for (const std::string& scope : call.decision.missing) response.add_missing_scopes(scope);
  fill_findings(call.arguments.findings(), "args", *response.mutable_findings());
  if (call.tool) response.set_tool(call.tool->tool->name);
  response.set_mode(to_mode(session.mode));
  response.set_session_id(session.id);
  response.set_writ_id(session.writ.id);
  return response;
}

}  // namespace

void DecideDesk::ask(Asker asker, const v1::ProposedCall& proposal, Then then) {
  auto call = read_proposal(proposal, scanner_, parts_.key);
  if (!call) return then(tl::unexpected(call.error()));
  waiting_.emplace(asker.id, Asked{.session = asker.session,
                                   .pid = asker.pid,
                                   .call = std::move(*call),
                                   .then = std::move(then)});
  // As for live calls: resume() comes back to it.
  if (!asker.session.resolving || !asker.session.enforced()) judge(asker.id);
}

void DecideDesk::judge(std::uint64_t id) {
  const auto at = waiting_.find(id);
  Asked& asked = at->second;
  parts_.judge.weigh(asked.session, *asked.call);
  if (!Judge::wants_answer(asked.session, *asked.call)) return conclude(at);
  parts_.judge.consult(kDecideFlow | id, asked.session, *asked.call,
                       [this, id](const pdp::PdpAnswer& answer) { take_answer(id, answer); });
}

void DecideDesk::take_answer(std::uint64_t id, const pdp::PdpAnswer& answer) {
  const auto at = waiting_.find(id);
  if (at == waiting_.end()) return;
  parts_.judge.narrow(at->second.session, *at->second.call, answer);
  conclude(at);
}

void DecideDesk::conclude(Waiting::iterator at) {
  Asked asked = std::move(at->second);
  waiting_.erase(at);
  Session& session = asked.session;
  Call& call = *asked.call;
  if (parts_.judge.conclude(session, call, asked.pid, printable(executable_link(asked.pid)))) {
    // Its result comes to the agent unseen, so what it may bring must count from now on.
    const bool untrusted = !call.tool || call.tool->tool->untrusted;
    if (untrusted) session.facts.note_result(tool_name(call), true, {});
  }
  const v1::DecideResponse response = response_of(call, session);
  parts_.judge.write_outcome(session, call, "incomplete", kNotSeen);
  asked.then(response);
}

// Denied, in the words in which a live call is whose connection ends before a verdict.
void DecideDesk::give_up(Waiting::iterator at, const char* why) {
  if (parts_.pdp != nullptr) parts_.pdp->forget(kDecideFlow | at->first);
  Asked& asked = at->second;
  asked.call->problem =
      protocol::Problem{.code = "incomplete_message", .message = why, .offset = 0};
  name(asked.session, *asked.call);
  asked.call->decision = parts_.judge.judge(asked.session, *asked.call, false);
  conclude(at);
}

void DecideDesk::forget(std::uint64_t id) {
  const auto at = waiting_.find(id);
  if (at != waiting_.end()) give_up(at, "the caller went before a verdict");
}

void DecideDesk::end(const Session& session) {
  for (auto at = waiting_.begin(); at != waiting_.end();) {
    const auto next = std::next(at);
    if (&at->second.session == &session) give_up(at, "the session ended before a verdict");
    at = next;
  }
}

void DecideDesk::resume(const Session& session) {
  for (auto at = waiting_.begin(); at != waiting_.end();) {
    const auto next = std::next(at);
    const bool unjudged = at->second.call->stage == Stage::kArriving;
    if (&at->second.session == &session && unjudged) judge(at->first);
    at = next;
  }
}

}  // namespace writ::daemon
