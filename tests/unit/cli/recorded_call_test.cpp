// A record becomes the question that was asked when it was written, as far as it tells.
#include "cli/recorded_call.h"

#include "audit/calls.h"
#include "cli/recorded_support.h"

namespace writ::cli {
namespace {

using policy::Verdict;
using testing::ElementsAre;
using testing::IsEmpty;
using What = policy::Input::What;

constexpr const char* kAll = "rules: [{id: all, effect: allow, tools: ['*', '?']}]";

TEST(RecordedCall, HoldsWhatAPolicyLooksAt) {
  v1::Call record = recorded(7, "GET", "/crm/42");
  v1::Decision& d = decision_of(record);
  d.set_tenant("acme");
  d.set_tier("background");
  d.mutable_user()->set_strength("token");
  d.mutable_request()->set_complete(false);
  find(*d.add_findings(), "pii.card");
  const RecordedCall call(record);
  const auto policies = policies_of(kAll);
  const auto match = call.match(*policies->of("acme"));
  ASSERT_TRUE(match);
  EXPECT_EQ(match->tool->name, "crm.get");
  EXPECT_EQ(match->captures.at("id"), "42");
  const policy::SessionFacts facts;
  const policy::Input input = call.input(&*match, &facts);
  EXPECT_EQ(input.what, What::kCall);
  EXPECT_EQ(input.call.protocol, "http/1.1");
  EXPECT_EQ(input.call.method, "GET");
  EXPECT_EQ(input.call.host, "acme.test");
  EXPECT_EQ(input.call.path, "/crm/42");
  EXPECT_EQ(input.call.destination.address, "10.1.2.3");
  EXPECT_EQ(input.call.destination.port, 443);
  ASSERT_NE(input.writ, nullptr);
  EXPECT_EQ(input.writ->tenant, "acme");
  EXPECT_EQ(input.writ->user.id, "sarah");
  EXPECT_THAT(input.writ->user.roles, ElementsAre("sales"));
  EXPECT_THAT(input.writ->user.scopes, ElementsAre("pay.*"));
  EXPECT_EQ(input.writ->agent.id, "assistant");
  EXPECT_THAT(input.writ->agent.scopes, ElementsAre("pay.out"));
  EXPECT_THAT(input.writ->chain, ElementsAre("assistant"));
  EXPECT_THAT(input.writ->effective, ElementsAre("pay.out"));
  EXPECT_EQ(input.writ->tier, identity::Tier::kBackground);
  EXPECT_EQ(input.writ->strength, identity::IdentityStrength::kToken);
  ASSERT_EQ(input.findings.size(), 1u);
  EXPECT_EQ(input.findings[0].rule, "pii.card");
  EXPECT_EQ(input.findings[0].category, "pii");
  EXPECT_EQ(input.findings[0].where, "") << "it is not on record";
  EXPECT_FALSE(input.complete);
  EXPECT_EQ(input.arguments, nullptr) << "they are not on record";
  EXPECT_EQ(input.arguments_digest, "GET/crm/42");
  EXPECT_EQ(input.session, &facts);
  ASSERT_TRUE(input.now);
  EXPECT_EQ(std::chrono::duration_cast<std::chrono::nanoseconds>(input.now->time_since_epoch()),
            std::chrono::nanoseconds(kRecordedTime + 7));
}

TEST(RecordedCall, KnowsItsKind) {
  v1::Call record = recorded(1, "", "");
  decision_of(record).mutable_request()->set_protocol("opaque");
  deny(record, "built-in:opaque", "opaque");
  EXPECT_EQ(RecordedCall(record).input(nullptr, nullptr).what, What::kOpaque);
  deny(record, "built-in:inbound", "inbound");
  EXPECT_EQ(RecordedCall(record).input(nullptr, nullptr).what, What::kInbound);
  decision_of(record).mutable_request()->set_protocol("unparseable");
  deny(record, "built-in:unparseable", "unparseable");
  EXPECT_EQ(RecordedCall(record).input(nullptr, nullptr).what, What::kUnparseable);
  decision_of(record).clear_writ_id();
  EXPECT_EQ(RecordedCall(record).input(nullptr, nullptr).writ, nullptr) << "nobody was known";
}

TEST(RecordedCall, WithoutARequestItIsLookedUpByName) {
  v1::Call record = recorded(1, "", "");
  decision_of(record).mutable_tool()->set_name("crm.get");
  (*decision_of(record).mutable_tool()->mutable_captures())["id"] = "7";
  const auto policies = policies_of(kAll);
  const auto match = RecordedCall(record).match(*policies->of("default"));
  ASSERT_TRUE(match);
  EXPECT_EQ(match->captures.at("id"), "7");
}

TEST(RecordedCall, TellsWhoDecided) {
  const auto decider = [](const std::string& rule, const std::string& code) {
    v1::Call record = recorded(1, "POST", "/pay");
    deny(record, rule, code);
    return RecordedCall(record).decider();
  };
  EXPECT_EQ(decider("cap", "rule_denied"), Decider::kPolicy);
  EXPECT_EQ(decider("limits", "rule_denied"), Decider::kPolicy) << "a rule can be called so";
  EXPECT_EQ(decider("built-in:scope_missing", "scope_missing"), Decider::kPolicy);
  EXPECT_EQ(decider("limits", "limit_tool_calls"), Decider::kOther);
  EXPECT_EQ(decider("settings", "rate_limited"), Decider::kOther);
  EXPECT_EQ(decider("built-in:writ_revoked", "writ_revoked"), Decider::kOther);
  EXPECT_EQ(decider("decision-point:x", "rule_denied"), Decider::kOther)
      << "whose codes are its own";
  EXPECT_EQ(decider("cap", "batch_denied"), Decider::kAnother);
  v1::Call beside = recorded(1, "POST", "/pay");
  deny(beside, "cap", "rule_denied");
  beside.mutable_outcome()->mutable_outcome()->set_result("incomplete");
  beside.mutable_outcome()->mutable_outcome()->set_detail(std::string(audit::kEndedByAnother) +
                                                          "c");
  EXPECT_EQ(RecordedCall(beside).decider(), Decider::kAnother);
}

struct Judging : testing::Test {
  Rejudged judge(const std::string& rules, const v1::Call& record,
                 const policy::SessionFacts* facts) {
    policies_ = policies_of("rules: [" + rules + "]");
    return rejudge(*policies_->of("default"), RecordedCall(record), facts);
  }
  std::shared_ptr<const policy::PolicySet> policies_;
  policy::SessionFacts facts_;
  v1::Call pay_ = recorded(1, "POST", "/pay");
};

TEST_F(Judging, SaysWhatTheVerdictHangsOn) {
  const std::string all = "{id: all, effect: allow, tools: ['*']}";
  const std::string cap = ", {id: cap, effect: deny, tools: [pay], args: {amount: {gt: 500}}}";
  EXPECT_TRUE(judge(all, pay_, &facts_).certain());
  EXPECT_THAT(judge(all + cap, pay_, &facts_).open, ElementsAre("args"));
  // Only an allow rule that asks for them.
  EXPECT_THAT(
      judge("{id: little, effect: allow, tools: [pay], args: {amount: {le: 5}}}", pay_, &facts_)
          .open,
      ElementsAre("args"));
  // Of another tool they change nothing.
  EXPECT_TRUE(judge(all + cap, recorded(1, "GET", "/crm/1"), &facts_).certain());
  // What is denied in any case is denied.
  const Rejudged denied =
      judge(all + cap + ", {id: nobody, effect: deny, users: [sarah]}", pay_, &facts_);
  EXPECT_TRUE(denied.certain());
  EXPECT_EQ(denied.decision.rule, "nobody") << "not the one that may not match";
  // It takes both to let it go.
  EXPECT_THAT(
      judge(all + cap + ", {id: poor, effect: deny, budget_left: {calls: {lt: 3}}}", pay_, &facts_)
          .open,
      testing::IsSupersetOf({"args", "budget_left"}));
}

TEST_F(Judging, WhatHadNoAnswerThenHasNoneNow) {
  // The effect of a call without a name is unknown to whoever asks: nothing hangs on the record.
  const Rejudged unnamed = judge(
      "{id: all, effect: allow, tools: ['*', '?']}, {id: writes, effect: deny, effects: [write]}",
      recorded(1, "GET", "/elsewhere"), &facts_);
  EXPECT_TRUE(unnamed.certain());
  EXPECT_EQ(unnamed.decision.rule, "writes");
}

TEST_F(Judging, WithoutHistoryWhatAsksForItIsOpen) {
  const std::string rules =
      "{id: all, effect: allow, tools: ['*']}, {id: look, effect: deny, tools: [pay], "
      "requires_before: [crm.get]}";
  EXPECT_THAT(judge(rules, pay_, nullptr).open, ElementsAre("requires_before"));
  EXPECT_EQ(judge(rules, pay_, &facts_).decision.rule, "look");
}

TEST_F(Judging, WhoConnectedIsOpenWhereTheRecordDoesNotSay) {
  v1::Call record = recorded(1, "", "");
  decision_of(record).mutable_request()->set_protocol("opaque");
  deny(record, "nobody", "rule_denied");
  policies_ = policies_of("on_opaque: allow\nrules: [{id: all, effect: allow, tools: ['*']}]");
  EXPECT_THAT(rejudge(*policies_->of("default"), RecordedCall(record), &facts_).open,
              ElementsAre("who connected"));
  // Nothing else of it hangs on the record: writd had no more to tell than that.
  decision_of(record).set_code("opaque");
  policies_ = policies_of("on_opaque: allow\nrules: [{id: small, effect: deny, args: {a: 1}}]");
  const Rejudged judged = rejudge(*policies_->of("default"), RecordedCall(record), &facts_);
  EXPECT_TRUE(judged.certain());
  EXPECT_EQ(judged.decision.rule, "small");
  policies_ = policies_of("rules: [{id: all, effect: allow, tools: ['*']}]");
  EXPECT_THAT(rejudge(*policies_->of("default"), RecordedCall(record), &facts_).open, IsEmpty());
}

}  // namespace
}  // namespace writ::cli
