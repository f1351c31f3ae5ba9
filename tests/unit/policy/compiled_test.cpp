// The compiled form against a naive evaluator: random policies over all conditions, random calls,
// every rule read aloud for each of them, 100,000 cases; files and rules in two orders.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "policy/support.h"

namespace writ::policy {
namespace {

using Names = std::vector<std::string>;

struct ToolSpec {
  const char* name;
  const char* effect;
  const char* scope;
  bool untrusted;
};
constexpr ToolSpec kSpecs[] = {{"crm.read", "read", "crm.read", false},
                               {"crm.write", "write", "crm.write", false},
                               {"fin.pay", "write", "fin.pay", false},
                               {"web.get", "read", "", true}};

// One condition in text, and what it says of a case, written down a second time.
struct CaseSpec;
struct Condition {
  std::string text;
  std::function<Truth(const CaseSpec&)> holds;
};

struct RuleSpec {
  std::string id;
  std::string effect;
  Names tools;  // empty: every call
  std::vector<Condition> conditions;
};

struct CaseSpec {
  const ToolSpec* tool = nullptr;
  std::string method = "GET";
  std::string host;
  std::string address;
  identity::Writ writ;
  std::optional<int> amount;  // in the body
  bool readable = true;
  std::vector<FindingView> findings;
  std::optional<SessionFacts> session;
  Names used;
  bool tainted = false;
};

bool has(const Names& all, std::string_view one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

// Only globs of one star, at an end.
bool glob(const std::string& pattern, const std::string& text) {
  if (pattern.ends_with("*")) return text.starts_with(pattern.substr(0, pattern.size() - 1));
  if (pattern.starts_with("*")) return text.ends_with(pattern.substr(1));
  return pattern == text;
}

bool any_glob(const Names& patterns, const std::string& text) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const std::string& one) { return glob(one, text); });
}

std::string listed(const Names& values) {
  std::string text;
  for (const std::string& value : values) text += "'" + value + "', ";
  return "[" + text + "]";
}

bool names(const RuleSpec& rule, const CaseSpec& c) {
  if (rule.tools.empty()) return true;
  return std::any_of(rule.tools.begin(), rule.tools.end(), [&](const std::string& one) {
    return c.tool == nullptr ? one == "?" : one != "?" && glob(one, c.tool->name);
  });
}

struct Expected {
  std::string code;
  std::string rule;
};

Expected judge(const std::vector<RuleSpec>& rules, const CaseSpec& c) {
  std::map<std::string, std::set<std::string>> matching;
  for (const RuleSpec& rule : rules) {
    if (!names(rule, c)) continue;
    Truth truth = Truth::kYes;
    for (const Condition& condition : rule.conditions) truth = both(truth, condition.holds(c));
    const bool counts =
        truth == Truth::kYes || (truth == Truth::kUnknown && rule.effect != "allow");
    if (counts) matching[rule.effect].insert(rule.id);
  }
  const bool allowed = !matching["allow"].empty();
  if (c.tool == nullptr && !allowed) return {"tool_unknown", ""};
  if (c.tool != nullptr && *c.tool->scope != 0 && !has(c.writ.effective, c.tool->scope))
    return {"scope_missing", ""};
  if (!matching["deny"].empty()) return {"rule_denied", *matching["deny"].begin()};
  if (!allowed) return {"no_rule", ""};
  for (const auto& [effect, code] :
       {std::pair("hold", "hold_unavailable"), std::pair("redact", "redact_unavailable"),
        std::pair("flag", "flagged")}) {
    if (!matching[effect].empty()) return {code, *matching[effect].begin()};
  }
  return {"allowed", *matching["allow"].begin()};
}

class Generator {
 public:
  unsigned below(unsigned n) { return static_cast<unsigned>(random_() % n); }

  Names some(const Names& from) {
    Names chosen;
    for (const std::string& one : from) {
      if (below(3) == 0) chosen.push_back(one);
    }
    if (chosen.empty()) chosen.push_back(from[below(static_cast<unsigned>(from.size()))]);
    return chosen;
  }

  Condition condition() {
    switch (below(11)) {
      case 0: {
        const Names users = some({"u1", "u2", "u3"});
        return {"users: " + listed(users),
                [=](const CaseSpec& c) { return truth_of(has(users, c.writ.user.id)); }};
      }
      case 1: {
        const Names roles = some({"sales", "finance", "lead"});
        return {"roles: " + listed(roles), [=](const CaseSpec& c) {
                  const auto& own = c.writ.user.roles;
                  return truth_of(std::any_of(own.begin(), own.end(), [&](const std::string& role) {
                    return has(roles, role);
                  }));
                }};
      }
      case 2: {
        const Names agents = some({"a1", "a2"});
        return {"agents: " + listed(agents),
                [=](const CaseSpec& c) { return truth_of(has(agents, c.writ.agent.id)); }};
      }
      case 3: {
        const Names hosts = some({"x.test", "*.x.test", "a.*", "y.test", "b.y.test"});
        return {"hosts: " + listed(hosts), [=](const CaseSpec& c) {
                  return c.host.empty() ? Truth::kUnknown : truth_of(any_glob(hosts, c.host));
                }};
      }
      case 4: {
        const Names ranges = some({"10.0.0.0/8", "10.1.0.0/16", "192.168.1.1", "::/0"});
        return {"destinations: " + listed(ranges), [=](const CaseSpec& c) {
                  if (c.address.empty()) return Truth::kUnknown;
                  return truth_of(
                      std::any_of(ranges.begin(), ranges.end(), [&](const std::string& range) {
                        return contains(*parse_range(range), *parse_address(c.address));
                      }));
                }};
      }
      case 5: {
        const Names methods = some({"GET", "POST"});
        return {"methods: " + listed(methods),
                [=](const CaseSpec& c) { return truth_of(has(methods, c.method)); }};
      }
      case 6: {
        const std::string effect = below(2) == 0 ? "read" : "write";
        return {"effects: [" + effect + "]", [=](const CaseSpec& c) {
                  return c.tool == nullptr ? Truth::kUnknown : truth_of(effect == c.tool->effect);
                }};
      }
      case 7: {
        const int limit = static_cast<int>(below(5));
        return {fmt::format("args: {{amount: {{le: {}}}}}", limit), [=](const CaseSpec& c) {
                  if (!c.readable || !c.amount) return Truth::kUnknown;
                  return truth_of(*c.amount <= limit);
                }};
      }
      case 8: {
        const Names kinds = some({"pii", "pii.card", "secret.*"});
        return {"findings: " + listed(kinds), [=](const CaseSpec& c) {
                  return truth_of(
                      std::any_of(c.findings.begin(), c.findings.end(), [&](const FindingView& f) {
                        return has(kinds, f.category) || any_glob(kinds, std::string(f.rule));
                      }));
                }};
      }
      case 9: {
        const Names tools = some({"crm.*", "web.get", "fin.pay"});
        return {"used_before: " + listed(tools), [=](const CaseSpec& c) {
                  if (!c.session) return Truth::kUnknown;
                  return truth_of(
                      std::any_of(c.used.begin(), c.used.end(),
                                  [&](const std::string& used) { return any_glob(tools, used); }));
                }};
      }
      default: {
        const bool wanted = below(2) == 0;
        return {fmt::format("tainted: {}", wanted), [=](const CaseSpec& c) {
                  return c.session ? truth_of(c.tainted == wanted) : Truth::kUnknown;
                }};
      }
    }
  }

  std::vector<RuleSpec> rules() {
    std::vector<RuleSpec> all(below(14));
    for (std::size_t i = 0; i < all.size(); ++i) {
      RuleSpec& rule = all[i];
      rule.id = fmt::format("r{}.{}", below(90) + 10, i);
      rule.effect = Names{"deny", "hold", "redact", "flag", "allow", "allow", "allow"}[below(7)];
      if (rule.effect == "allow" || below(2) == 0)
        rule.tools = some({"crm.*", "*.read", "fin.pay", "*", "?", "crm.write", "web.*"});
      std::set<std::string> keys;  // one condition of a kind
      for (unsigned n = below(rule.effect == "allow" ? 3 : 4); n > 0; --n) {
        Condition one = condition();
        if (keys.insert(one.text.substr(0, one.text.find(':'))).second)
          rule.conditions.push_back(std::move(one));
      }
    }
    return all;
  }

  CaseSpec one_case() {
    CaseSpec c;
    if (below(5) != 0) c.tool = &kSpecs[below(4)];
    c.method = c.tool != nullptr && c.tool->name == std::string("crm.write") ? "POST"
               : c.tool != nullptr && c.tool->name == std::string("fin.pay") ? "POST"
                                                                             : "GET";
    c.host = c.tool != nullptr ? Names{"x.test", "a.x.test", "b.a.x.test", "b.y.test"}[below(4)]
                               : Names{"x.test", "y.test", "z.test", ""}[below(4)];
    c.address = Names{"10.1.2.3", "10.2.0.1", "192.168.1.1", "2001:db8::1", ""}[below(5)];
    c.writ.user.id = Names{"u1", "u2", "u3", "u4"}[below(4)];
    if (below(3) != 0) c.writ.user.roles = some({"sales", "finance", "lead"});
    c.writ.agent.id = Names{"a1", "a2", "a3"}[below(3)];
    c.writ.effective = some({"crm.read", "crm.write", "fin.pay"});
    if (below(4) != 0) c.amount = static_cast<int>(below(6));
    c.readable = below(6) != 0;
    for (const FindingView& finding :
         {FindingView{"pii.card", "pii"}, FindingView{"pii.email", "pii"},
          FindingView{"secret.aws", "secret"}}) {
      if (below(4) == 0) c.findings.push_back(finding);
    }
    if (below(6) == 0) return c;
    c.session.emplace();
    for (const ToolSpec& tool : kSpecs) {
      if (below(3) != 0) continue;
      c.session->note_call(tool.name, "");
      c.used.emplace_back(tool.name);
      if (below(2) == 0) continue;
      c.session->note_result(tool.name, tool.untrusted, {});
      c.tainted = c.tainted || tool.untrusted;
    }
    return c;
  }

  std::vector<SourceText> write(std::vector<RuleSpec> rules) {
    std::shuffle(rules.begin(), rules.end(), random_);
    std::vector<SourceText> files(1 + below(3));
    for (SourceText& file : files) file.text = "version: 1\nrules:\n";
    for (RuleSpec& rule : rules) {
      std::shuffle(rule.conditions.begin(), rule.conditions.end(), random_);
      std::string text = "  - {id: " + rule.id + ", effect: " + rule.effect;
      if (!rule.tools.empty()) text += ", tools: " + listed(rule.tools);
      for (const Condition& one : rule.conditions) text += ", " + one.text;
      files[below(static_cast<unsigned>(files.size()))].text += text + "}\n";
    }
    std::string tools = "version: 1\ntools:\n";
    for (const ToolSpec& tool : kSpecs) {
      tools += fmt::format(
          "  - {{name: {0}, host: ['*.test'], method: '*', path: /{0}, scopes: [{1}], effect: {2}, "
          "untrusted: {3}}}\n",
          tool.name, tool.scope, tool.effect, tool.untrusted);
    }
    files.push_back({.text = tools});
    std::shuffle(files.begin(), files.end(), random_);
    for (std::size_t i = 0; i < files.size(); ++i) files[i].file = std::to_string(i);
    return files;
  }

 private:
  std::mt19937 random_{4711};  // NOLINT(cert-msc51-cpp): the same cases in every run
};

TEST(CompiledPolicy, AgreesWithANaiveEvaluatorInAnyOrder) {
  Generator generator;
  std::map<std::string, int> answers;
  int cases = 0;
  for (int round = 0; round < 1000; ++round) {
    const std::vector<RuleSpec> rules = generator.rules();
    std::vector<std::shared_ptr<const Policy>> policies;
    for (int order = 0; order < 2; ++order) {
      Diagnostics out;
      const auto sources = generator.write(rules);
      policies.push_back(Policy::load_from_text(sources, out));
      ASSERT_TRUE(policies.back()) << text_of(out) << sources[0].text;
    }
    for (int i = 0; i < 100; ++i, ++cases) {
      const CaseSpec c = generator.one_case();
      const Expected expected = judge(rules, c);
      ++answers[expected.code];
      ToolCall call{.method = c.method,
                    .host = c.host,
                    .path = c.tool == nullptr ? "/none" : std::string("/") + c.tool->name};
      call.destination = {.address = c.address, .port = 443};
      const std::string body = !c.readable ? "nonsense"
                               : c.amount  ? fmt::format("{{\"amount\":{}}}", *c.amount)
                                           : "{}";
      const Arguments arguments = Arguments::read(body, "");
      std::vector<Decision> decisions;
      for (const auto& policy : policies) {
        const auto match = policy->match(call);
        ASSERT_EQ(match.has_value(), c.tool != nullptr);
        decisions.push_back(policy->decide({.call = call,
                                            .tool = match ? &*match : nullptr,
                                            .writ = &c.writ,
                                            .findings = c.findings,
                                            .arguments = &arguments,
                                            .session = c.session ? &*c.session : nullptr}));
        ASSERT_EQ(decisions.back().code, expected.code) << decisions.back().reason;
        ASSERT_EQ(decisions.back().rule, expected.rule);
      }
      ASSERT_EQ(decisions[0].reason, decisions[1].reason);
    }
  }
  EXPECT_EQ(cases, 100'000);
  for (const char* code : {"tool_unknown", "scope_missing", "rule_denied", "no_rule",
                           "hold_unavailable", "redact_unavailable", "flagged", "allowed"})
    EXPECT_GT(answers[code], 1000) << code;
}

}  // namespace
}  // namespace writ::policy
