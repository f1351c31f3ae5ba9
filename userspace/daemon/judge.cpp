#include "daemon/judge.h"

#include <fmt/format.h>

#include <chrono>

#include "daemon/question.h"

namespace writ::daemon {
namespace {

std::chrono::steady_clock::time_point steady_now() { return std::chrono::steady_clock::now(); }

policy::Decision deny(std::string rule, std::string code, std::string reason) {
  return {.verdict = policy::Verdict::kDeny,
          .rule = std::move(rule),
          .reason = std::move(reason),
          .code = std::move(code),
          .missing = {}};
}

}  // namespace

Judge::Judge(Parts parts, std::shared_ptr<const scan::Ruleset> rules)
    : parts_(std::move(parts)),
      scanner_(std::move(rules)),
      digests_(make_digest(parts_.audit.key())) {
  context_.ruleset_version = scanner_.rules().version();
  context_.categories = scanner_.rules().categories();
  context_.prices = parts_.prices;
}

std::optional<policy::Decision> Judge::check_writ(const Session& session) const {
  if (!session.attributed()) return std::nullopt;  // which the policy denies
  const auto state = parts_.book.state(session.handle, std::chrono::system_clock::now());
  if (state == identity::WritState::kActive) return std::nullopt;
  const std::string code = fmt::format("writ_{}", identity::to_text(state));
  return deny("built-in:" + code, code,
              fmt::format("writ {}, under which {} acts for {}, is {}", session.writ.id,
                          session.writ.agent.id, session.writ.user.id,
                          state == identity::WritState::kNotYet ? "not in force yet"
                                                                : identity::to_text(state)));
}

// A check that no rule of the policy made is named too: every decision says what decided it.
policy::Decision Judge::ask(const Session& session, const policy::Input& input) {
  policy::Decision decision = session.policy->decide(input);
  if (decision.rule.empty()) decision.rule = "built-in:" + decision.code;
  return decision;
}

policy::Decision Judge::judge(const Session& session, const Call& call, bool complete,
                              bool provisional) const {
  return judge_one(session, session.facts, call, complete, provisional);
}

policy::Decision Judge::judge_one(const Session& session, const policy::SessionFacts& facts,
                                  const Call& call, bool complete, bool provisional) const {
  if (auto ended = check_writ(session)) return *std::move(ended);
  if (call.claim && !call.tool && session.attributed()) {
    // A rule for calls without a name is not meant for a name that nobody knows.
    return deny("built-in:tool_unknown", "tool_unknown",
                fmt::format("no tool of the catalog is called '{}'", printable(call.claim->tool)));
  }
  const Question question(session, facts, call, parts_.limits, complete, provisional);
  return ask(session, question.input());
}

void Judge::weigh_one(const Session& session, const policy::SessionFacts& facts, Call& call) const {
  name(session, call);
  look_for_model(session.asked, call, digests_);
  // It is judged now, whether what is found is new or not.
  (void)(call.shares_connection() ? call.arguments.look_as_if_ended() : call.arguments.look());
  look_at_message(session, call);
  call.judged = call.request.bytes;
  call.decision = judge_one(session, facts, call, call.arguments.complete(), false);
}

void Judge::narrow_one(const Session& session, const policy::SessionFacts& facts, Call& call,
                       const pdp::PdpAnswer& answer) const {
  name(session, call);
  look_at_message(session, call);
  call.decision = judge_one(session, facts, call, call.arguments.complete(), false);
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
}

// MCP's own traffic uses nothing up: an agent could not tell how many calls it has.
void Judge::count(const Session& session, Call& call) {
  if (call.traffic()) {
    parts_.limits.release(call.id, steady_now());  // its head may have been judged as a call
  } else if (auto refusal = parts_.limits.reserve(session.writ.id, call.id, steady_now())) {
    call.decision = deny("limits", std::move(refusal->code), std::move(refusal->message));
    return;
  }
  check_rate(session, call);
}

bool Judge::conclude(Session& session, Call& call, std::uint32_t pid,
                     const std::string& executable) {
  call.arguments.drop_body();
  const std::vector<Call*> all = calls_in(call);
  for (Call* one : all) {
    one->arguments.drop_body();
    if (one->request.mcp) one->request.mcp->arguments = {};
  }
  if (call.decision.verdict != policy::Verdict::kDeny) count_all(session, call);
  if (!write_decision(session, call, pid, executable) || call.denied()) {
    // What is denied has used nothing.
    for (const Call* one : all) parts_.limits.release(one->id, steady_now());
    return false;
  }
  for (Call* one : all) {
    if (one->traffic()) continue;
    if (!parts_.limits.commit(one->id, steady_now())) {
      one->decision = deny("limits", "limit_lost",
                           "its place within the limits was lost while it was recorded");
      settle_batch(call);
      deny_with_batch(call);
      return false;
    }
    session.facts.note_call(tool_name(*one), arguments_digest(*one));
  }
  return true;
}

// What the settings say of this person and this tool.
void Judge::check_rate(const Session& session, Call& call) {
  const identity::Writ& writ = session.writ;
  const auto settings =
      session.policy->settings(writ.user.id, call.tool ? &*call.tool : nullptr, writ.tier);
  if (!settings.rate_per_minute) return;
  const std::string key = fmt::format("{}/{}/{}", writ.tenant, writ.user.id, tool_name(call));
  if (rates_.take(key, *settings.rate_per_minute, steady_now())) return;
  call.decision = deny("settings", "rate_limited",
                       fmt::format("{} may call {} {} times a minute, and has", writ.user.id,
                                   tool_name(call), *settings.rate_per_minute));
}

bool Judge::write_decision(Session& session, Call& call, std::uint32_t pid,
                           const std::string& executable) {
  call.decided_ns = monotonic_ns();
  call.stage = Stage::kDecided;
  deny_with_batch(call);
  const std::vector<Call*> all = calls_in(call);
  Status durable;
  for (Call* one : all) {
    one->decided_ns = call.decided_ns;
    one->stage = Stage::kDecided;
    ++session.calls;
    if (one->denied()) ++session.denied;
    if (durable) durable = append_decision(session, *one, pid, executable);
  }
  if (durable) durable = parts_.audit.commit();
  if (durable) return true;
  parts_.report(fmt::format("a decision could not be recorded, so the call is denied: {}",
                            durable.error().message));
  call.decision = deny("audit", "audit_unavailable", "the audit record cannot be written");
  for (Call* one : all) one->decision = call.decision;
  return false;
}

Status Judge::append_decision(const Session& session, const Call& call, std::uint32_t pid,
                              const std::string& executable) {
  v1::Record record = decision_record(call, session, pid, executable, context_);
  if (const std::string same = arguments_digest(call); !same.empty())
    record.mutable_decision()->mutable_request()->set_call_digest(digests_.hex_of(same));
  const auto sequence = parts_.audit.append(record);
  return sequence ? Status() : Status(tl::unexpected(sequence.error()));
}

void Judge::write_outcome(const Session& session, Call& call, const char* result,
                          std::string detail) {
  call.stage = Stage::kDone;
  if (!call.batch.empty()) return write_batch_outcomes(session, call, result, detail);
  if (call.llm) call.llm->end_answer();
  append_outcome(outcome_record(call, session, result, std::move(detail), context_));
  if (!call.mcp_stream) return;
  // What waited for an answer on this stream will have none.
  for (McpStream::Waiting& unanswered : call.mcp_stream->take_all())
    append_outcome(std::move(unanswered.outcome));
}

void Judge::append_outcome(v1::Record record) {
  if (const auto sequence = parts_.audit.append(record); !sequence) {
    parts_.report(fmt::format("an outcome could not be recorded: {}", sequence.error().message));
  }
}

}  // namespace writ::daemon
