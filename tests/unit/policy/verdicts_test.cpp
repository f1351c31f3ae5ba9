// The order in which effects decide, what is not in force yet, and the sentences.
#include "policy/support.h"

namespace writ::policy {
namespace {

using testing::HasSubstr;

class Verdicts : public Language {};

std::string rule(const std::string& id, const std::string& effect, const std::string& rest = "") {
  return "{id: " + id + ", effect: " + effect + ", tools: ['*']" + rest + "}";
}

// Every pair of effects, beside a rule that allows; names in both orders.
TEST_F(Verdicts, ThePrecedenceOfEveryPair) {
  const std::vector<std::pair<std::string, std::string>> effects = {
      {"deny", "rule_denied"},
      {"hold", "hold_unavailable"},
      {"redact", "redact_unavailable"},
      {"flag", "flagged"},
      {"allow", "allowed"}};
  for (std::size_t strong = 0; strong < effects.size(); ++strong) {
    for (std::size_t weak = strong; weak < effects.size(); ++weak) {
      for (const auto& [strong_id, weak_id] : {std::pair("a1", "b1"), std::pair("b1", "a1")}) {
        const std::string first = rule(strong_id, effects[strong].first);
        const std::string second = rule(strong == weak ? "c1" : weak_id, effects[weak].first);
        for (const std::string& both : {first + ", " + second, second + ", " + first}) {
          load("rules: [" + both + ", " + rule("zz", "allow") + "]");
          const Decision decision = ask();
          EXPECT_EQ(decision.code, effects[strong].second) << both;
          EXPECT_EQ(decision.rule, strong_id) << both;
        }
      }
    }
  }
}

TEST_F(Verdicts, OnlyAnAllowRuleAllows) {
  for (const char* effect : {"flag", "redact", "hold"}) {
    load("rules: [" + rule("r", effect) + "]");
    EXPECT_EQ(ask().code, "no_rule") << effect;
  }
  load("rules: [" + rule("r", "hold") + "]");
  EXPECT_EQ(ask({.host = "unnamed.test"}).code, "tool_unknown");
}

TEST_F(Verdicts, WhatIsNotInForceIsDeniedAndSaysSo) {
  load("rules: [" + rule("ask", "hold") + ", " + rule("a", "allow") + "]");
  EXPECT_THAT(text_of(diagnostics_), HasSubstr("warning: hold is not in force yet"));
  Decision decision = ask();
  EXPECT_EQ(decision.verdict, Verdict::kDeny);
  EXPECT_EQ(decision.wanted, RuleEffect::kHold);
  EXPECT_EQ(decision.reason,
            "sarah may call pay when a person agrees, says rule ask; nobody can be asked in this "
            "version, so it is denied");
  load("rules: [" + rule("blot", "redact", ", findings: [pii]") + ", " + rule("a", "allow") + "]");
  EXPECT_THAT(text_of(diagnostics_), HasSubstr("warning: redact is not in force yet"));
  EXPECT_EQ(ask().code, "allowed");
  decision = ask({.findings = {{"pii.card", "pii"}}});
  EXPECT_EQ(decision.verdict, Verdict::kDeny);
  EXPECT_EQ(decision.code, "redact_unavailable");
  EXPECT_EQ(decision.wanted, RuleEffect::kRedact);
  load("rules: [" + rule("d", "deny") + "]");
  EXPECT_EQ(ask().wanted, std::nullopt);
}

TEST_F(Verdicts, APolicyKnowsWhatOfItIsNotInForce) {
  load("on_opaque: hold\nrules:\n- " + rule("ask", "hold") + "\n- " + rule("a", "allow") + "\n- " +
       rule("blot", "redact", ", findings: [pii]") +
       "\nsettings:\n- {permission: hold, results: block}\n- {permission: deny, results: off}\n"
       "- {users: [x], results: redact}\n");
  EXPECT_EQ(policy_->not_in_force().size(), 6u);
  const std::string told = text_of(policy_->not_in_force());
  for (const char* one :
       {"rules.yaml:2:12: warning: on_opaque: hold", "rules.yaml:4:3: warning: hold", "rule 'ask'",
        "rules.yaml:6:3: warning: redact", "rule 'blot'",
        "rules.yaml:8:3: warning: permission: hold", "rules.yaml:8:3: warning: results: block",
        "rules.yaml:10:3: warning: results: redact"}) {
    EXPECT_THAT(told, HasSubstr(one));
    EXPECT_THAT(text_of(diagnostics_), HasSubstr(one));
  }
  load("rules: [" + rule("a", "allow") + "]");
  EXPECT_TRUE(policy_->not_in_force().empty());
}

TEST_F(Verdicts, CountForWhatCannotBeReadToo) {
  const Question opaque{.what = Input::What::kOpaque};
  for (const auto& [effect, code] :
       {std::pair("deny", "rule_denied"), std::pair("hold", "hold_unavailable"),
        std::pair("redact", "redact_unavailable"), std::pair("flag", "opaque")}) {
    load(std::string("on_opaque: allow\nrules: [{id: r, effect: ") + effect + "}]");
    EXPECT_EQ(ask(opaque).code, code);
    EXPECT_EQ(ask(opaque).rule, "r");
  }
}

TEST_F(Verdicts, ReasonsNameWhatMatched) {
  writ_.tier = identity::Tier::kApi;
  load(
      "rules: [{id: cap, effect: deny, args: {amount: {gt: 500}}, reason: '{rule}: {user}@{tenant} "
      "with {agent} ({tier}) to {method} {host}{path} at {destination}: {args.amount} of "
      "{args.to[0]} by {captures.id}, {tool}, {findings}, {args.gone}'}]");
  const Decision decision =
      ask({.body = R"({"amount":501.5,"to":["é\u0001x"]})", .findings = {{"pii.card", "pii"}}});
  EXPECT_EQ(decision.reason,
            "cap: sarah@acme with assistant (api) to POST pay.test/pay/7 at 10.1.2.3:443: 501.5 of "
            "...x by 7, pay, pii.card, unknown");
}

TEST_F(Verdicts, ReasonsAreBounded) {
  std::string reason;
  for (int i = 0; i < 100; ++i) reason += "{args.a}";
  load("rules: [{id: r, effect: deny, reason: '" + reason + "'}]");
  const std::string body = R"({"a":")" + std::string(100'000, 'x') + R"("})";
  EXPECT_EQ(ask({.body = body}).reason.size(), ReasonTemplate::kMaxShown + 3);
  EXPECT_THAT(ask({.body = R"({"a":{"b":1}})"}).reason, HasSubstr("{...}"));
}

TEST_F(Verdicts, ReasonsSayWhenAConditionHasNoAnswer) {
  load("rules: [{id: r, effect: deny, args: {amount: {gt: 500}}, reason: too much}]");
  EXPECT_EQ(ask({.body = R"({"amount":501})"}).reason, "too much");
  EXPECT_EQ(ask({.body = "nonsense"}).reason,
            "too much (its condition 'args' cannot be answered for this call)");
}

TEST_F(Verdicts, PolicyKnowsWhatItReads) {
  load(
      "rules: [{id: a, effect: deny, tools: [pay], args: {x: 1}}, {id: b, effect: deny, tools: "
      "[crm.*], repeat: {more_than: 2}}, {id: c, effect: flag, tools: [web.*], reason: "
      "'{args.x}'}, {id: d, effect: deny, tools: ['?'], findings: [pii], budget_left: {calls: {lt: "
      "1}}}]");
  const auto reads = [&](const char* method, const char* host, const char* path) {
    const auto tool = policy_->match({.method = method, .host = host, .path = path});
    return policy_->reads(tool ? &*tool : nullptr);
  };
  const auto pay = reads("POST", "pay.test", "/pay/7");
  EXPECT_TRUE(pay.arguments && !pay.findings && !pay.digest && !pay.session && !pay.budget);
  const auto crm = reads("GET", "crm.test", "/contact/7");
  EXPECT_TRUE(!crm.arguments && !crm.findings && crm.digest && crm.session && !crm.budget);
  const auto web = reads("GET", "web.test", "/page/7");
  EXPECT_TRUE(web.arguments && !web.findings && !web.digest && !web.session && !web.budget);
  const auto none = reads("GET", "none.test", "/");
  EXPECT_TRUE(!none.arguments && none.findings && !none.digest && !none.session && none.budget);
}

}  // namespace
}  // namespace writ::policy
