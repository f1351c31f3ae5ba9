// What another policy would have said of a record: counts, groups, and that the same one says the
// same.
#include "cli/replay.h"

#include <random>

#include "cli/recorded_support.h"
#include "cli/replay_view.h"
#include "policy/arguments.h"

namespace writ::cli {
namespace {

using policy::Verdict;
using testing::HasSubstr;

struct ReplayTest : testing::Test {
  Replay& play(const std::string& rules, const std::vector<v1::Call>& calls,
               std::uint64_t since = 0) {
    policies_ = policies_of("rules: [" + rules + "]");
    replay_ = std::make_unique<Replay>(*policies_, since);
    for (const v1::Call& call : calls) replay_->add(call);
    return *replay_;
  }
  std::shared_ptr<const policy::PolicySet> policies_;
  std::unique_ptr<Replay> replay_;
};

constexpr const char* kAll = "{id: all, effect: allow, tools: ['*']}";

TEST_F(ReplayTest, CountsWhatChanges) {
  v1::Call was_denied = recorded(5, "POST", "/pay");
  deny(was_denied, "cap", "rule_denied");
  v1::Call limited = recorded(7, "POST", "/pay");
  deny(limited, "limits", "limit_tool_calls");
  v1::Call was_flagged = recorded(9, "GET", "/crm/9");
  decision_of(was_flagged).set_verdict(v1::VERDICT_FLAG);
  const Replay& replay =
      play(std::string(kAll) +
               ", {id: no-web, effect: deny, tools: [web.get]}, {id: mark, effect: flag, tools: "
               "[crm.get], captures: {id: '1'}}",
           {recorded(1, "GET", "/web/a"), recorded(3, "GET", "/crm/1"), was_denied, limited,
            was_flagged, recorded(11, "GET", "/crm/2"), recorded(13, "GET", "/web/b")});
  EXPECT_EQ(replay.calls(), 7u);
  EXPECT_EQ(replay.count(Change::kUnchanged), 1u);
  EXPECT_EQ(replay.count(Change::kNewlyDenied), 2u);
  EXPECT_EQ(replay.count(Change::kNewlyAllowed), 1u);
  EXPECT_EQ(replay.count(Change::kNewlyFlagged), 1u);
  EXPECT_EQ(replay.count(Change::kNoLongerFlagged), 1u);
  EXPECT_EQ(replay.count(Change::kUndecidable), 0u);
  EXPECT_EQ(replay.count(Change::kNotThePolicys), 1u);
  const auto group = replay.groups().find({.change = Change::kNewlyDenied,
                                           .tenant = "default",
                                           .user = "sarah",
                                           .agent = "assistant",
                                           .tool = "web.get",
                                           .by = "no-web"});
  ASSERT_NE(group, replay.groups().end());
  EXPECT_EQ(group->second.count, 2u);
  EXPECT_EQ(group->second.call, "c-1");
  const std::string text = replay_text(replay, Palette(false));
  EXPECT_THAT(text, HasSubstr("7 calls: 1 unchanged, 2 newly denied, 1 newly allowed"));
  EXPECT_THAT(text, HasSubstr("no-web"));
  const auto document = replay_document(replay, "v");
  EXPECT_EQ(document.fields().at("newlyDenied").number_value(), 2);
  EXPECT_EQ(document.fields().at("groups").list_value().values_size(), 4);
}

TEST_F(ReplayTest, WhatHangsOnArgumentsIsUndecidable) {
  const Replay& replay =
      play(std::string(kAll) + ", {id: cap, effect: deny, tools: [pay], args: {amount: {gt: 5}}}",
           {recorded(1, "POST", "/pay"), recorded(3, "GET", "/crm/1")});
  EXPECT_EQ(replay.count(Change::kUndecidable), 1u);
  EXPECT_EQ(replay.count(Change::kUnchanged), 1u);
  EXPECT_EQ(replay.groups().begin()->first.by, "args");
}

TEST_F(ReplayTest, ADecisionPointsFlagStays) {
  v1::Call flagged = recorded(1, "GET", "/crm/1");
  decision_of(flagged).set_verdict(v1::VERDICT_FLAG);
  decision_of(flagged).set_rule("decision-point:odd");
  EXPECT_EQ(play(kAll, {flagged}).count(Change::kUnchanged), 1u);
}

TEST_F(ReplayTest, WhatWasStoppedLaterIsUndecidableUnlessDenied) {
  v1::Call stopped = recorded(1, "POST", "/pay");
  stopped.mutable_outcome()->mutable_outcome()->set_result("aborted");
  EXPECT_EQ(play(kAll, {stopped}).count(Change::kUndecidable), 1u);
  EXPECT_EQ(
      play("{id: none, effect: allow, tools: [crm.get]}", {stopped}).count(Change::kNewlyDenied),
      1u);
}

// A write after a page of strangers: the page counts from its result on, not from its call on.
TEST_F(ReplayTest, PlaysWhatTheSessionDidBefore) {
  const std::string rules =
      std::string(kAll) + ", {id: steered, effect: deny, tools: [pay], tainted: true}";
  v1::Call slow = recorded(1, "GET", "/web/a");
  slow.mutable_outcome()->set_sequence(4);
  const std::vector<v1::Call> calls{slow, recorded(2, "POST", "/pay"), recorded(5, "POST", "/pay")};
  const Replay& replay = play(rules, calls);
  EXPECT_EQ(replay.count(Change::kUnchanged), 2u);
  EXPECT_EQ(replay.count(Change::kNewlyDenied), 1u);
  EXPECT_EQ(replay.groups().begin()->second.call, "c-5");
  // Calls before `since` are history.
  const Replay& later = play(rules, calls, kRecordedTime + 5);
  EXPECT_EQ(later.calls(), 1u);
  EXPECT_EQ(later.count(Change::kNewlyDenied), 1u);
  // Another session's are not.
  std::vector<v1::Call> apart = calls;
  decision_of(apart[2]).set_session_id("s-2");
  EXPECT_EQ(play(rules, apart).count(Change::kNewlyDenied), 0u);
}

TEST_F(ReplayTest, WhatWasDeniedIsNoHistory) {
  v1::Call look = recorded(1, "GET", "/crm/1");
  deny(look, "x", "rule_denied");
  const std::string rules =
      std::string(kAll) +
      ", {id: look-first, effect: deny, tools: [pay], requires_before: [crm.get]}";
  EXPECT_EQ(play(rules, {look, recorded(3, "POST", "/pay")}).count(Change::kNewlyDenied), 1u);
}

TEST_F(ReplayTest, ResultsFindingsCountUnlessThePolicyKeepsThemOff) {
  v1::Call page = recorded(1, "GET", "/crm/1");
  find(*page.mutable_outcome()->mutable_outcome()->add_findings(), "injection.override");
  const std::string rules =
      std::string(kAll) + ", {id: steered, effect: deny, tools: [pay], tainted: true}";
  EXPECT_EQ(play(rules, {page, recorded(3, "POST", "/pay")}).count(Change::kNewlyDenied), 1u);
  policies_ = policies_of("rules: [" + rules + "]\nsettings: [{results: off}]");
  Replay off(*policies_, 0);
  off.add(page);
  off.add(recorded(3, "POST", "/pay"));
  EXPECT_EQ(off.count(Change::kNewlyDenied), 0u);
}

TEST_F(ReplayTest, RepeatsAreToldByTheDigest) {
  const std::string rules =
      std::string(kAll) + ", {id: circles, effect: deny, repeat: {more_than: 2}}";
  EXPECT_EQ(play(rules, {recorded(1, "GET", "/crm/1"), recorded(3, "GET", "/crm/1"),
                         recorded(5, "GET", "/crm/1"), recorded(7, "GET", "/crm/2")})
                .count(Change::kNewlyDenied),
            1u);
  v1::Call unknown = recorded(3, "GET", "/crm/1");
  decision_of(unknown).mutable_request()->clear_call_digest();
  EXPECT_EQ(play(rules, {recorded(1, "GET", "/crm/1"), unknown}).count(Change::kUndecidable), 1u);
}

TEST_F(ReplayTest, ACallOutOfOrderLeavesTheHistoryUnknown) {
  const Replay& replay = play(
      std::string(kAll) + ", {id: look, effect: deny, tools: [pay], requires_before: [crm.get]}",
      {recorded(5, "GET", "/crm/1"), recorded(1, "GET", "/crm/1"), recorded(7, "POST", "/pay")});
  EXPECT_EQ(replay.without_history(), 2u);
  EXPECT_EQ(replay.count(Change::kUndecidable), 1u);
  EXPECT_THAT(replay_text(replay, Palette(false)), HasSubstr("is not known"));
}

TEST_F(ReplayTest, IsBounded) {
  std::vector<v1::Call> calls;
  for (std::uint64_t i = 1; i <= Replay::kMaxGroups + 50; ++i) {
    calls.push_back(recorded(2 * i, "GET", "/crm/1"));
    decision_of(calls.back()).mutable_user()->set_id("u" + std::to_string(i));
    decision_of(calls.back()).set_session_id("s" + std::to_string(i));
  }
  const Replay& replay = play("{id: none, effect: allow, tools: [pay]}", calls);
  EXPECT_EQ(replay.groups().size(), Replay::kMaxGroups);
  EXPECT_EQ(replay.ungrouped(), 50u);
  EXPECT_EQ(replay.count(Change::kNewlyDenied), Replay::kMaxGroups + 50);
  EXPECT_THAT(replay_text(replay, Palette(false)), HasSubstr("and 50 calls more"));
}

TEST(SessionHistories, GivesUpTheSilentOnesAndSaysSo) {
  const auto policies = policies_of("rules: []");
  SessionHistories histories;
  const auto add = [&](std::uint64_t sequence, const std::string& session) {
    v1::Call record = recorded(sequence, "GET", "/crm/1");
    decision_of(record).set_session_id(session);
    const RecordedCall call(record);
    const policy::SessionFacts* facts = histories.before(call);
    const bool known = facts != nullptr;
    histories.note(*policies->of("default"), call);
    return known;
  };
  for (std::uint64_t i = 1; i <= SessionHistories::kMaxSessions + 1; ++i)
    ASSERT_TRUE(add(2 * i, "s" + std::to_string(i))) << i;
  EXPECT_FALSE(add(20'001, "s1")) << "it has been silent longest";
  EXPECT_TRUE(add(20'003, "s" + std::to_string(SessionHistories::kMaxSessions)));
}

// Plays sessions as writd does: each call is decided, counted and answered in some order, and what
// the audit would hold of it is kept.
class Live {
 public:
  Live(const policy::Policy& policy, unsigned seed) : policy_(policy), random_(seed) {}

  std::vector<v1::Call> play(std::size_t steps) {
    for (std::size_t i = 0; i < steps; ++i) {
      call();
      while (!open_.empty() && below(3) != 0) answer();
    }
    while (!open_.empty()) answer();
    return calls_;
  }

 private:
  std::size_t below(std::size_t n) { return random_() % n; }

  void call() {
    static const char* const kPaths[] = {"/web/a", "/crm/1", "/crm/2", "/pay", "/other"};
    static const char* const kBodies[] = {"{}", R"({"amount":5})", R"({"amount":501})", "nonsense"};
    const std::string path = kPaths[below(5)];
    const std::string session = below(2) == 0 ? "s-1" : "s-2";
    v1::Call record = recorded(++sequence_, path == "/pay" ? "POST" : "GET", path);
    v1::Decision& d = decision_of(record);
    d.set_session_id(session);
    const std::string body = kBodies[below(4)];
    d.mutable_request()->set_call_digest(path + body);
    if (below(4) == 0) find(*d.add_findings(), "pii.card");
    decide(record, body);
    open_.push_back(calls_.size());
    calls_.push_back(record);
  }

  void decide(v1::Call& record, const std::string& body) {
    v1::Decision& d = decision_of(record);
    const RecordedCall asked(record);
    const auto match = asked.match(policy_);
    policy::Input input = asked.input(match ? &*match : nullptr, &facts_[asked.session()]);
    const policy::Arguments arguments = policy::Arguments::read(body, "");
    input.arguments = &arguments;
    const policy::Decision decision = policy_.decide(input);
    d.set_code(decision.code);
    d.set_rule(decision.rule);
    d.set_verdict(decision.verdict == Verdict::kDeny   ? v1::VERDICT_DENY
                  : decision.verdict == Verdict::kFlag ? v1::VERDICT_FLAG
                                                       : v1::VERDICT_ALLOW);
    if (decision.verdict == Verdict::kDeny) {
      record.mutable_outcome()->mutable_outcome()->set_result("refused");
    } else {
      facts_[asked.session()].note_call(match ? std::string_view(match->tool->name) : "?",
                                        asked.digest());
    }
  }

  void answer() {
    const std::size_t which = below(open_.size());
    v1::Call& record = calls_[open_[which]];
    open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(which));
    record.mutable_outcome()->set_sequence(++sequence_);
    if (record.outcome().outcome().result() != "completed") return;
    const RecordedCall call(record);
    const auto match = call.match(policy_);
    std::vector<policy::FindingView> views;
    if (below(6) == 0) {
      find(*record.mutable_outcome()->mutable_outcome()->add_findings(), "injection.override");
      views.push_back({.rule = "injection.override", .category = "injection"});
    }
    facts_[call.session()].note_result(match ? std::string_view(match->tool->name) : "?",
                                       !match || match->tool->untrusted, views);
  }

  const policy::Policy& policy_;
  std::minstd_rand random_;
  std::uint64_t sequence_ = 0;
  std::map<std::string, policy::SessionFacts> facts_;
  std::vector<v1::Call> calls_;
  std::vector<std::size_t> open_;
};

TEST(ReplayProperty, ThePolicyThatDecidedSaysTheSame) {
  const auto policies = policies_of(
      "rules:\n"
      "  - {id: all, effect: allow, tools: ['*', '?']}\n"
      "  - {id: cap, effect: deny, tools: [pay], args: {amount: {gt: 500}}}\n"
      "  - {id: steered, effect: deny, tools: [pay], after: {untrusted: true, tools: [web.get]}}\n"
      "  - {id: injected, effect: flag, tools: [crm.get], tainted: [injection]}\n"
      "  - {id: look-first, effect: deny, tools: [web.get], requires_before: [crm.get]}\n"
      "  - {id: circles, effect: deny, tools: [crm.get, '?'], repeat: {more_than: 2}}\n"
      "  - {id: many, effect: flag, tools: [web.get], tool_calls: {ge: 3}}\n"
      "  - {id: cards, effect: deny, tools: [web.get], findings: [pii]}\n"
      "  - {id: long, effect: deny, calls: {ge: 60}, tools: ['?']}\n");
  std::uint64_t denied = 0;
  std::uint64_t undecidable = 0;
  for (unsigned seed = 1; seed <= 40; ++seed) {
    const std::vector<v1::Call> calls = Live(*policies->of("default"), seed).play(120);
    Replay replay(*policies, 0);
    for (const v1::Call& call : calls) {
      replay.add(call);
      if (call.decision().decision().verdict() == v1::VERDICT_DENY) ++denied;
    }
    EXPECT_EQ(replay.count(Change::kUnchanged) + replay.count(Change::kUndecidable), calls.size())
        << "seed " << seed << "\n"
        << replay_text(replay, Palette(false));
    for (const auto& [key, group] : replay.groups())
      EXPECT_EQ(key.tool + " " + key.by, "pay args") << "only what hangs on arguments";
    undecidable += replay.count(Change::kUndecidable);
  }
  EXPECT_GT(denied, 500u);
  EXPECT_GT(undecidable, 50u);
}

}  // namespace
}  // namespace writ::cli
