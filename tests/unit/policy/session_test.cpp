// What a session remembers, and the rules that ask for it.
#include "policy/session_facts.h"
#include "policy/support.h"

namespace writ::policy {
namespace {

constexpr Truth kYes = Truth::kYes;
constexpr Truth kNo = Truth::kNo;
constexpr Truth kUnknown = Truth::kUnknown;
const Question kWeb{.method = "GET", .host = "web.test", .path = "/page/1"};
const std::vector<FindingView> kInjection = {{"injection.phrase", "injection"}};
const std::vector<FindingView> kPii = {{"pii.card", "pii"}};

class Session : public Language {
 protected:
  Truth asked(const std::string& conditions, Question question = {}) {
    question.session = &facts_;
    return truth(conditions, question);
  }
  SessionFacts facts_;
};

TEST_F(Session, CountsCalls) {
  EXPECT_EQ(asked("calls: {eq: 0}"), kYes);
  facts_.note_call("pay", "");
  facts_.note_call("web.read", "");
  facts_.note_call("web.read", "");
  EXPECT_EQ(asked("calls: {ge: 3}"), kYes);
  EXPECT_EQ(asked("calls: {gt: 3}"), kNo);
  EXPECT_EQ(asked("tool_calls: {ge: 1}"), kYes);
  EXPECT_EQ(asked("tool_calls: {ge: 2}"), kNo);
  EXPECT_EQ(asked("tool_calls: {ge: 2}", kWeb), kYes);
  EXPECT_EQ(asked("tool_calls: {eq: 0}", {.host = "unnamed.test"}), kYes);
  EXPECT_EQ(truth("calls: {ge: 0}"), kUnknown);
  EXPECT_EQ(truth("tool_calls: {ge: 0}"), kUnknown);
}

TEST_F(Session, KnowsWhatWasUsed) {
  EXPECT_EQ(asked("used_before: [crm.*]"), kNo);
  facts_.note_call("crm.read", "");
  EXPECT_EQ(asked("used_before: [crm.*]"), kYes);
  EXPECT_EQ(asked("used_before: [web.*, crm.read]"), kYes);
  EXPECT_EQ(asked("used_before: [web.*]"), kNo);
  EXPECT_EQ(asked("used_before: ['?']"), kNo);
  facts_.note_call(kUnnamed, "");
  EXPECT_EQ(asked("used_before: ['?']"), kYes);
  EXPECT_EQ(truth("used_before: [crm.*]"), kUnknown);
}

TEST_F(Session, RequiresOneToolBeforeAnother) {
  load(
      "rules: [{id: a, effect: allow, tools: ['*']}, {id: look-first, effect: deny, tools: [pay], "
      "requires_before: [crm.*]}]");
  EXPECT_EQ(ask({.session = &facts_}).rule, "look-first");
  facts_.note_call("web.read", "");
  EXPECT_EQ(ask({.session = &facts_}).rule, "look-first");
  facts_.note_call("crm.read", "");
  EXPECT_EQ(ask({.session = &facts_}).code, "allowed");
  EXPECT_EQ(ask().rule, "look-first");  // nobody knows what was before
}

TEST_F(Session, IsTaintedByWhatCameIn) {
  EXPECT_EQ(asked("tainted: true"), kNo);
  EXPECT_EQ(asked("tainted: false"), kYes);
  facts_.note_call("web.read", "");
  EXPECT_EQ(asked("tainted: true"), kNo);  // nothing came back yet
  facts_.note_result("crm.read", false, {});
  EXPECT_EQ(asked("tainted: true"), kNo);
  EXPECT_EQ(asked("tainted: [crm.*]"), kYes);
  facts_.note_result("crm.read", false, kPii);
  EXPECT_EQ(asked("tainted: true"), kNo);
  EXPECT_EQ(asked("tainted: [pii]"), kYes);
  EXPECT_EQ(asked("tainted: [injection]"), kNo);
  SessionFacts injected = facts_;
  injected.note_result("crm.read", false, kInjection);
  EXPECT_EQ(truth("tainted: true", {.session = &injected}), kYes);
  facts_.note_result("web.read", true, {});
  EXPECT_EQ(asked("tainted: true"), kYes);
  EXPECT_EQ(asked("tainted: false"), kNo);
  EXPECT_EQ(truth("tainted: true"), kUnknown);
  EXPECT_EQ(truth("tainted: false"), kUnknown);
}

TEST_F(Session, DeniesAWriteAfterUntrustedContentAndNotBefore) {
  load(
      "rules: [{id: a, effect: allow, tools: ['*']}, {id: tainted-write, effect: deny, effects: "
      "[write], after: {untrusted: true}}]");
  EXPECT_EQ(ask({.session = &facts_}).code, "allowed");
  facts_.note_result("web.read", policy_->catalog().tools()[2].untrusted, {});
  ASSERT_EQ(policy_->catalog().tools()[2].name, "web.read");
  EXPECT_EQ(ask({.session = &facts_}).rule, "tainted-write");
  Question read = kWeb;
  read.session = &facts_;
  EXPECT_EQ(ask(read).code, "allowed");
}

TEST_F(Session, AfterIsAboutOneResult) {
  facts_.note_result("web.read", true, {});
  facts_.note_result("crm.read", false, kInjection);
  EXPECT_EQ(asked("after: {tools: [web.*]}"), kYes);
  EXPECT_EQ(asked("after: {findings: [injection]}"), kYes);
  EXPECT_EQ(asked("after: {untrusted: true}"), kYes);
  EXPECT_EQ(asked("after: {tools: [crm.*], findings: [injection.*]}"), kYes);
  EXPECT_EQ(asked("after: {tools: [web.*], findings: [injection]}"), kNo);
  EXPECT_EQ(asked("after: {findings: [injection], untrusted: true}"), kNo);
  EXPECT_EQ(asked("after: {tools: [pay]}"), kNo);
  EXPECT_EQ(truth("after: {tools: [pay]}"), kUnknown);
}

TEST_F(Session, CountsIdenticalCallsInARow) {
  load(
      "rules: [{id: a, effect: allow, tools: ['*']}, {id: loop, effect: deny, repeat: {more_than: "
      "2}}]");
  const auto call = [&](const char* digest) {
    const Decision decision = ask({.digest = digest, .session = &facts_});
    if (decision.verdict != Verdict::kDeny) facts_.note_call("pay", digest);
    return decision.rule;
  };
  EXPECT_EQ(call("x"), "a");
  EXPECT_EQ(call("x"), "a");
  EXPECT_EQ(call("x"), "loop");
  EXPECT_EQ(call("x"), "loop");
  EXPECT_EQ(call("y"), "a");
  EXPECT_EQ(call("x"), "a");
  facts_.note_call("web.read", "x");
  EXPECT_EQ(call("x"), "a");
  EXPECT_EQ(call("x"), "a");
  EXPECT_EQ(call(""), "loop");  // it may be the same one
  facts_.note_call("web.read", "");
  EXPECT_EQ(call(""), "a");  // another tool than the last is another call
  EXPECT_EQ(call(""), "loop");
}

TEST(SessionFacts, ForgetInABoundedWay) {
  SessionFacts facts;
  for (std::size_t i = 0; i < SessionFacts::kMaxTools; ++i)
    facts.note_call("t" + std::to_string(i), "");
  EXPECT_EQ(facts.used({"x"}), kNo);
  EXPECT_EQ(facts.calls_of("x"), 0);
  facts.note_call("one.more", "");
  EXPECT_EQ(facts.used({"x"}), kUnknown);
  EXPECT_EQ(facts.used({"t5"}), kYes);
  EXPECT_EQ(facts.calls_of("x"), std::nullopt);
  EXPECT_EQ(facts.calls_of("t5"), 1);
  EXPECT_EQ(facts.calls(), SessionFacts::kMaxTools + 1);

  for (std::size_t i = 0; i < 2 * SessionFacts::kMaxSources; ++i)
    facts.note_result("t" + std::to_string(i), false, kPii);
  EXPECT_EQ(facts.sources().size(), SessionFacts::kMaxSources);
  EXPECT_TRUE(facts.forgot_sources());
}

TEST_F(Session, ThatForgotHasNoAnswer) {
  for (std::size_t i = 0; i < SessionFacts::kMaxSources; ++i)
    facts_.note_result("t" + std::to_string(i), false, {});
  EXPECT_EQ(asked("tainted: true"), kNo);
  facts_.note_result("t1", false, {});  // known: nothing is forgotten
  EXPECT_EQ(asked("tainted: true"), kNo);
  facts_.note_result("other", false, {});
  EXPECT_EQ(asked("tainted: true"), kUnknown);
  EXPECT_EQ(asked("tainted: [t1]"), kYes);
}

}  // namespace
}  // namespace writ::policy
