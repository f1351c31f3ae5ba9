#include "policy/rule.h"

#include <algorithm>
#include <array>

#include "policy/explain.h"
#include "policy/glob.h"

namespace writ::policy {
namespace {

constexpr std::array<std::string_view, 4> kPlaceholders = {"{user}", "{agent}", "{tool}",
                                                           "{findings}"};
constexpr std::size_t kMaxListedFindings = 8;

bool lists(const std::vector<std::string>& sorted, std::string_view value) {
  return std::binary_search(sorted.begin(), sorted.end(), value, std::less<std::string_view>());
}

std::string list_findings(const Rule& rule, std::span<const FindingView> findings) {
  std::vector<std::string_view> names;
  for (const FindingView& finding : findings) {
    const bool wanted =
        rule.findings.empty() ||
        std::any_of(rule.findings.begin(), rule.findings.end(),
                    [&](const std::string& c) { return finding_matches(c, finding); });
    if (wanted && std::find(names.begin(), names.end(), finding.rule) == names.end())
      names.push_back(finding.rule);
    if (names.size() > kMaxListedFindings) break;
  }
  std::sort(names.begin(), names.end());
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kMaxListedFindings); ++i) {
    if (i > 0) text += ", ";
    text += names[i];
  }
  if (names.size() > kMaxListedFindings) text += " and more";
  return text.empty() ? "nothing" : text;
}

}  // namespace

bool applies_to_unnamed(const Rule& rule) {
  return rule.tools.empty() ||
         std::find(rule.tools.begin(), rule.tools.end(), "?") != rule.tools.end();
}

bool finding_matches(std::string_view condition, const FindingView& finding) {
  return condition == finding.category || glob_match(condition, finding.rule);
}

bool conditions_hold(const Rule& rule, const identity::Writ& writ,
                     std::span<const FindingView> findings) {
  if (!rule.users.empty() && !lists(rule.users, writ.user.id)) return false;
  if (!rule.agents.empty() && !lists(rule.agents, writ.agent.id)) return false;
  if (!rule.roles.empty() &&
      std::none_of(writ.user.roles.begin(), writ.user.roles.end(),
                   [&](const std::string& role) { return lists(rule.roles, role); }))
    return false;
  if (!rule.tiers.empty() &&
      std::find(rule.tiers.begin(), rule.tiers.end(), writ.tier) == rule.tiers.end())
    return false;
  if (rule.at_least && writ.strength < *rule.at_least) return false;
  if (rule.below && writ.strength >= *rule.below) return false;
  return rule.findings.empty() ||
         std::any_of(findings.begin(), findings.end(), [&](const FindingView& finding) {
           return std::any_of(rule.findings.begin(), rule.findings.end(),
                              [&](const std::string& c) { return finding_matches(c, finding); });
         });
}

std::string unknown_placeholder(std::string_view reason) {
  for (std::size_t at = 0; (at = reason.find_first_of("{}", at)) != std::string_view::npos;) {
    const std::string_view rest = reason.substr(at);
    const auto* const known =
        std::find_if(kPlaceholders.begin(), kPlaceholders.end(),
                     [&](std::string_view name) { return rest.starts_with(name); });
    if (known == kPlaceholders.end()) {
      const std::size_t end = rest.find('}');
      return std::string(end == std::string_view::npos ? rest : rest.substr(0, end + 1));
    }
    at += known->size();
  }
  return "";
}

std::string expand_reason(const Rule& rule, const Input& input) {
  const std::array<std::string, 4> values = {input.writ->user.id, input.writ->agent.id,
                                             describe_tool(input),
                                             list_findings(rule, input.findings)};
  std::string text;
  std::string_view rest = rule.reason;
  while (!rest.empty()) {
    const std::size_t brace = rest.find('{');
    text += rest.substr(0, brace);
    if (brace == std::string_view::npos) break;
    rest.remove_prefix(brace);
    for (std::size_t i = 0; i < kPlaceholders.size(); ++i) {
      if (!rest.starts_with(kPlaceholders.at(i))) continue;
      text += values.at(i);
      rest.remove_prefix(kPlaceholders.at(i).size());
      break;
    }
  }
  return text;
}

}  // namespace writ::policy
