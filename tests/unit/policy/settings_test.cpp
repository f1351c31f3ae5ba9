#include "policy/settings.h"

#include <algorithm>
#include <random>

#include "policy/support.h"

namespace writ::policy {
namespace {

using identity::Tier;

class SettingsTest : public Language {
 protected:
  Settings of(const std::string& user, const std::string& tool, Tier tier = Tier::kInteractive) {
    for (const Tool& one : policy_->catalog().tools()) {
      if (one.name != tool) continue;
      const ToolMatch match{.tool = &one};
      return policy_->settings(user, &match, tier);
    }
    return policy_->settings(user, nullptr, tier);
  }
  std::optional<std::uint32_t> rate(const std::string& user, const std::string& tool,
                                    Tier tier = Tier::kInteractive) {
    return of(user, tool, tier).rate_per_minute;
  }
};

TEST_F(SettingsTest, HaveDefaults) {
  load("");
  EXPECT_EQ(of("sarah", "pay"), Settings{});
  EXPECT_EQ(of("sarah", "pay").permission, Permission::kAllow);
  EXPECT_EQ(of("sarah", "pay").results, ResultAction::kAudit);
  EXPECT_EQ(rate("sarah", "pay"), std::nullopt);
}

// Each pair of levels: the more specific one decides, whichever comes first in the text.
TEST_F(SettingsTest, TheMostSpecificWins) {
  const std::vector<std::pair<std::string, std::string>> levels = {
      // least specific first; all of them are about sarah's calls of crm.read, interactive
      {"{rate_per_minute: 1}", "default"},
      {"{tiers: [interactive], rate_per_minute: 2}", "default+tier"},
      {"{users: [sarah], rate_per_minute: 3}", "user"},
      {"{users: [sarah], tiers: [interactive], rate_per_minute: 4}", "user+tier"},
      {"{tools: ['*'], rate_per_minute: 5}", "tool *"},
      {"{tools: [crm.*], rate_per_minute: 6}", "tool crm.*"},
      {"{tools: [crm.read], rate_per_minute: 7}", "tool crm.read"},
      {"{tools: ['*'], tiers: [interactive], rate_per_minute: 8}", "tool *+tier"},
      {"{tools: [crm.read], tiers: [interactive], rate_per_minute: 9}", "tool+tier"},
      {"{users: [sarah], tools: ['*'], rate_per_minute: 10}", "user+tool *"},
      {"{users: [sarah], tools: [crm.read], rate_per_minute: 11}", "user+tool"},
      {"{users: [sarah], tools: [crm.*], tiers: [interactive], rate_per_minute: 12}",
       "user+tool+tier"}};
  for (std::size_t low = 0; low < levels.size(); ++low) {
    for (std::size_t high = low + 1; high < levels.size(); ++high) {
      for (const bool swapped : {false, true}) {
        const auto& first = levels[swapped ? high : low].first;
        const auto& second = levels[swapped ? low : high].first;
        load("settings: [" + first + ", " + second + "]");
        EXPECT_EQ(rate("sarah", "crm.read"), high + 1)
            << levels[high].second << " against " << levels[low].second;
      }
    }
  }
}

TEST_F(SettingsTest, OfEqualEntriesTheStrictestHolds) {
  load(
      "settings: [{rate_per_minute: 5}, {rate_per_minute: 3}, {rate_per_minute: 9}, {results: "
      "off}, "
      "{results: block}, {results: redact}, {permission: deny}, {permission: allow}]");
  EXPECT_EQ(of("sarah", "pay"), (Settings{.permission = Permission::kDeny,
                                          .rate_per_minute = 3,
                                          .results = ResultAction::kBlock}));
}

TEST_F(SettingsTest, EachIsLookedUpByItself) {
  load(
      "settings: [{results: block, rate_per_minute: 5}, {tools: [pay], results: off}, {users: "
      "[sarah], permission: deny}]");
  EXPECT_EQ(of("sarah", "pay"), (Settings{.permission = Permission::kDeny,
                                          .rate_per_minute = 5,
                                          .results = ResultAction::kOff}));
  EXPECT_EQ(of("tom", "crm.read"),
            (Settings{.rate_per_minute = 5, .results = ResultAction::kBlock}));
}

TEST_F(SettingsTest, AreOfTheirSubjectsOnly) {
  load(
      "settings: [{users: [sarah], rate_per_minute: 1}, {tools: [crm.*, '?'], rate_per_minute: 2}, "
      "{tiers: [api, background], results: block}, {users: [tom], tools: ['?'], rate_per_minute: "
      "3}]");
  EXPECT_EQ(rate("sarah", "pay"), 1);
  EXPECT_EQ(rate("tom", "pay"), std::nullopt);
  EXPECT_EQ(rate("sarah", "crm.read"), 2);
  EXPECT_EQ(rate("sarah", "?"), 2);
  EXPECT_EQ(rate("tom", "?"), 3);
  EXPECT_EQ(of("tom", "pay", Tier::kApi).results, ResultAction::kBlock);
  EXPECT_EQ(of("tom", "pay", Tier::kBackground).results, ResultAction::kBlock);
  EXPECT_EQ(of("tom", "pay", Tier::kSubagent).results, ResultAction::kAudit);
}

TEST_F(SettingsTest, PermissionNarrowsWhatRulesAllow) {
  const std::string allow = "rules: [{id: a, effect: allow, tools: ['*', '?']}]\n";
  load(allow + "settings: [{users: [sarah], tools: [pay], permission: deny}]");
  EXPECT_EQ(ask().code, "permission_denied");
  EXPECT_EQ(ask().verdict, Verdict::kDeny);
  writ_.user.id = "tom";
  EXPECT_EQ(ask().code, "allowed");
  load(allow + "settings: [{permission: hold}]");
  EXPECT_EQ(ask().code, "hold_unavailable");
  EXPECT_EQ(ask().wanted, RuleEffect::kHold);
  EXPECT_THAT(text_of(diagnostics_), testing::HasSubstr("hold is not in force"));
  // And gives nothing.
  load("settings: [{permission: allow}]");
  EXPECT_EQ(ask().code, "no_rule");
  load(allow + "on_opaque: allow\nsettings: [{tools: ['?'], permission: deny}]");
  EXPECT_EQ(ask({.what = Input::What::kOpaque}).code, "permission_denied");
  EXPECT_EQ(ask().code, "allowed");
}

}  // namespace
}  // namespace writ::policy
