#include "identity/writ.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "identity/support.h"

namespace writ::identity {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

TEST(Writ, GrantsWhatUserAndAgentShare) {
  const User sarah{.id = "sarah", .email = "sarah@example.test", .scopes = {"crm.*"}};
  const Agent agent{.id = "assistant", .scopes = {"crm.contacts.read", "finance.revenue.read"}};
  const Result<Writ> writ =
      issue(sarah, agent, {.via = "unix-peer", .strength = IdentityStrength::kUnixPeer}, kNow);
  ASSERT_TRUE(writ);
  EXPECT_THAT(writ->effective, ElementsAre("crm.contacts.read"));
  EXPECT_THAT(writ->chain, ElementsAre("assistant"));
  EXPECT_THAT(writ->chain_writs, ElementsAre(writ->id));
  EXPECT_EQ(writ->parent, "");
  EXPECT_EQ(writ->tenant, "default");
  EXPECT_EQ(writ->user.id, "sarah");
  EXPECT_EQ(writ->agent.id, "assistant");
  EXPECT_EQ(writ->via, "unix-peer");
  EXPECT_EQ(writ->strength, IdentityStrength::kUnixPeer);
  EXPECT_EQ(writ->tier, Tier::kInteractive);
  EXPECT_EQ(writ->not_before, kNow);
  EXPECT_FALSE(writ->not_after);
  EXPECT_EQ(writ->delegations_left, kDefaultMaxDepth);
  EXPECT_EQ(writ->id.size(), 32u);
  EXPECT_EQ(writ->id.find_first_not_of("0123456789abcdef"), std::string::npos);
}

TEST(Writ, HasAnIdOfItsOwn) {
  EXPECT_NE(issued(user("u"), agent("a")).id, issued(user("u"), agent("a")).id);
}

TEST(Writ, HoldsWhatItWasAskedFor) {
  Agent helper = agent("a", {"crm.*"});
  helper.limits = {.max_tool_calls = 20, .max_duration = std::chrono::hours(1)};
  const Result<Writ> writ = issue(user("u", {"*"}), helper,
                                  {.scopes = Scopes{"crm.read"},
                                   .limits = {.max_tool_calls = 30, .calls_per_minute = 5},
                                   .task = "Wörter für die Rechnung №7",
                                   .tier = Tier::kApi,
                                   .via = "token",
                                   .strength = IdentityStrength::kToken,
                                   .issuer = "https://idp.example.test",
                                   .token_digest = "abc"},
                                  kNow);
  ASSERT_TRUE(writ) << writ.error().message;
  EXPECT_THAT(writ->effective, ElementsAre("crm.read"));
  EXPECT_EQ(
      writ->limits,
      (Limits{.max_tool_calls = 20, .max_duration = std::chrono::hours(1), .calls_per_minute = 5}));
  EXPECT_EQ(writ->task, "Wörter für die Rechnung №7");
  EXPECT_EQ(writ->tier, Tier::kApi);
  EXPECT_EQ(writ->issuer, "https://idp.example.test");
  EXPECT_EQ(writ->token_digest, "abc");
}

TEST(Writ, LivesAsLongAsItsKindSays) {
  struct Case {
    const char* name;
    Lifetime lifetime;
    std::optional<std::chrono::milliseconds> ttl, agent_ttl, max_duration;
    std::optional<std::chrono::milliseconds> life;
  };
  using std::chrono::hours;
  using std::chrono::minutes;
  const Case cases[] = {
      {"session", Lifetime::kSession, {}, {}, {}, {}},
      {"session, not the agent's ttl", Lifetime::kSession, {}, hours(1), {}, {}},
      {"session with max_duration", Lifetime::kSession, {}, {}, minutes(30), minutes(30)},
      {"session with ttl", Lifetime::kSession, minutes(5), {}, minutes(30), minutes(5)},
      {"grant", Lifetime::kGrant, {}, {}, {}, minutes(10)},
      {"grant of an agent", Lifetime::kGrant, {}, hours(1), {}, hours(1)},
      {"grant with ttl", Lifetime::kGrant, hours(2), hours(1), minutes(30), hours(2)},
  };
  for (const Case& c : cases) {
    Agent helper = agent("a");
    helper.ttl = c.agent_ttl;
    helper.limits.max_duration = c.max_duration;
    const Writ writ = issued(user("u"), helper, {.lifetime = c.lifetime, .ttl = c.ttl});
    ASSERT_EQ(writ.not_after.has_value(), c.life.has_value()) << c.name;
    if (c.life) {
      EXPECT_EQ(*writ.not_after, kNow + *c.life) << c.name;
    }
  }
}

TEST(Writ, BeginsLaterWhenAskedNeverEarlier) {
  const auto soon = kNow + std::chrono::minutes(5);
  const Writ later_one =
      issued(user("u"), agent("a"), {.lifetime = Lifetime::kGrant, .not_before = soon});
  EXPECT_EQ(later_one.not_before, soon);
  EXPECT_EQ(later_one.not_after, soon + kDefaultTtl);
  const Writ backdated =
      issued(user("u"), agent("a"), {.not_before = kNow - std::chrono::hours(1)});
  EXPECT_EQ(backdated.not_before, kNow);
}

TEST(Writ, AnEndBeyondTimeIsTheLastInstant) {
  EXPECT_EQ(later(kNow, std::chrono::milliseconds::max()), TimePoint::max());
  EXPECT_EQ(later(kNow, std::chrono::milliseconds(1)), kNow + std::chrono::milliseconds(1));
  Agent forever = agent("a");
  forever.limits.max_duration = std::chrono::milliseconds::max();
  EXPECT_EQ(issued(user("u"), forever).not_after, TimePoint::max());
}

TEST(Writ, NothingInCommonGrantsNothing) {
  EXPECT_THAT(issued(user("u", {"a.read"}), agent("a", {"b.*"})).effective, IsEmpty());
}

TEST(Writ, MoreThanThereIsIsRefusedByNameOrNarrowed) {
  const User sarah = user("sarah", {"crm.*", "hr.read"});
  const Agent helper = agent("helper", {"crm.read", "crm.write", "fin.*"});
  Asked asked = asked_by_peer({.scopes = Scopes{"crm.*", "crm.read", "fin.read", "hr.read"}});
  const Result<Writ> refused = issue(sarah, helper, asked, kNow);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kDenied);
  EXPECT_THAT(refused.error().message,
              AllOf(HasSubstr("user 'sarah' and agent 'helper' do not both have crm.*, fin.read, "
                              "hr.read"),
                    Not(HasSubstr("crm.read"))));
  asked.narrow = true;
  const Result<Writ> narrowed = issue(sarah, helper, asked, kNow);
  ASSERT_TRUE(narrowed);
  EXPECT_THAT(narrowed->effective, ElementsAre("crm.read", "crm.write"));
  asked.scopes = Scopes{};
  EXPECT_THAT(issue(sarah, helper, asked, kNow)->effective, IsEmpty());
}

TEST(Writ, AskedForWhatIsNoneIsRefused) {
  const auto refused = [](Asked asked) {
    const auto writ = issue(user("u", {"*"}), agent("a"), asked_by_peer(std::move(asked)), kNow);
    return writ ? std::string() : writ.error().message;
  };
  EXPECT_THAT(refused({.scopes = Scopes{"crm.*.read"}}), HasSubstr("scopes"));
  EXPECT_THAT(refused({.scopes = Scopes(kMaxScopes + 1, "a.b")}), HasSubstr("more than 1000"));
  EXPECT_THAT(refused({.ttl = std::chrono::milliseconds(0)}), HasSubstr("ttl"));
  EXPECT_THAT(refused({.ttl = std::chrono::milliseconds(-1)}), HasSubstr("ttl"));
  EXPECT_THAT(refused({.ttl = kMaxTtl + std::chrono::milliseconds(1)}), HasSubstr("ttl"));
  EXPECT_THAT(refused({.task = "two\nlines"}), HasSubstr("task"));
  EXPECT_THAT(refused({.task = "\xff"}), HasSubstr("task"));
  EXPECT_THAT(refused({.task = std::string(kMaxTask + 1, 'x')}), HasSubstr("task"));
  EXPECT_EQ(refused({.task = std::string(kMaxTask, 'x')}), "");
  EXPECT_EQ(refused({.ttl = kMaxTtl}), "");
}

TEST(Writ, IsRefusedAcrossTenants) {
  const Result<Writ> writ =
      issue(user("u", {"*"}, "acme"), agent("a", {"*"}, "other"), asked_by_peer({}), kNow);
  ASSERT_FALSE(writ);
  EXPECT_EQ(writ.error().code, ErrorCode::kDenied);
  EXPECT_THAT(writ.error().message, HasSubstr("tenant 'other'"));
}

TEST(Writ, IsNotIssuedOnNobodysWord) {
  const Result<Writ> writ = issue(user("u", {"*"}), agent("a", {"*"}), {.via = "?"}, kNow);
  ASSERT_FALSE(writ);
  EXPECT_EQ(writ.error().code, ErrorCode::kDenied);
}

TEST(Writ, CheckRefusesWhatNoIssueMakes) {
  const Writ good = issued(user("u", {"crm.*"}), agent("a", {"crm.*"}));
  ASSERT_TRUE(check_writ(good));
  const auto broken = [&](auto change) {
    Writ writ = good;
    change(writ);
    const Status checked = check_writ(writ);
    return checked ? std::string() : checked.error().message;
  };
  EXPECT_THAT(broken([](Writ& w) { w.id = "xyz"; }), HasSubstr("id"));
  EXPECT_THAT(broken([](Writ& w) { w.tenant = ""; }), HasSubstr("tenant"));
  EXPECT_THAT(broken([](Writ& w) { w.tenant = "a/b"; }), HasSubstr("tenant"));
  EXPECT_THAT(broken([](Writ& w) { w.user.tenant = "other"; }), HasSubstr("tenant"));
  EXPECT_THAT(broken([](Writ& w) { w.agent.tenant = "other"; }), HasSubstr("tenant"));
  EXPECT_THAT(broken([](Writ& w) { w.user.id = ""; }), HasSubstr("user"));
  EXPECT_THAT(broken([](Writ& w) { w.user.email = "\x80"; }), HasSubstr("text"));
  EXPECT_THAT(broken([](Writ& w) { w.task = "\x1b[2J"; }), HasSubstr("text"));
  EXPECT_THAT(broken([](Writ& w) { w.effective = {"*"}; }), HasSubstr("both"));
  EXPECT_THAT(broken([](Writ& w) { w.effective = {"crm.a", "crm.*"}; }), HasSubstr("both"));
  EXPECT_THAT(broken([](Writ& w) { w.user.scopes = {"x*"}; }), HasSubstr("scopes"));
  EXPECT_THAT(broken([](Writ& w) { w.chain = {}; }), HasSubstr("chain"));
  EXPECT_THAT(broken([](Writ& w) { w.chain = {"b"}; }), HasSubstr("chain"));
  EXPECT_THAT(broken([](Writ& w) { w.chain_writs = {std::string(32, 'a')}; }), HasSubstr("chain"));
  EXPECT_THAT(broken([](Writ& w) { w.parent = std::string(32, 'a'); }), HasSubstr("parent"));
  EXPECT_THAT(broken([&](Writ& w) {
                w.chain = {"a", "a"};
                w.chain_writs = {std::string(32, 'a'), w.id};
                w.parent = std::string(32, 'a');
              }),
              HasSubstr("twice"));
  EXPECT_THAT(broken([](Writ& w) { w.delegations_left = kMaxDepth + 1; }), HasSubstr("delegated"));
  EXPECT_THAT(broken([](Writ& w) { w.strength = IdentityStrength::kNone; }), HasSubstr("vouches"));
  EXPECT_THAT(broken([](Writ& w) { w.not_after = w.not_before - std::chrono::seconds(1); }),
              HasSubstr("ends before"));
}

TEST(Limits, TheStricterBinds) {
  const Limits a{.max_tool_calls = 5, .calls_per_minute = 9};
  const Limits b{.max_tool_calls = 7, .max_duration = std::chrono::seconds(3)};
  const Limits both{
      .max_tool_calls = 5, .max_duration = std::chrono::seconds(3), .calls_per_minute = 9};
  EXPECT_EQ(min(a, b), both);
  EXPECT_EQ(min(b, a), both);
  EXPECT_EQ(min(a, Limits()), a);
  EXPECT_EQ(min(Limits(), Limits()), Limits());
  EXPECT_EQ(min(Limits{.max_tool_calls = 0}, a).max_tool_calls, 0u);  // 0 is a limit, not none
}

TEST(Standing, WordsAndBack) {
  for (const Tier tier : {Tier::kInteractive, Tier::kSubagent, Tier::kBackground, Tier::kApi})
    EXPECT_EQ(tier_from_text(to_text(tier)), tier);
  EXPECT_FALSE(tier_from_text("Interactive"));
  EXPECT_FALSE(tier_from_text(""));
  IdentityStrength last = IdentityStrength::kNone;
  for (const char* word : {"none", "asserted", "unix_peer", "login", "token"}) {
    const auto strength = strength_from_text(word);
    ASSERT_TRUE(strength) << word;
    EXPECT_EQ(to_text(*strength), word);
    EXPECT_GE(*strength, last);
    last = *strength;
  }
  EXPECT_LT(IdentityStrength::kAsserted, IdentityStrength::kUnixPeer);
  EXPECT_FALSE(strength_from_text("strong"));
}

}  // namespace
}  // namespace writ::identity
