// The compiled policy against the rules read aloud: random policies and calls, judged by a second
// evaluator that knows no index, no order and no catalog, over files and rules in any order.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "policy/policy.h"

namespace writ::policy {
namespace {

using Names = std::vector<std::string>;

struct RuleSpec {
  std::string id;
  std::string effect;
  Names tools;
  Names users;
  Names roles;
  Names agents;
  Names findings;
};

struct CaseSpec {
  std::string tool;  // "": none
  Names required;
  identity::Writ writ;
  std::vector<FindingView> findings;
};

const Names kTools = {"crm.read", "crm.note", "fin.read", "fin.pay"};
const std::map<std::string, Names> kRequired = {{"crm.read", {"crm.read"}},
                                                {"crm.note", {"crm.read", "crm.write"}},
                                                {"fin.read", {"fin.read"}},
                                                {"fin.pay", {}}};

bool contains(const Names& all, const std::string& one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

// Only the globs that the generator writes: "x.*", "*.x", "*", plain.
bool glob(const std::string& pattern, const std::string& text) {
  if (pattern == "*") return true;
  if (pattern.ends_with("*")) return text.starts_with(pattern.substr(0, pattern.size() - 1));
  if (pattern.starts_with("*")) return text.ends_with(pattern.substr(1));
  return pattern == text;
}

bool holds(const RuleSpec& rule, const CaseSpec& c) {
  if (!rule.tools.empty()) {
    bool one = false;
    for (const std::string& t : rule.tools)
      one |= c.tool.empty() ? t == "?" : t != "?" && glob(t, c.tool);
    if (!one) return false;
  }
  if (!rule.users.empty() && !contains(rule.users, c.writ.user.id)) return false;
  if (!rule.agents.empty() && !contains(rule.agents, c.writ.agent.id)) return false;
  if (!rule.roles.empty()) {
    bool one = false;
    for (const std::string& role : c.writ.user.roles) one |= contains(rule.roles, role);
    if (!one) return false;
  }
  if (!rule.findings.empty()) {
    bool one = false;
    for (const FindingView& f : c.findings) {
      for (const std::string& pattern : rule.findings)
        one |= pattern == f.category || glob(pattern, std::string(f.rule));
    }
    if (!one) return false;
  }
  return true;
}

struct Expected {
  Verdict verdict = Verdict::kDeny;
  std::string code;
  std::string rule;
};

Expected judge(const std::vector<RuleSpec>& rules, const CaseSpec& c) {
  std::map<std::string, std::set<std::string>> matching;  // effect → ids
  for (const RuleSpec& rule : rules) {
    if (holds(rule, c)) matching[rule.effect].insert(rule.id);
  }
  const auto first = [&](const char* effect) {
    return matching[effect].empty() ? "" : *matching[effect].begin();
  };
  if (c.tool.empty() && matching["allow"].empty()) return {Verdict::kDeny, "tool_unknown", ""};
  for (const std::string& scope : c.required) {
    if (!identity::covers(c.writ.effective, scope)) return {Verdict::kDeny, "scope_missing", ""};
  }
  if (!matching["deny"].empty()) return {Verdict::kDeny, "rule_denied", first("deny")};
  if (matching["allow"].empty()) return {Verdict::kDeny, "no_rule", ""};
  if (!matching["flag"].empty()) return {Verdict::kFlag, "flagged", first("flag")};
  return {Verdict::kAllow, "allowed", first("allow")};
}

class Generator {
 public:
  Names some(const Names& from, unsigned none_of_8) {
    if (random_() % 8 < none_of_8) return {};
    Names chosen;
    for (const std::string& one : from) {
      if (random_() % 3 == 0) chosen.push_back(one);
    }
    if (chosen.empty()) chosen.push_back(from[random_() % from.size()]);
    return chosen;
  }
  std::vector<RuleSpec> rules() {
    std::vector<RuleSpec> all(random_() % 7);
    for (std::size_t i = 0; i < all.size(); ++i) {
      RuleSpec& rule = all[i];
      rule.id = "r" + std::to_string(random_() % 90 + 10) + "." + std::to_string(i);
      rule.effect = Names{"deny", "flag", "allow", "allow", "allow"}[random_() % 5];
      rule.tools = some({"crm.*", "*.read", "fin.pay", "*", "?", "crm.note", "fin.*"},
                        rule.effect == "allow" ? 0 : 3);
      rule.users = some({"u1", "u2", "u3"}, 6);
      rule.roles = some({"sales", "finance"}, 6);
      rule.agents = some({"a1", "a2"}, 6);
      rule.findings =
          some({"pii", "pii.card", "secret.*", "*.phrase"}, rule.effect == "allow" ? 7 : 4);
    }
    return all;
  }
  CaseSpec one_case() {
    CaseSpec c;
    if (random_() % 6 != 0) {
      c.tool = kTools[random_() % kTools.size()];
      c.required = kRequired.at(c.tool);
    }
    c.writ.user.id = Names{"u1", "u2", "u3", "u4"}[random_() % 4];
    c.writ.user.roles = some({"sales", "finance", "lead"}, 2);
    c.writ.agent.id = Names{"a1", "a2", "a3"}[random_() % 3];
    c.writ.user.scopes = some({"*", "crm.*", "fin.read", "crm.read"}, 1);
    c.writ.agent.scopes = some({"*", "crm.read", "crm.write", "fin.*"}, 1);
    c.writ.effective = identity::intersect(c.writ.user.scopes, c.writ.agent.scopes);
    for (const FindingView& finding :
         {FindingView{"pii.card", "pii"}, FindingView{"pii.email", "pii"},
          FindingView{"secret.aws", "secret"}, FindingView{"injection.phrase", "injection"}}) {
      if (random_() % 4 == 0) c.findings.push_back(finding);
    }
    return c;
  }
  // The rules over one to three files, in any order.
  std::vector<SourceText> write(std::vector<RuleSpec> rules) {
    std::shuffle(rules.begin(), rules.end(), random_);
    std::vector<SourceText> files(1 + random_() % 3);
    for (SourceText& file : files) file.text = "version: 1\nrules:\n";
    for (const RuleSpec& rule : rules) {
      std::string& text = files[random_() % files.size()].text;
      text += "  - {id: " + rule.id + ", effect: " + rule.effect;
      for (const auto& [key, values] :
           {std::pair("tools", rule.tools), std::pair("users", rule.users),
            std::pair("roles", rule.roles), std::pair("agents", rule.agents),
            std::pair("findings", rule.findings)}) {
        if (values.empty()) continue;
        text += std::string(", ") + key + ": [";
        for (const std::string& value : values) text += "'" + value + "', ";
        text += "]";
      }
      text += "}\n";
    }
    std::string tools = "version: 1\ntools:\n";
    for (const std::string& tool : kTools) {
      tools += fmt::format(
          "  - {{name: {0}, host: h.test, method: GET, path: /{0}, effect: read, scopes: [", tool);
      for (const std::string& scope : kRequired.at(tool)) tools.append(scope).append(", ");
      tools += "]}\n";
    }
    files.push_back({.text = tools});
    std::shuffle(files.begin(), files.end(), random_);
    for (std::size_t i = 0; i < files.size(); ++i) files[i].file = std::to_string(i);
    return files;
  }

 private:
  std::mt19937 random_{42};  // NOLINT(cert-msc51-cpp): the same cases in every run
};

TEST(PolicyDifferential, AgreesWithTheRulesReadAloud) {
  Generator generator;
  std::map<std::string, int> answers;
  for (int round = 0; round < 400; ++round) {
    const std::vector<RuleSpec> rules = generator.rules();
    std::vector<std::shared_ptr<const Policy>> policies;
    for (int order = 0; order < 2; ++order) {
      Diagnostics out;
      policies.push_back(Policy::load_from_text(generator.write(rules), out));
      ASSERT_TRUE(policies.back()) << to_string(out[0]);
    }
    for (int i = 0; i < 60; ++i) {
      const CaseSpec c = generator.one_case();
      const Expected expected = judge(rules, c);
      ++answers[expected.code];
      const ToolCall call{
          .method = "GET", .host = "h.test", .path = "/" + (c.tool.empty() ? "none" : c.tool)};
      std::vector<Decision> decisions;
      for (const auto& policy : policies) {
        const auto match = policy->match(call);
        ASSERT_EQ(match ? match->tool->name : "", c.tool);
        decisions.push_back(policy->decide({.call = call,
                                            .tool = match ? &*match : nullptr,
                                            .writ = &c.writ,
                                            .findings = c.findings}));
        ASSERT_EQ(decisions.back().verdict, expected.verdict)
            << expected.code << " " << decisions.back().code;
        ASSERT_EQ(decisions.back().code, expected.code);
        ASSERT_EQ(decisions.back().rule, expected.rule);
        // Where findings are said not to matter they do not.
        if (!policy->reads_findings(match ? &*match : nullptr)) {
          const Decision without =
              policy->decide({.call = call, .tool = match ? &*match : nullptr, .writ = &c.writ});
          ASSERT_EQ(without.code, expected.code);
          ASSERT_EQ(without.rule, expected.rule);
        }
      }
      ASSERT_EQ(decisions[0].reason, decisions[1].reason);
    }
  }
  // 24,000 cases, and each answer among them often.
  for (const char* code :
       {"tool_unknown", "scope_missing", "rule_denied", "no_rule", "flagged", "allowed"})
    EXPECT_GT(answers[code], 200) << code;
}

}  // namespace
}  // namespace writ::policy
