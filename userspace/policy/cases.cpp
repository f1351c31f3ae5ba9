#include "policy/cases.h"

#include <fmt/format.h>

#include "policy/case_reader.h"

namespace writ::policy {
namespace {

std::string verdict_of(const Decision& decision) {
  if (decision.wanted) return std::string(to_text(*decision.wanted));
  switch (decision.verdict) {
    case Verdict::kAllow:
      return "allow";
    case Verdict::kFlag:
      return "flag";
    case Verdict::kDeny:
      return "deny";
  }
  return "";
}

std::string said(const std::string& verdict, const std::string& rule, const std::string& code) {
  std::string text = verdict;
  if (!rule.empty()) text += fmt::format(" by rule {}", rule);
  if (!code.empty()) text += fmt::format(" ({})", code);
  return text;
}

Decision decide(const Policy& policy, const Case& one, Diagnostics& out) {
  const AskedInput asked(policy, one);
  if (!asked.tool_known()) {
    out.push_back(
        {.file = one.file,
         .line = one.line,
         .message = fmt::format("case '{}': the policy has no tool '{}'", one.name, one.tool),
         .hint = "check its spelling, or describe the request"});
  }
  return policy.decide(asked.input());
}

CaseResult run(const Policy& policy, const Case& one, Diagnostics& out) {
  CaseResult result{.name = one.name, .file = one.file, .line = one.line};
  result.decision = decide(policy, one, out);
  const std::string verdict = verdict_of(result.decision);
  result.passed = verdict == one.verdict &&
                  (one.rule.empty() || one.rule == result.decision.rule) &&
                  (one.code.empty() || one.code == result.decision.code);
  result.expected = said(one.verdict, one.rule, one.code);
  result.got =
      said(verdict, result.decision.rule, result.decision.code) + ": " + result.decision.reason;
  return result;
}

}  // namespace

std::optional<std::vector<CaseResult>> run_cases(const PolicySet& policies,
                                                 const std::vector<SourceText>& sources,
                                                 const identity::Directory* directory,
                                                 Diagnostics& out) {
  Diagnostics found;
  std::vector<CaseResult> results;
  for (const SourceText& source : sources) {
    const auto root = parse_yaml(source.text, source.file, found);
    if (!root) continue;
    YamlMap top(*root, source.file, found);
    if (!top.has("version")) top.error("version", "'version' is missing", "write version: 1");
    (void)top.integer("version", 1, 1);
    if (!top.has("cases")) top.error("cases", "'cases' is missing");
    top.each("cases", [&](const YAML::Node& node) {
      const std::size_t before = found.size();
      const Case one = read_case(node, source.file, directory, found);
      if (found.size() != before) return;
      results.push_back(run(*policies.of(one.writ.tenant), one, found));
    });
    top.finish();
  }
  const bool failed = has_errors(found);
  out.insert(out.end(), found.begin(), found.end());
  if (failed) return std::nullopt;
  return results;
}

}  // namespace writ::policy
