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

Judge::Judge(Parts parts, const scan::Ruleset& rules)
    : parts_(std::move(parts)), digests_(make_digest(parts_.audit.key())) {
  context_.ruleset_version = rules.version();
  context_.categories = rules.categories();
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
  if (auto ended = check_writ(session)) return *std::move(ended);
  if (call.claim && !call.tool && session.attributed()) {
    // A rule for calls without a name is not meant for a name that nobody knows.
    return deny("built-in:tool_unknown", "tool_unknown",
                fmt::format("no tool of the catalog is called '{}'", printable(call.claim->tool)));
  }
  const Question question(session, call, parts_.limits, complete, provisional);
  return ask(session, question.input());
}

void Judge::weigh(const Session& session, Call& call) const {
  name(session, call);
  look_for_model(session.asked, call, digests_);
  // It is judged now, whether what is found is new or not.
  (void)(call.shares_connection() ? call.arguments.look_as_if_ended() : call.arguments.look());
  look_at_message(session, call);
  call.judged = call.request.bytes;
  call.decision = judge(session, call, call.arguments.complete());
}

void Judge::consult(std::uint64_t flow, const Session& session, Call& call,
                    pdp::PdpClient::Callback then) {
  call.stage = Stage::kAsking;
  const Question question(session, call, parts_.limits, call.arguments.complete());
  parts_.pdp->ask(flow, question.document(), std::move(then));
}

void Judge::narrow(const Session& session, Call& call, const pdp::PdpAnswer& answer) const {
  name(session, call);
  look_at_message(session, call);
  call.decision = judge(session, call, call.arguments.complete());
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
std::optional<budget::Refusal> Judge::count(const Session& session, const Call& call) {
  if (!call.traffic()) return parts_.limits.reserve(session.writ.id, call.id, steady_now());
  parts_.limits.release(call.id, steady_now());  // its head may have been judged as a call
  return std::nullopt;
}

bool Judge::conclude(Session& session, Call& call, std::uint32_t pid,
                     const std::string& executable) {
  call.arguments.drop_body();
  if (call.request.mcp) call.request.mcp->arguments = {};
  if (call.decision.verdict != policy::Verdict::kDeny) {
    if (auto refusal = count(session, call)) {
      call.decision = deny("limits", std::move(refusal->code), std::move(refusal->message));
    } else {
      check_rate(session, call);
    }
  }
  if (!write_decision(session, call, pid, executable) || call.denied()) {
    parts_.limits.release(call.id, steady_now());  // what is denied has used nothing
    return false;
  }
  if (call.traffic()) return true;
  if (!parts_.limits.commit(call.id, steady_now())) {
    call.decision =
        deny("limits", "limit_lost", "its place within the limits was lost while it was recorded");
    return false;
  }
  session.facts.note_call(tool_name(call), arguments_digest(call));
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
  ++session.calls;
  if (call.denied()) ++session.denied;
  v1::Record record = decision_record(call, session, pid, executable, context_);
  if (const std::string same = arguments_digest(call); !same.empty())
    record.mutable_decision()->mutable_request()->set_call_digest(digests_.hex_of(same));
  const auto sequence = parts_.audit.append(record);
  const Status durable =
      sequence ? parts_.audit.commit() : Status(tl::unexpected(sequence.error()));
  if (durable) return true;
  parts_.report(fmt::format("a decision could not be recorded, so the call is denied: {}",
                            durable.error().message));
  call.decision = deny("audit", "audit_unavailable", "the audit record cannot be written");
  return false;
}

void Judge::write_outcome(const Session& session, Call& call, const char* result,
                          std::string detail) {
  call.stage = Stage::kDone;
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
