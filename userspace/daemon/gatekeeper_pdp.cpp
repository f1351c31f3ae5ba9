// What an external decision point says beside the rules: it is asked about what they let through,
// and can only narrow that.
#include <fmt/format.h>

#include <algorithm>

#include "daemon/gatekeeper.h"
#include "daemon/question.h"

namespace writ::daemon {

// The call is held until the answer, which comes within the configured time.
void Gatekeeper::consult(Exchange& exchange, Session& session, Call& call) {
  call.stage = Stage::kAsking;
  const Question question(session, call, parts_.limits, call.received());
  const std::uint64_t stream = exchange.channel.stream;
  parts_.pdp->ask(stream, question.document(),
                  [this, stream, id = call.id](const pdp::PdpAnswer& answer) {
                    take_answer(stream, id, answer);
                  });
}

void Gatekeeper::take_answer(std::uint64_t stream, const std::string& id,
                             const pdp::PdpAnswer& answer) {
  flow::Channel* channel = flows_->channel(stream);
  Session* session = channel == nullptr ? nullptr : session_of(channel->session);
  if (session == nullptr || !channel->state) return;
  auto& exchange = static_cast<Exchange&>(*channel->state);
  const auto found = std::find_if(exchange.calls.begin(), exchange.calls.end(),
                                  [&](const auto& call) { return call->id == id; });
  if (found == exchange.calls.end() || (*found)->stage != Stage::kAsking) return;
  Call& call = **found;
  call.stage = Stage::kArriving;
  // What has changed meanwhile counts: a writ that ended, a rule that was taken away.
  name(*session, call);
  call.decision = judge(*session, call, call.received());
  const auto verdict = answer.verdict == pdp::Verdict::kDeny   ? policy::Verdict::kDeny
                       : answer.verdict == pdp::Verdict::kFlag ? policy::Verdict::kFlag
                                                               : policy::Verdict::kAllow;
  // Deny overrides flag overrides allow; of two that say the same, the rules are named.
  if (call.decision.verdict < verdict) {
    call.decision = {
        .verdict = verdict,
        .rule = answer.rule.empty() ? "decision-point" : "decision-point:" + answer.rule,
        .reason = answer.reason.empty()
                      ? fmt::format("the decision point says so ({})", answer.code)
                      : answer.reason,
        .code = answer.code,
        .missing = {}};
  } else if (!answer.answered) {
    // on_error let it through: that is no answer, and the record must not look like one.
    call.decision.reason += fmt::format(" (the decision point gave no answer: {})", answer.code);
  }
  conclude(exchange, *session, call);
  advance(exchange, *session);
}

}  // namespace writ::daemon
