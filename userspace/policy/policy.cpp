#include "policy/policy.h"

#include <fmt/format.h>

#include <algorithm>

#include "policy/explain.h"
#include "policy/in_force.h"
#include "policy/lint.h"
#include "policy/reader.h"

namespace writ::policy {
namespace {

Decision deny(std::string code, std::string reason) {
  return {.verdict = Verdict::kDeny, .reason = std::move(reason), .code = std::move(code)};
}

Decision by_rule(Verdict verdict, std::string code, const Rule& rule, Evaluation& evaluation) {
  return {.verdict = verdict,
          .rule = rule.id,
          .reason = explain_rule(rule, evaluation),
          .code = std::move(code)};
}

// What has no hands yet is denied.
constexpr std::string_view kNoHold = "nobody can be asked in this version, so it is denied";
constexpr std::string_view kNoRedact =
    "nothing can be blotted out in this version, so it is denied";

// By the first of the rules that asks for more than to let the call go.
std::optional<Decision> held_or_redacted(const MatchingRules& rules, const Settings& settings,
                                         Evaluation& evaluation) {
  if (const Rule* rule = rules[RuleEffect::kHold]) {
    Decision decision = by_rule(Verdict::kDeny, "hold_unavailable", *rule, evaluation);
    decision.reason += fmt::format("; {}", kNoHold);
    decision.wanted = RuleEffect::kHold;
    return decision;
  }
  if (settings.permission == Permission::kHold) {
    Decision decision =
        deny("hold_unavailable",
             fmt::format("{} may call {} when a person agrees, say the settings; {}",
                         evaluation.input.writ->user.id, describe_tool(evaluation.input), kNoHold));
    decision.wanted = RuleEffect::kHold;
    return decision;
  }
  if (const Rule* rule = rules[RuleEffect::kRedact]) {
    Decision decision = by_rule(Verdict::kDeny, "redact_unavailable", *rule, evaluation);
    decision.reason += fmt::format("; {}", kNoRedact);
    decision.wanted = RuleEffect::kRedact;
    return decision;
  }
  return std::nullopt;
}

// By a rule or by the settings.
std::optional<Decision> denied(const MatchingRules& rules, const Settings& settings,
                               Evaluation& evaluation) {
  if (const Rule* rule = rules[RuleEffect::kDeny])
    return by_rule(Verdict::kDeny, "rule_denied", *rule, evaluation);
  if (settings.permission != Permission::kDeny) return std::nullopt;
  return deny("permission_denied",
              fmt::format("{} may not call {}: the settings deny it",
                          evaluation.input.writ->user.id, describe_tool(evaluation.input)));
}

}  // namespace

Policy::Policy(Document document, std::string version)
    : not_in_force_(find_not_in_force(document)),
      catalog_(std::move(document.catalog)),
      names_(catalog_.tools()),
      rules_(std::move(document.rules), names_),
      settings_(document.settings, names_),
      on_opaque_(document.on_opaque),
      on_inbound_(document.on_inbound),
      network_(document.network),
      version_(std::move(version)) {}

std::shared_ptr<const Policy> Policy::load(const std::vector<std::string>& files,
                                           Diagnostics& out) {
  std::vector<SourceText> sources;
  const bool all = read_sources(files, sources, out);
  std::shared_ptr<const Policy> policy = load_from_text(sources, out);
  return all ? policy : nullptr;
}

std::shared_ptr<const Policy> Policy::load_from_text(const std::vector<SourceText>& sources,
                                                     Diagnostics& out) {
  return load_from_trees(parse_sources(sources, out), out);
}

std::shared_ptr<const Policy> Policy::load_from_trees(const std::vector<SourceTree>& sources,
                                                      Diagnostics& out) {
  std::optional<Document> document = read_document(sources, out);
  if (!document) return nullptr;
  auto policy = std::make_shared<const Policy>(std::move(*document), content_version(sources));
  if (!policy->rules_.complete()) {
    out.push_back({.message = "the rules name too many tools in too many different ways",
                   .hint = "let more rules share the same list of tools"});
    return nullptr;
  }
  for (const Diagnostics& found : {policy->not_in_force(), find_idle_rules(*policy)}) {
    out.insert(out.end(), found.begin(), found.end());
  }
  return policy;
}

// A match of another policy must not index into this one's rules; such a call has no name here.
const Tool* Policy::own(const ToolMatch* match) const {
  if (match == nullptr || match->tool == nullptr) return nullptr;
  const std::size_t index = match->tool->index;
  const auto& tools = catalog_.tools();
  return index < tools.size() && &tools[index] == match->tool ? match->tool : nullptr;
}

Settings Policy::settings(std::string_view user, const ToolMatch* tool, identity::Tier tier) const {
  return settings_.find(user, own(tool), tier);
}

Decision Policy::decide(const Input& input) const {
  if (input.writ == nullptr) {
    return deny("no_identity", "nobody is known to be behind this call, so nobody may make it");
  }
  switch (input.what) {
    case Input::What::kUnparseable:
      return deny("unparseable",
                  fmt::format("the bytes to {} are no request that can be read: {}",
                              describe_destination(input.call.destination),
                              input.problem.empty() ? "malformed" : printable(input.problem)));
    case Input::What::kOpaque:
    case Input::What::kInbound:
      return decide_unread(input);
    case Input::What::kCall:
      return decide_call(input);
  }
  return deny("unparseable", "a call of no known kind");
}

Decision Policy::decide_unread(const Input& input) const {
  const bool opaque = input.what == Input::What::kOpaque;
  const std::string destination = describe_destination(input.call.destination);
  std::string what;
  std::string setting;
  if (opaque) {
    what = fmt::format("no plaintext was seen of bytes to {}", destination);
    if (!input.problem.empty()) what += fmt::format(" ({})", printable(input.problem));
    setting = on_opaque_ == OnOpaque::kAllow  ? "on_opaque is allow"
              : on_opaque_ == OnOpaque::kDeny ? "on_opaque is deny"
                                              : "on_opaque is hold, which this version denies";
  } else {
    what = fmt::format("the agent answers {}, which connected to it", destination);
    setting = on_inbound_ == OnInbound::kAllow ? "on_inbound is allow" : "on_inbound is deny";
  }
  const std::string code = opaque ? "opaque" : "inbound";
  const std::string reason = fmt::format("{}, and {}", what, setting);
  const bool allowed = opaque ? on_opaque_ == OnOpaque::kAllow : on_inbound_ == OnInbound::kAllow;
  if (!allowed) return deny(code, reason);

  Evaluation evaluation(input, nullptr);
  const MatchingRules rules = rules_.find(evaluation);
  const Settings settings = settings_.find(input.writ->user.id, nullptr, input.writ->tier);
  if (auto decision = denied(rules, settings, evaluation)) return *std::move(decision);
  if (auto decision = held_or_redacted(rules, settings, evaluation)) return *std::move(decision);
  if (const Rule* rule = rules[RuleEffect::kFlag])
    return by_rule(Verdict::kFlag, code, *rule, evaluation);
  return {.verdict = Verdict::kAllow, .reason = reason, .code = code};
}

Decision Policy::decide_call(const Input& input) const {
  const Tool* tool = own(input.tool);
  if (tool != nullptr) {
    identity::Scopes missing = identity::missing(input.writ->effective, tool->scopes);
    if (!missing.empty()) {
      Decision decision = deny("scope_missing", explain_missing_scope(input, missing));
      decision.missing = std::move(missing);
      return decision;
    }
  }
  Evaluation evaluation(input, tool);
  const MatchingRules rules = rules_.find(evaluation);
  const Rule* allow = rules[RuleEffect::kAllow];
  if (tool == nullptr && allow == nullptr) {
    return deny("tool_unknown", fmt::format("no tool of the catalog is {}, and no rule allows "
                                            "calls without a name",
                                            describe_tool(input)));
  }
  const Settings settings = settings_.find(input.writ->user.id, tool, input.writ->tier);
  if (auto decision = denied(rules, settings, evaluation)) return *std::move(decision);
  const bool traffic = tool != nullptr && tool->traffic;
  if (allow == nullptr && !traffic) {
    return deny("no_rule", fmt::format("{} may not call {}: no rule allows it", input.writ->user.id,
                                       describe_tool(input)));
  }
  if (auto decision = held_or_redacted(rules, settings, evaluation)) return *std::move(decision);
  const Rule* flag = rules[RuleEffect::kFlag];
  Decision decision = flag != nullptr ? by_rule(Verdict::kFlag, "flagged", *flag, evaluation)
                      : allow != nullptr
                          ? by_rule(Verdict::kAllow, "allowed", *allow, evaluation)
                          : Decision{.verdict = Verdict::kAllow,
                                     .reason = fmt::format("{} is MCP's own traffic", tool->name),
                                     .code = "allowed"};
  if (!input.complete) decision.reason += " (decided on the first part of the call)";
  return decision;
}

}  // namespace writ::policy
