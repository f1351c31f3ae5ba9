// Policies of tenants side by side; rules on tiers and on how well a person is known.
#include "policy/policy_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace writ::policy {
namespace {

using identity::IdentityStrength;
using identity::Tier;
using ::testing::HasSubstr;

constexpr const char* kCommon = R"(version: 1
tools:
  - {name: crm.read, host: crm.test, method: GET, path: "/{id}", scopes: [crm.read], effect: read}
rules:
  - {id: everyone, effect: allow, tools: [crm.read]}
)";

std::string of_tenant(const std::string& tenant, const std::string& rules) {
  return "version: 1\ntenant: " + tenant + "\nrules:\n" + rules;
}

std::shared_ptr<const PolicySet> load(const std::vector<std::string>& texts,
                                      Diagnostics* said = nullptr) {
  std::vector<SourceText> sources;
  for (const std::string& text : texts) {
    sources.push_back({.file = "p" + std::to_string(sources.size()), .text = text});
  }
  Diagnostics out;
  auto set = PolicySet::load_from_text(sources, out);
  if (said != nullptr) *said = out;
  return set;
}

Decision ask(const PolicySet& set, const std::string& tenant, Tier tier = Tier::kInteractive,
             IdentityStrength strength = IdentityStrength::kUnixPeer) {
  identity::Writ writ;
  writ.tenant = tenant;
  writ.user.id = "alice";
  writ.agent.id = "helper";
  writ.effective = {"crm.read"};
  writ.tier = tier;
  writ.strength = strength;
  ToolCall call;
  call.protocol = "http/1.1";
  call.method = "GET";
  call.host = "crm.test";
  call.path = "/7";
  const auto& policy = set.of(tenant);
  const auto tool = policy->match(call);
  return policy->decide({.call = call, .tool = tool ? &*tool : nullptr, .writ = &writ});
}

TEST(PolicySet, WhatIsNotInForceIsTheTenantsOrCommon) {
  const auto set = load({std::string(kCommon) + "  - {id: shared, effect: hold}\n",
                         of_tenant("acme", "  - {id: acme-own, effect: redact}\n"),
                         of_tenant("globex", "  - {id: fine, effect: flag}\n")});
  ASSERT_TRUE(set);
  EXPECT_EQ(set->not_in_force("acme").size(), 2u);
  EXPECT_EQ(set->not_in_force("globex").size(), 1u);
  EXPECT_EQ(set->not_in_force("elsewhere").size(), 1u);
  EXPECT_EQ(set->not_in_force(std::nullopt).size(), 2u) << "the common rule was told twice";
}

TEST(PolicySet, ATenantsRuleCountsInItAlone) {
  const auto set = load({kCommon, of_tenant("acme", "  - {id: acme-secret, effect: deny}\n")});
  ASSERT_TRUE(set);
  EXPECT_EQ(ask(*set, "acme").rule, "acme-secret");
  EXPECT_EQ(ask(*set, "globex").verdict, Verdict::kAllow);
  for (const Rule& rule : set->of("globex")->rules()) EXPECT_NE(rule.id, "acme-secret");
  EXPECT_EQ(set->rules(), 2u);
}

TEST(PolicySet, TheSameNamesInTwoTenants) {
  const auto set = load({kCommon, of_tenant("acme", "  - {id: own, effect: deny}\n"),
                         of_tenant("globex", "  - {id: own, effect: flag}\n")});
  ASSERT_TRUE(set);
  EXPECT_EQ(ask(*set, "acme").verdict, Verdict::kDeny);
  EXPECT_EQ(ask(*set, "globex").verdict, Verdict::kFlag);
  EXPECT_NE(set->of("acme")->version(), set->of("globex")->version());
}

TEST(PolicySet, WithoutACommonFileOthersMayNothing) {
  const std::string own = std::string(kCommon) + "tenant: acme\n";
  const auto set = load({own});
  ASSERT_TRUE(set);
  EXPECT_EQ(ask(*set, "acme").verdict, Verdict::kAllow);
  EXPECT_EQ(ask(*set, "globex").verdict, Verdict::kDeny);
}

TEST(PolicySet, AnErrorInOneTenantsFileFailsAllAndIsSaidOnce) {
  Diagnostics said;
  EXPECT_FALSE(load({std::string(kCommon) + "nonsense: 1\n", of_tenant("acme", "  - {id: x}\n"),
                     of_tenant("globex", "  - {id: y, effect: deny}\n")},
                    &said));
  int nonsense = 0;
  for (const Diagnostic& one : said) {
    nonsense += to_string(one).find("nonsense") != std::string::npos;
  }
  EXPECT_EQ(nonsense, 1);
}

TEST(PolicySet, ABadTenant) {
  Diagnostics said;
  EXPECT_FALSE(load({of_tenant("\"a b\"", "  - {id: x, effect: deny}\n")}, &said));
  ASSERT_FALSE(said.empty());
  EXPECT_THAT(to_string(said[0]), HasSubstr("a b"));
}

TEST(RuleConditions, Tiers) {
  const auto set = load(
      {kCommon, "version: 1\nrules:\n  - {id: alone, effect: deny, tiers: [background, api]}\n"});
  ASSERT_TRUE(set);
  EXPECT_EQ(ask(*set, "t", Tier::kInteractive).verdict, Verdict::kAllow);
  EXPECT_EQ(ask(*set, "t", Tier::kSubagent).verdict, Verdict::kAllow);
  EXPECT_EQ(ask(*set, "t", Tier::kBackground).rule, "alone");
  EXPECT_EQ(ask(*set, "t", Tier::kApi).rule, "alone");
}

TEST(RuleConditions, HowWellThePersonIsKnown) {
  const auto set = load({kCommon,
                         "version: 1\nrules:\n  - {id: weak, effect: deny, identity_below: login}\n"
                         "  - {id: strong, effect: flag, identity: token}\n"});
  ASSERT_TRUE(set);
  const auto ask_as = [&](IdentityStrength s) { return ask(*set, "t", Tier::kInteractive, s); };
  EXPECT_EQ(ask_as(IdentityStrength::kAsserted).rule, "weak");
  EXPECT_EQ(ask_as(IdentityStrength::kUnixPeer).rule, "weak");
  EXPECT_EQ(ask_as(IdentityStrength::kLogin).code, "allowed");
  EXPECT_EQ(ask_as(IdentityStrength::kToken).rule, "strong");
}

TEST(RuleConditions, UnknownWordsAreErrors) {
  for (const char* bad : {"tiers: [boss]", "tiers: []", "identity: strong", "identity_below: 3"}) {
    Diagnostics said;
    EXPECT_FALSE(
        load({kCommon, std::string("version: 1\nrules:\n  - {id: x, effect: deny, ") + bad + "}\n"},
             &said))
        << bad;
    EXPECT_FALSE(said.empty()) << bad;
  }
}

}  // namespace
}  // namespace writ::policy
