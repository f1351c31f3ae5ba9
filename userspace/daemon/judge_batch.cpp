// The messages of an MCP batch on their way to their verdicts and records, in their order: each as
// a call of its own, judged as if those before it had been let go. All of them go, or none does.
#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "audit/calls.h"
#include "daemon/judge.h"
#include "daemon/mcp_call.h"
#include "daemon/question.h"
#include "protocol/mcp_batch.h"

namespace writ::daemon {
namespace {

constexpr std::size_t kMaxShownMessage = 100;  // of a message, in the reason of another one

bool denied_by_itself(const Call& message) {
  return !message.with_batch && !message.decision.code.empty() &&
         message.decision.verdict == policy::Verdict::kDeny;
}

auto first_denied(const std::vector<std::unique_ptr<Call>>& batch) {
  return std::find_if(batch.begin(), batch.end(),
                      [](const auto& m) { return denied_by_itself(*m); });
}

// "message 2 of 3 of its batch (tools/call delete_note)"
std::string which_message(const Call& carrier, std::size_t index) {
  const auto& mcp = carrier.batch[index]->request.mcp;
  std::string place = fmt::format("message {} of {} of its batch", index + 1, carrier.batch.size());
  if (!mcp || mcp->method.empty()) return place;
  return fmt::format("{} ({}{}{})", place, printable(mcp->method, kMaxShownMessage),
                     mcp->name.empty() ? "" : " ", printable(mcp->name, kMaxShownMessage));
}

// As if it had been let go, for those behind it.
void note_ahead(policy::SessionFacts& facts, const Call& message) {
  if (!message.traffic()) facts.note_call(tool_name(message), arguments_digest(message));
}

// For the message whose turn it is to be asked about.
policy::SessionFacts facts_ahead(const Session& session, const Call& carrier) {
  policy::SessionFacts facts = session.facts;
  for (std::size_t i = 0; i < carrier.consulted; ++i) note_ahead(facts, *carrier.batch[i]);
  return facts;
}

// What was found in the carrier's bytes and in none of its messages' (between them, in trailers, in
// what answers none of them) counts for each of them.
void share_findings(const Content& carried, const std::vector<std::unique_ptr<Call>>& batch,
                    Content Call::*part) {
  for (const scan::Finding& finding : carried.findings()) {
    const bool known = std::any_of(batch.begin(), batch.end(), [&](const auto& message) {
      const auto& its = ((*message).*part).findings();
      return std::any_of(its.begin(), its.end(),
                         [&](const scan::Finding& f) { return f.rule == finding.rule; });
    });
    if (known) continue;
    for (const auto& message : batch) ((*message).*part).add_finding(finding);
  }
}

}  // namespace

std::vector<Call*> Judge::calls_in(Call& call) {
  if (call.batch.empty()) return {&call};
  std::vector<Call*> all;
  all.reserve(call.batch.size());
  for (const auto& message : call.batch) all.push_back(message.get());
  return all;
}

// Each message's own text is its arguments.
void Judge::open_batch(Call& carrier) {
  const auto body = carrier.arguments.body();
  const auto texts = body ? protocol::split_mcp_batch(*body) : std::nullopt;
  if (!texts || texts->size() != carrier.batch.size()) return;
  for (std::size_t i = 0; i < texts->size(); ++i) {
    Content& arguments = carrier.batch[i]->arguments;
    if (arguments.opened()) return;  // it is weighed once more
    arguments.open(scanner_, digests_.copy(), {}, {.keep = true});
    arguments.scan_beside(carrier.request.query);
    arguments.feed(texts->at(i));
    arguments.end();
    (void)arguments.look();
  }
  (void)carrier.arguments.look();
  share_findings(carrier.arguments, carrier.batch, &Call::arguments);
}

void Judge::weigh(const Session& session, Call& call) {
  name(session, call);
  if (call.batch.empty()) return weigh_one(session, session.facts, call);
  open_batch(call);
  call.judged = call.request.bytes;
  policy::SessionFacts facts = session.facts;
  for (const auto& message : call.batch) {
    weigh_one(session, facts, *message);
    note_ahead(facts, *message);
  }
  settle_batch(call);
}

void Judge::consult(std::uint64_t flow, const Session& session, Call& call,
                    pdp::PdpClient::Callback then) {
  call.stage = Stage::kAsking;
  const auto ask = [&](const policy::SessionFacts& facts, const Call& about) {
    const Question question(session, facts, about, parts_.limits, about.arguments.complete());
    parts_.pdp->ask(flow, question.document(), std::move(then));
  };
  if (call.batch.empty()) return ask(session.facts, call);
  ask(facts_ahead(session, call), *call.batch[call.consulted]);
}

void Judge::narrow(const Session& session, Call& call, const pdp::PdpAnswer& answer) const {
  name(session, call);
  if (call.batch.empty()) {
    narrow_one(session, session.facts, call, answer);
  } else {
    narrow_one(session, facts_ahead(session, call), *call.batch[call.consulted], answer);
    settle_batch(call);
  }
  ++call.consulted;
}

void Judge::settle_batch(Call& carrier) {
  if (carrier.batch.empty()) return;
  const auto denied = first_denied(carrier.batch);
  if (denied == carrier.batch.end()) {
    carrier.decision = carrier.batch.front()->decision;
    return;
  }
  const auto index = static_cast<std::size_t>(denied - carrier.batch.begin());
  carrier.decision = {
      .verdict = policy::Verdict::kDeny,
      .rule = (*denied)->decision.rule,
      .reason = fmt::format("not done, since {} is denied, by {}", which_message(carrier, index),
                            (*denied)->decision.rule),
      .code = std::string(audit::kBatchDenied),
      .missing = {}};
}

void Judge::deny_with_batch(Call& carrier) {
  if (carrier.decision.verdict != policy::Verdict::kDeny) return;
  for (const auto& message : carrier.batch) {
    if (denied_by_itself(*message)) continue;
    message->decision = carrier.decision;
    message->with_batch = true;
  }
}

void Judge::count_all(const Session& session, Call& call) {
  for (Call* one : calls_in(call)) {
    count(session, *one);
    if (one->decision.verdict == policy::Verdict::kDeny) break;
  }
  settle_batch(call);
}

void Judge::write_batch_outcomes(const Session& session, Call& carrier, const char* result,
                                 const std::string& detail) {
  share_findings(carrier.result, carrier.batch, &Call::result);
  const auto denied = first_denied(carrier.batch);
  const bool went = std::string_view(result) == "completed";  // as all does in observe mode
  for (const auto& message : carrier.batch) {
    message->status = carrier.status;
    std::string its = detail;
    if (message->with_batch && denied != carrier.batch.end() && !went) {
      its = fmt::format("its batch was denied with call {}{}{}", (*denied)->id,
                        detail.empty() ? "" : "; ", detail);
    }
    write_outcome(session, *message, result, std::move(its));
  }
}

// To each message of a batch what answers it. Nothing to do for other calls.
void Judge::hand_out_answers(Call& carrier) {
  if (carrier.batch.empty()) return;
  if (const auto body = carrier.result.body()) {
    protocol::each_mcp_result(
        *body, carrier.result.events(), [&](protocol::McpResult&& answer, std::string_view text) {
          for (const auto& message : carrier.batch) {
            if (!wants_mcp_answer(*message) || message->request.mcp->id != answer.id ||
                message->answered)
              continue;
            take_mcp_answer(*message, text, std::move(answer), scanner_, digests_.copy());
            return;
          }
        });
  }
  carrier.result.drop_body();
  share_findings(carrier.result, carrier.batch, &Call::result);
  carrier.result.forget_findings();
}

}  // namespace writ::daemon
