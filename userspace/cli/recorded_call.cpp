#include "cli/recorded_call.h"

#include <algorithm>
#include <array>
#include <chrono>

#include "audit/calls.h"

namespace writ::cli {
namespace {

using policy::Verdict;
using What = policy::Input::What;

// What a policy itself says (policy/decision.h). Everything else in a denial's code is another's.
constexpr std::array<std::string_view, 13> kPolicyCodes = {
    "allowed",           "flagged", "no_identity", "unparseable",      "tool_unknown",
    "scope_missing",     "no_rule", "rule_denied", "hold_unavailable", "redact_unavailable",
    "permission_denied", "opaque",  "inbound"};

constexpr std::string_view kDecisionPoint = "decision-point";

bool by_decision_point(const v1::Decision& d) {
  return d.rule() == kDecisionPoint || d.rule().starts_with("decision-point:");
}

Decider decider_of(const v1::Call& record) {
  const v1::Decision& d = record.decision().decision();
  if (d.verdict() != v1::VERDICT_DENY) return Decider::kPolicy;
  const bool opaque = d.request().protocol() == "opaque";
  if (!opaque && (d.code() == audit::kBatchDenied ||
                  record.outcome().outcome().detail().starts_with(audit::kEndedByAnother)))
    return Decider::kAnother;
  const bool known =
      std::find(kPolicyCodes.begin(), kPolicyCodes.end(), d.code()) != kPolicyCodes.end();
  return known && !by_decision_point(d) ? Decider::kPolicy : Decider::kOther;
}

Verdict verdict_of(v1::Verdict verdict) {
  if (verdict == v1::VERDICT_ALLOW) return Verdict::kAllow;
  return verdict == v1::VERDICT_FLAG ? Verdict::kFlag : Verdict::kDeny;
}

identity::Writ writ_of(const v1::Decision& d) {
  identity::Writ writ;
  writ.id = d.writ_id();
  writ.tenant = d.tenant();
  writ.user.id = d.user().id();
  writ.user.tenant = d.tenant();
  writ.user.email = d.user().email();
  writ.user.roles = {d.user().roles().begin(), d.user().roles().end()};
  writ.user.scopes = {d.user().scopes().begin(), d.user().scopes().end()};
  writ.agent.id = d.agent().id();
  writ.agent.tenant = d.tenant();
  writ.agent.scopes = {d.agent().scopes().begin(), d.agent().scopes().end()};
  writ.chain = {d.chain().begin(), d.chain().end()};
  writ.chain_writs = {d.chain_writs().begin(), d.chain_writs().end()};
  writ.effective = {d.scopes().effective().begin(), d.scopes().effective().end()};
  writ.task = d.task();
  writ.via = d.user().via();
  writ.issuer = d.user().issuer();
  writ.tier = identity::tier_from_text(d.tier()).value_or(identity::Tier::kInteractive);
  writ.strength =
      identity::strength_from_text(d.user().strength()).value_or(identity::IdentityStrength::kNone);
  return writ;
}

McpMessage message_of(const v1::McpRequest& mcp) {
  McpMessage message{.id = mcp.id(), .method = mcp.method(), .name = mcp.name()};
  message.version = mcp.version();
  message.kind = mcp.method().empty() ? McpMessage::Kind::kResponse
                 : mcp.id().empty()   ? McpMessage::Kind::kNotification
                                      : McpMessage::Kind::kRequest;
  return message;
}

ToolCall call_of(const v1::Decision& d) {
  ToolCall call;
  call.protocol = d.request().protocol();
  call.method = d.request().method();
  call.host = d.destination().host();
  call.path = d.request().path();
  call.destination.address = d.destination().address();
  call.destination.port = static_cast<std::uint16_t>(d.destination().port());
  call.tls = d.destination().tls();
  call.destination.names = {d.destination().dns_names().begin(), d.destination().dns_names().end()};
  call.bytes = d.request().bytes();
  if (d.tool().has_mcp()) call.mcp = message_of(d.tool().mcp());
  return call;
}

What what_of(const v1::Decision& d) {
  if (d.request().protocol() == "opaque")
    return d.code() == "inbound" ? What::kInbound : What::kOpaque;
  // A request of which a later part made no sense keeps its protocol.
  const bool unparseable = d.request().protocol() == "unparseable" || d.code() == "unparseable";
  return unparseable ? What::kUnparseable : What::kCall;
}

std::vector<policy::AskedFinding> findings_of(
    const google::protobuf::RepeatedPtrField<v1::Finding>& from) {
  std::vector<policy::AskedFinding> all;
  all.reserve(static_cast<std::size_t>(from.size()));
  for (const v1::Finding& one : from)
    all.push_back({.rule = one.rule(), .category = one.category(), .count = one.count()});
  return all;
}

// Conditions that the record may have no answer to where the live call had one.
constexpr std::array<std::string_view, 4> kOffRecord = {"args", "findings", "budget_left",
                                                        "repeat"};
constexpr std::array<std::string_view, 6> kOfSession = {
    "calls", "tool_calls", "used_before", "requires_before", "tainted", "after"};

}  // namespace

RecordedCall::RecordedCall(const v1::Call& record)
    : sequence_(record.decision().sequence()),
      time_unix_ns_(record.decision().time_unix_ns()),
      decider_(decider_of(record)) {
  const v1::Decision& d = record.decision().decision();
  id_ = d.call_id();
  session_ = d.session_id();
  writ_ = writ_of(d);
  attributed_ = !d.writ_id().empty();
  what_ = what_of(d);
  call_ = call_of(d);
  tool_ = d.tool().name();
  captures_ = {d.tool().captures().begin(), d.tool().captures().end()};
  found_ = findings_of(d.findings());
  findings_.reserve(found_.size());
  for (const policy::AskedFinding& one : found_)
    findings_.push_back({.rule = one.rule, .category = one.category, .count = one.count});
  complete_ = d.request().complete();
  digest_ = d.request().call_digest();
  verdict_ = verdict_of(d.verdict());
  flagged_by_other_ = verdict_ == Verdict::kFlag && by_decision_point(d);
  perhaps_inbound_ = d.request().protocol() == "opaque" && d.code() != "opaque" &&
                     d.code() != "inbound" && decider_ == Decider::kPolicy;
  if (!record.has_outcome()) return;
  const v1::Outcome& outcome = record.outcome().outcome();
  if (outcome.result() == "completed") {
    result_ = {.sequence = record.outcome().sequence(),
               .findings = findings_of(outcome.findings())};
  }
  stopped_later_ =
      verdict_ != Verdict::kDeny && (outcome.result() == "refused" ||
                                     outcome.result() == "aborted" || outcome.result() == "held");
}

std::optional<policy::ToolMatch> RecordedCall::match(const policy::Policy& policy) const {
  if (what_ != What::kCall) return std::nullopt;
  if (!call_.path.empty()) return policy.match(call_);
  return policy.match_name(tool_, captures_);
}

policy::Input RecordedCall::input(const policy::ToolMatch* match,
                                  const policy::SessionFacts* facts) const {
  policy::Input input{.what = what_,
                      .call = call_,
                      .tool = match,
                      .writ = attributed_ ? &writ_ : nullptr,
                      .complete = complete_};
  if (what_ != What::kCall) return input;  // more than that writd does not tell of them either
  input.findings = findings_;
  input.arguments_digest = digest_;
  input.session = facts;
  input.now = std::chrono::system_clock::time_point(
      std::chrono::duration_cast<std::chrono::system_clock::duration>(
          std::chrono::nanoseconds(time_unix_ns_)));
  return input;
}

// Bytes that cannot be read count as no call of the session's.
bool RecordedCall::let_go() const { return verdict_ != Verdict::kDeny && what_ == What::kCall; }

Rejudged rejudge(const policy::Policy& policy, const RecordedCall& call,
                 const policy::SessionFacts* facts) {
  const auto match = call.match(policy);
  policy::Input input = call.input(match ? &*match : nullptr, facts);
  const auto decide = [&](std::uint32_t lenient) {
    input.lenient = lenient;
    return policy.decide(input);
  };
  Rejudged result{.decision = decide(0)};
  const Verdict strict = result.decision.verdict;

  std::vector<std::string_view> names;
  if (input.what == What::kCall) names = {kOffRecord.begin(), kOffRecord.end()};
  if (input.what == What::kCall && facts == nullptr)
    names.insert(names.end(), kOfSession.begin(), kOfSession.end());
  policy::Decision best = decide(policy::conditions_named(names));
  if (best.verdict != strict) {
    // Those that change the verdict by themselves; else it takes several at once.
    for (const std::string_view& name : names) {
      if (decide(policy::conditions_named({&name, 1})).verdict != strict)
        result.open.emplace_back(name);
    }
    if (result.open.empty()) result.open = {names.begin(), names.end()};
  } else if (strict != Verdict::kAllow) {
    result.decision = std::move(best);  // what restricts it for certain
  }
  if (call.perhaps_inbound() && result.certain()) {
    input.what = What::kInbound;
    if (decide(0).verdict != strict) result.open.emplace_back("who connected");
  }
  return result;
}

}  // namespace writ::cli
