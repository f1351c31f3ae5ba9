// What explain() says of a decision: what counted, what decided, what would change it.
#include "policy/explanation.h"

#include "policy/support.h"

namespace writ::policy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Explain : public Language {
 protected:
  Explanation explained(const std::string& rules, const std::string& body = "{}",
                        const ToolCall& call = kPay) {
    load("rules: [" + rules + "]");
    const auto tool = policy_->match(call);
    const Arguments arguments = Arguments::read(body, "");
    Explanation result = explain(
        *policy_,
        {.call = call, .tool = tool ? &*tool : nullptr, .writ = &writ_, .arguments = &arguments});
    const Decision decision = policy_->decide(
        {.call = call, .tool = tool ? &*tool : nullptr, .writ = &writ_, .arguments = &arguments});
    EXPECT_EQ(result.decision.code, decision.code);
    EXPECT_EQ(result.decision.rule, decision.rule);
    return result;
  }
  static const ToolCall kPay;
};
const ToolCall Explain::kPay{.method = "POST", .host = "pay.test", .path = "/pay/7"};

constexpr const char* kRules =
    "{id: all, effect: allow, tools: ['*']}, {id: cap, effect: deny, tools: [pay], args: {amount: "
    "{gt: 500}}}, {id: mark, effect: flag, users: [sarah]}, {id: other, effect: deny, users: "
    "[tom], "
    "agents: [bob]}";

TEST_F(Explain, NamesTheRulesThatCountAndTheOneThatDecided) {
  const Explanation denied = explained(kRules, R"({"amount":501})");
  EXPECT_EQ(denied.decision.rule, "cap");
  ASSERT_EQ(denied.rules.size(), 3u);
  EXPECT_EQ(denied.rules[0].id, "cap");
  EXPECT_TRUE(denied.rules[0].decided);
  EXPECT_EQ(denied.rules[0].effect, RuleEffect::kDeny);
  EXPECT_EQ(denied.rules[0].file, "rules.yaml");
  EXPECT_EQ(denied.rules[0].line, 2);
  ASSERT_EQ(denied.rules[0].conditions.size(), 2u);
  EXPECT_EQ(denied.rules[0].conditions[0].name, "tools");
  EXPECT_EQ(denied.rules[0].conditions[1].name, "args");
  EXPECT_EQ(denied.rules[0].conditions[1].truth, Truth::kYes);
  EXPECT_EQ(denied.rules[1].id, "mark");
  EXPECT_EQ(denied.rules[2].id, "all");
  EXPECT_FALSE(denied.rules[2].decided);
  EXPECT_THAT(denied.changes,
              ElementsAre("rule cap holds; it would not, if one of 'tools', 'args' did not"));
}

TEST_F(Explain, SaysWhatHadNoAnswer) {
  const Explanation denied = explained(kRules, "nonsense");
  EXPECT_EQ(denied.rules[0].truth, Truth::kUnknown);
  EXPECT_TRUE(denied.rules[0].counts);
  EXPECT_EQ(denied.rules[0].conditions[1].truth, Truth::kUnknown);
}

TEST_F(Explain, SaysWhichRulesCameClose) {
  const Explanation flagged = explained(kRules, R"({"amount":1})");
  EXPECT_EQ(flagged.decision.code, "flagged");
  EXPECT_THAT(flagged.changes,
              ElementsAre("rule mark holds; it would not, if one of 'users' did not",
                          "rule cap would deny it, if 'args' held"));
  const Explanation denied = explained(
      "{id: a, effect: allow, tools: [pay], users: [tom], roles: [lead]}, {id: b, effect: "
      "allow, tools: [pay], users: [tom]}, {id: c, effect: allow, tools: [crm.*]}");
  EXPECT_EQ(denied.decision.code, "no_rule");
  EXPECT_THAT(denied.changes, ElementsAre("rule b would allow it, if 'users' held",
                                          "rule a would allow it, if 'users' and 'roles' held"));
  EXPECT_THAT(denied.rules, IsEmpty());
}

TEST_F(Explain, NamesMissingScopes) {
  Diagnostics out;
  policy_ = Policy::load_from_text(
      {{"p",
        "version: 1\ntools: [{name: x, host: x.test, method: GET, path: /, scopes: [a.b], "
        "effect: read}]\nrules: [{id: all, effect: allow, tools: ['*']}]"}},
      out);
  ASSERT_TRUE(policy_);
  const ToolCall call{.method = "GET", .host = "x.test", .path = "/"};
  const auto tool = policy_->match(call);
  const Explanation denied = explain(*policy_, {.call = call, .tool = &*tool, .writ = &writ_});
  EXPECT_THAT(denied.changes, ElementsAre("scope a.b is missing"));
  EXPECT_THAT(explain(*policy_, {.call = call}).rules, IsEmpty());
}

TEST_F(Explain, IsBounded) {
  std::string rules = "{id: all, effect: allow, tools: ['*']}";
  for (int i = 0; i < 50; ++i) {
    rules +=
        ", {id: d" + std::to_string(i) + ", effect: deny, users: [u" + std::to_string(i) + "]}";
  }
  EXPECT_EQ(explained(rules).changes.size(), kMaxChanges);
}

}  // namespace
}  // namespace writ::policy
