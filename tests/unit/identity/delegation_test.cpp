#include "identity/delegation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "identity/support.h"

namespace writ::identity {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string refusal(const Writ& parent, const Agent& child, const Asked& asked = {},
                    TimePoint now = kNow) {
  const auto writ = delegate(parent, child, asked, {}, now);
  if (writ) return "";
  EXPECT_EQ(writ.error().code, ErrorCode::kDenied) << writ.error().message;
  return writ.error().message;
}

TEST(Delegation, PassesOnAPartOfWhatTheParentHas) {
  const Writ parent =
      issued(user("sarah", {"crm.*", "fin.read"}), agent("planner", {"crm.*", "fin.*"}),
             {.task = "the quarter", .tier = Tier::kApi});
  const Writ child = delegated(parent, agent("clerk", {"crm.contacts.*", "fin.*", "hr.*"}));
  EXPECT_THAT(child.effective, ElementsAre("crm.contacts.*", "fin.read"));
  EXPECT_THAT(child.chain, ElementsAre("planner", "clerk"));
  EXPECT_THAT(child.chain_writs, ElementsAre(parent.id, child.id));
  EXPECT_EQ(child.parent, parent.id);
  EXPECT_NE(child.id, parent.id);
  EXPECT_EQ(child.agent.id, "clerk");
  EXPECT_EQ(child.user.id, "sarah");
  EXPECT_THAT(child.user.scopes, ElementsAre("crm.*", "fin.read"));
  EXPECT_EQ(child.via, parent.via);
  EXPECT_EQ(child.strength, parent.strength);
  EXPECT_EQ(child.tier, Tier::kSubagent);
  EXPECT_EQ(child.task, "the quarter");
  EXPECT_EQ(delegated(parent, agent("x"), {.task = "one part"}).task, "one part");
}

TEST(Delegation, NeverTakesThePersonFromWhatIsAsked) {
  const Writ parent = issued(user("sarah"), agent("planner"));
  const Writ child = delegated(parent, agent("clerk"),
                               {.tier = Tier::kInteractive,
                                .via = "token",
                                .strength = IdentityStrength::kToken,
                                .issuer = "https://elsewhere"});
  EXPECT_EQ(child.via, "unix-peer");
  EXPECT_EQ(child.strength, IdentityStrength::kUnixPeer);
  EXPECT_EQ(child.issuer, "");
  EXPECT_EQ(child.tier, Tier::kSubagent);
}

TEST(Delegation, WildcardsDoNotWidenAndEmptyStaysEmpty) {
  const Writ narrow = issued(user("u", {"crm.read"}), agent("a"));
  EXPECT_THAT(delegated(narrow, agent("b", {"*"})).effective, ElementsAre("crm.read"));
  EXPECT_THAT(delegated(narrow, agent("b", {"crm.*"})).effective, ElementsAre("crm.read"));
  const Writ none = issued(user("u", {}), agent("a"));
  EXPECT_THAT(delegated(none, agent("b", {"*"})).effective, IsEmpty());
  EXPECT_THAT(refusal(none, agent("b"), {.scopes = Scopes{"*"}}), HasSubstr("do not both have *"));
}

TEST(Delegation, WhatTheParentLacksIsRefusedOrNarrowed) {
  const Writ parent = issued(user("u", {"crm.*"}), agent("a", {"crm.*"}));
  const Asked wide{.scopes = Scopes{"crm.read", "fin.read"}};
  EXPECT_THAT(refusal(parent, agent("b"), wide), HasSubstr("fin.read"));
  Asked narrow = wide;
  narrow.narrow = true;
  EXPECT_THAT(delegated(parent, agent("b"), narrow).effective, ElementsAre("crm.read"));
}

TEST(Delegation, TheStrictestLimitBinds) {
  Agent parent_agent = agent("a");
  parent_agent.limits = {.max_tool_calls = 20, .calls_per_minute = 10};
  Agent child_agent = agent("b");
  child_agent.limits = {.max_tool_calls = 50, .max_duration = minutes(30)};
  const Writ parent = issued(user("u"), parent_agent);
  const auto child = delegate(parent, child_agent, {.limits = {.calls_per_minute = 3}},
                              {.max_tool_calls = 7}, kNow);
  ASSERT_TRUE(child);
  EXPECT_EQ(child->limits,
            (Limits{.max_tool_calls = 7, .max_duration = minutes(30), .calls_per_minute = 3}));
  // A rest that says nothing, or more than there is, does not lift the parent's own limits.
  const auto more = delegate(parent, child_agent, {}, {.max_tool_calls = 99}, kNow);
  ASSERT_TRUE(more);
  EXPECT_EQ(more->limits.max_tool_calls, 20u);
  EXPECT_EQ(more->limits.calls_per_minute, 10u);
}

TEST(Delegation, EndsWithItsParentAtTheLatest) {
  const Writ open = issued(user("u"), agent("a"));
  const Writ brief = issued(user("u"), agent("a"), {.ttl = minutes(10)});
  Agent capped = agent("b");
  capped.limits.max_duration = minutes(3);
  EXPECT_FALSE(delegated(open, agent("b")).not_after);
  EXPECT_EQ(delegated(open, agent("b"), {.ttl = minutes(5)}).not_after, kNow + minutes(5));
  EXPECT_EQ(delegated(open, capped).not_after, kNow + minutes(3));
  EXPECT_EQ(delegated(brief, agent("b")).not_after, kNow + minutes(10));
  EXPECT_EQ(delegated(brief, agent("b"), {.ttl = hours(1)}).not_after, kNow + minutes(10));
  EXPECT_EQ(delegated(brief, capped, {.ttl = minutes(5)}).not_after, kNow + minutes(3));
  EXPECT_THAT(refusal(brief, agent("b"), {.not_before = kNow + minutes(10)}),
              HasSubstr("no time left"));
  EXPECT_EQ(delegated(brief, agent("b"), {.not_before = kNow - hours(1)}).not_before, kNow);
}

TEST(Delegation, AParentOutsideItsTimeRefuses) {
  const Writ parent =
      issued(user("u"), agent("a"), {.ttl = minutes(10), .not_before = kNow + minutes(1)});
  EXPECT_THAT(refusal(parent, agent("b")), HasSubstr("not valid yet"));
  EXPECT_EQ(refusal(parent, agent("b"), {}, kNow + minutes(1)), "");
  EXPECT_EQ(refusal(parent, agent("b"), {}, kNow + minutes(11) - std::chrono::nanoseconds(1)), "");
  EXPECT_THAT(refusal(parent, agent("b"), {}, kNow + minutes(11)), HasSubstr("expired"));
}

TEST(Delegation, StaysInItsTenant) {
  const Writ parent = issued(user("u", {"*"}, "acme"), agent("a", {"*"}, "acme"));
  EXPECT_THAT(refusal(parent, agent("b", {"*"}, "globex")), HasSubstr("another tenant"));
  EXPECT_THAT(refusal(parent, agent("b")), HasSubstr("another tenant"));
}

TEST(Delegation, NoAgentTwiceInAChain) {
  const Writ a = issued(user("u"), agent("a"));
  const Writ b = delegated(a, agent("b"));
  const Writ c = delegated(b, agent("c"));
  for (const char* id : {"a", "b", "c"})
    EXPECT_THAT(refusal(c, agent(id)), HasSubstr("in the chain a > b > c already"));
  EXPECT_THAT(refusal(a, agent("a")), HasSubstr("already"));
  EXPECT_EQ(refusal(a, agent("b")), "");  // a second child beside the first is no cycle
}

Agent with_depth(std::string id, std::uint32_t depth) {
  Agent made = agent(std::move(id));
  made.max_depth = depth;
  return made;
}

TEST(Delegation, EachAgentOfTheChainBoundsWhatIsBelowIt) {
  EXPECT_THAT(refusal(issued(user("u"), with_depth("a", 0)), agent("b")),
              HasSubstr("may not grow"));
  const Writ a = issued(user("u"), with_depth("a", 2));
  const Writ b = delegated(a, with_depth("b", 8));
  const Writ c = delegated(b, with_depth("c", 8));  // the second below a: the last
  EXPECT_THAT(refusal(c, agent("d")), HasSubstr("may not grow"));
  // Who may not delegate can still be delegated to.
  const Writ leaf = delegated(a, with_depth("leaf", 0));
  EXPECT_THAT(refusal(leaf, agent("d")), HasSubstr("may not grow"));
}

TEST(Delegation, NoChainIsLongerThanTheCap) {
  Writ last = issued(user("u"), with_depth("a0", 1000));
  for (std::uint32_t i = 1; i <= kMaxDepth; ++i)
    last = delegated(last, with_depth("a" + std::to_string(i), 1000));
  EXPECT_EQ(last.chain.size(), kMaxDepth + 1);
  EXPECT_THAT(refusal(last, with_depth("more", 1000)), HasSubstr("may not grow"));
}

TEST(Delegation, IsNoWayOutOfEnforcement) {
  Agent watched = agent("b");
  watched.mode = Mode::kObserve;
  EXPECT_EQ(delegated(issued(user("u"), agent("a")), watched).agent.mode, Mode::kEnforce);
  Agent observed = agent("a");
  observed.mode = Mode::kObserve;
  EXPECT_EQ(delegated(issued(user("u"), observed), watched).agent.mode, Mode::kObserve);
}

TEST(Delegation, CheckLinkRefusesWhatNoDelegationMakes) {
  const Writ parent = issued(user("u", {"crm.*"}), agent("a"), {.limits = {.max_tool_calls = 5}});
  const Writ good = delegated(parent, agent("b"));
  ASSERT_TRUE(check_link(parent, good));
  const auto broken = [&](auto change) {
    Writ child = good;
    change(child);
    const Status checked = check_link(parent, child);
    return checked ? std::string() : checked.error().message;
  };
  EXPECT_THAT(broken([](Writ& w) { w.parent = w.id; }), HasSubstr("chain"));
  EXPECT_THAT(broken([](Writ& w) { w.chain[0] = "x"; }), HasSubstr("chain"));
  EXPECT_THAT(broken([](Writ& w) { w.chain_writs[0] = w.id; }), HasSubstr("chain"));
  EXPECT_THAT(broken([](Writ& w) { w.chain.push_back("c"); }), HasSubstr("chain"));
  EXPECT_THAT(broken([](Writ& w) { w.user.id = "v"; }), HasSubstr("somebody else"));
  EXPECT_THAT(broken([](Writ& w) { w.tenant = "t"; }), HasSubstr("somebody else"));
  EXPECT_THAT(broken([](Writ& w) { w.strength = IdentityStrength::kToken; }),
              HasSubstr("somebody else"));
  EXPECT_THAT(broken([&](Writ& w) { w.delegations_left = parent.delegations_left; }),
              HasSubstr("too long"));
  EXPECT_THAT(broken([](Writ& w) { w.effective = {"*"}; }), HasSubstr("grants more"));
  EXPECT_THAT(broken([](Writ& w) { w.effective = {"fin.read"}; }), HasSubstr("grants more"));
  EXPECT_THAT(broken([](Writ& w) { w.limits.max_tool_calls = 6; }), HasSubstr("limits"));
  EXPECT_THAT(broken([](Writ& w) { w.limits.max_tool_calls.reset(); }), HasSubstr("limits"));
  EXPECT_THAT(broken([](Writ& w) { w.tier = Tier::kApi; }), HasSubstr("tier"));
}

}  // namespace
}  // namespace writ::identity
