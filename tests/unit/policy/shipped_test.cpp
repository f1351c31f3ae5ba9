// Every policy in policies/ loads without a word, says what it is for, and decides its cases as
// they say; the demo's story comes out.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "identity/directory.h"
#include "policy/cases.h"
#include "policy/policy.h"
#include "util/yaml.h"

namespace writ::policy {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

const std::filesystem::path kPolicies = std::filesystem::path(WRIT_SOURCE_DIR) / "policies";

std::vector<std::string> shipped() {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(kPolicies)) {
    // prices.yaml is what models cost (llm/prices.h).
    if (entry.path().extension() == ".yaml" && entry.path().stem() != "prices")
      files.push_back(entry.path());
  }
  return files;
}

std::string name_of(const std::filesystem::path& file) { return file.stem(); }

TEST(ShippedPolicies, LoadWithoutADiagnosticAndSayWhatTheyProtect) {
  const std::vector<std::string> files = shipped();
  ASSERT_GE(files.size(), 5u);
  for (const std::string& file : files) {
    Diagnostics out;
    EXPECT_TRUE(Policy::load({file}, out)) << file;
    for (const Diagnostic& d : out) ADD_FAILURE() << to_string(d);
    const auto text = read_text_file(file);
    ASSERT_TRUE(text);
    EXPECT_TRUE(text->starts_with("# Protects: ")) << file;
    EXPECT_THAT(*text, HasSubstr("# Try it: ")) << file;
    EXPECT_THAT(*text, HasSubstr("policies/cases/" + name_of(file) + ".yaml")) << file;
  }
}

// Of the policy `name`: its cases, run with the people of its directory, where it has one.
std::vector<CaseResult> cases_of(const std::string& name, const PolicySet& policies) {
  Diagnostics out;
  std::optional<identity::Directory> directory;
  const auto people = kPolicies / (name + "-directory");
  if (std::filesystem::exists(people))
    directory = identity::Directory::load(people / "users.yaml", people / "agents.yaml", out);
  std::vector<SourceText> sources;
  EXPECT_TRUE(read_sources({kPolicies / "cases" / (name + ".yaml")}, sources, out));
  const auto results = run_cases(policies, sources, directory ? &*directory : nullptr, out);
  for (const Diagnostic& d : out) ADD_FAILURE() << to_string(d);
  return results.value_or(std::vector<CaseResult>());
}

TEST(ShippedPolicies, DecideTheirCasesAndEachRuleDecidesOne) {
  for (const std::string& file : shipped()) {
    const std::string name = name_of(file);
    SCOPED_TRACE(name);
    Diagnostics out;
    const auto policies = PolicySet::load({file}, out);
    ASSERT_TRUE(policies);
    const std::vector<CaseResult> results = cases_of(name, *policies);
    std::set<std::string> decided;
    for (const CaseResult& result : results) {
      EXPECT_TRUE(result.passed) << result.file << ":" << result.line << ": expected "
                                 << result.expected << ", got " << result.got;
      decided.insert(result.decision.rule);
    }
    const std::vector<Rule>& rules = policies->of(identity::kDefaultTenant)->rules();
    for (const Rule& rule : rules)
      EXPECT_TRUE(decided.contains(rule.id)) << "no case is decided by rule " << rule.id;
    EXPECT_GE(results.size(), 2 * rules.size()) << "each rule needs a neighbour, too";
  }
}

class Demo : public testing::Test {
 protected:
  void SetUp() override {
    Diagnostics out;
    policy_ = Policy::load({kPolicies / "demo.yaml"}, out);
    directory_ = identity::Directory::load(kPolicies / "demo-directory/users.yaml",
                                           kPolicies / "demo-directory/agents.yaml", out);
    ASSERT_TRUE(policy_);
    ASSERT_TRUE(directory_);
    ASSERT_THAT(out, IsEmpty());
  }
  Decision ask(const std::string& user, const ToolCall& call,
               const std::vector<FindingView>& findings = {}) {
    const auto writ = identity::issue(
        *directory_->user("default", user), *directory_->agent("default", "sales-assistant"),
        {.via = "test", .strength = identity::IdentityStrength::kAsserted},
        std::chrono::system_clock::now());
    const auto tool = policy_->match(call);
    return policy_->decide({.call = call,
                            .tool = tool ? &*tool : nullptr,
                            .writ = &writ.value(),
                            .findings = findings});
  }
  static ToolCall call(std::string method, std::string host, std::string path,
                       std::string address = "127.0.0.1") {
    return {.method = std::move(method),
            .host = std::move(host),
            .path = std::move(path),
            .destination = {.address = std::move(address), .port = 8443}};
  }
  std::shared_ptr<const Policy> policy_;
  std::optional<identity::Directory> directory_;
};

TEST_F(Demo, TheStoryComesOut) {
  const ToolCall contact = call("GET", "crm.example.test", "/contacts/42");
  const ToolCall revenue = call("GET", "finance.example.test", "/revenue/2024-q1");
  const ToolCall note = call("POST", "crm.example.test", "/contacts/42/notes");
  EXPECT_EQ(ask("sarah", contact).code, "allowed");
  EXPECT_EQ(ask("diana", contact).code, "allowed");
  const Decision denied = ask("sarah", revenue);
  EXPECT_EQ(denied.code, "scope_missing");
  EXPECT_EQ(denied.reason,
            "sarah may not call finance.revenue.read: scope finance.revenue.read is missing (agent "
            "sales-assistant has "
            "it, user sarah does not)");
  EXPECT_EQ(ask("diana", revenue).code, "allowed");
  EXPECT_EQ(ask("diana", note).code, "scope_missing");
  EXPECT_EQ(ask("sarah", note).code, "allowed");
  const Decision flagged = ask("sarah", note, {{.rule = "pii.card", .category = "pii"}});
  EXPECT_EQ(flagged.verdict, Verdict::kFlag);
  EXPECT_EQ(flagged.rule, "flag-pii");
  EXPECT_EQ(flagged.reason, "crm.note.write carries personal data (pii.card)");
  EXPECT_EQ(ask("sarah", note, {{.rule = "injection.ignore", .category = "injection"}}).rule,
            "flag-injection");
  EXPECT_EQ(ask("sarah", note, {{.rule = "secret.aws", .category = "secret"}}).rule,
            "deny-secrets");
  EXPECT_EQ(ask("diana", call("DELETE", "crm.example.test", "/contacts/42")).code, "tool_unknown");
  EXPECT_EQ(ask("diana", call("GET", "crm.example.test", "/contacts/42", "93.184.216.34")).code,
            "tool_unknown");
  EXPECT_EQ(ask("diana", call("GET", "crm.example.test", "/contacts/42", "::1")).code, "allowed");
  EXPECT_EQ(directory_->agent("default", "sales-assistant")->limits.max_tool_calls, 20u);
}

TEST(ObserveEverything, AllowsWhatIsNamedAndWhatIsNot) {
  Diagnostics out;
  const auto policy = Policy::load({kPolicies / "observe-everything.yaml"}, out);
  ASSERT_TRUE(policy);
  identity::Writ writ;
  writ.user.id = "sarah";
  const ToolCall call{.method = "GET", .host = "any.test", .path = "/x/../y"};
  const FindingView card{.rule = "pii.card", .category = "pii"};
  EXPECT_EQ(policy->decide({.call = call, .writ = &writ}).code, "allowed");
  EXPECT_EQ(policy->decide({.call = call, .writ = &writ, .findings = {&card, 1}}).code, "flagged");
  EXPECT_EQ(policy->decide({.what = Input::What::kOpaque, .call = call, .writ = &writ}).verdict,
            Verdict::kAllow);
}

}  // namespace
}  // namespace writ::policy
