#include "policy/explain.h"

#include <fmt/format.h>

#include "policy/conditions.h"

namespace writ::policy {

std::string printable(std::string_view text) {
  constexpr std::size_t kMaxShown = 120;
  std::string shown;
  for (const char c : text.substr(0, kMaxShown)) shown += c >= ' ' && c <= '~' ? c : '.';
  if (text.size() > kMaxShown) shown += "...";
  return shown;
}

std::string describe_destination(const Endpoint& destination) {
  if (destination.address.empty()) return "an unknown destination";
  const bool v6 = destination.address.find(':') != std::string::npos;
  std::string text = fmt::format("{}{}{}:{}", v6 ? "[" : "", printable(destination.address),
                                 v6 ? "]" : "", destination.port);
  for (const std::string& name : destination.names) {
    text += fmt::format("{}{}", &name == &destination.names.front() ? " (" : ", ", printable(name));
  }
  return destination.names.empty() ? text : text + ")";
}

std::string describe_tool(const Input& input) {
  if (input.tool != nullptr) return input.tool->tool->name;
  if (input.what != Input::What::kCall) return describe_destination(input.call.destination);
  std::string said;
  if (input.call.mcp) {
    said = fmt::format("{} {}{}at ", printable(input.call.mcp->method),
                       printable(input.call.mcp->name), input.call.mcp->name.empty() ? "" : " ");
  }
  return fmt::format("{}{} {}{}", said, printable(input.call.method), printable(input.call.host),
                     printable(input.call.path));
}

std::string explain_missing_scope(const Input& input, const identity::Scopes& missing) {
  const identity::Writ& writ = *input.writ;
  const std::string& scope = missing.front();
  const bool user = identity::covers(writ.user.scopes, scope);
  const bool agent = identity::covers(writ.agent.scopes, scope);
  std::string who;
  if (user && agent) {
    who = fmt::format("user {} and agent {} have it, this delegation does not pass it on",
                      writ.user.id, writ.agent.id);
  } else if (user) {
    who = fmt::format("user {} has it, agent {} does not", writ.user.id, writ.agent.id);
  } else if (agent) {
    who = fmt::format("agent {} has it, user {} does not", writ.agent.id, writ.user.id);
  } else {
    who = fmt::format("neither user {} nor agent {} has it", writ.user.id, writ.agent.id);
  }
  const std::string more =
      missing.size() > 1 ? fmt::format("; and {} more", missing.size() - 1) : "";
  return fmt::format("{} may not call {}: scope {} is missing ({}){}", writ.user.id,
                     describe_tool(input), scope, who, more);
}

namespace {

std::string built_in_reason(const Rule& rule, const Input& input) {
  const std::string& user = input.writ->user.id;
  const std::string tool = describe_tool(input);
  switch (rule.effect) {
    case RuleEffect::kDeny:
      return fmt::format("{} may not call {}: rule {} denies it", user, tool, rule.id);
    case RuleEffect::kHold:
      return fmt::format("{} may call {} when a person agrees, says rule {}", user, tool, rule.id);
    case RuleEffect::kRedact:
      return fmt::format("{} may call {} without what was found in it, says rule {}", user, tool,
                         rule.id);
    case RuleEffect::kFlag:
      return fmt::format("{} may call {}, marked by rule {}", user, tool, rule.id);
    case RuleEffect::kAllow:
      return fmt::format("{} may call {}: rule {} allows it", user, tool, rule.id);
  }
  return "";
}

}  // namespace

std::string explain_rule(const Rule& rule, Evaluation& evaluation) {
  std::string text = rule.reason.empty() ? built_in_reason(rule, evaluation.input)
                                         : rule.reason.expand(rule, evaluation);
  if (rule.effect == RuleEffect::kAllow) return text;
  if (const auto undefined = undefined_condition(rule, evaluation); !undefined.empty()) {
    text += fmt::format(" (its condition '{}' cannot be answered for this call)", undefined);
  }
  return text;
}

}  // namespace writ::policy
