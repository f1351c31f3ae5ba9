#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policy/policy.h"

namespace writ::policy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using What = Input::What;

constexpr const char* kTools = R"(version: 1
tools:
  - {name: crm.read, host: crm.test, method: GET, path: "/contacts/{id}", scopes: [crm.read], effect: read}
  - {name: crm.note, host: crm.test, method: POST, path: "/contacts/{id}/notes", scopes: [crm.read, crm.write], effect: write}
  - {name: finance.read, host: fin.test, method: GET, path: /revenue, scopes: [finance.read], effect: read}
  - {name: open, host: open.test, method: GET, path: /, scopes: [], effect: read}
)";

struct Ask {
  std::string method = "GET";
  std::string host = "crm.test";
  std::string path = "/contacts/1";
  std::vector<FindingView> findings = {};
  What what = What::kCall;
  bool complete = true;
  std::string problem = {};
};

class Decide : public testing::Test {
 protected:
  Decide() {
    writ_.user = {.id = "sarah", .roles = {"sales"}, .scopes = {"crm.*"}};
    writ_.agent = {.id = "assistant", .scopes = {"crm.*", "finance.read"}};
    writ_.effective = identity::intersect(writ_.user.scopes, writ_.agent.scopes);
  }

  void load(const std::string& rules) {
    Diagnostics out;
    policy_ = Policy::load_from_text(
        {{"tools.yaml", kTools}, {"rules.yaml", "version: 1\n" + rules}}, out);
    ASSERT_TRUE(policy_) << (out.empty() ? "" : to_string(out[0]));
  }

  Decision ask(const Ask& ask = {}) {
    ToolCall call{.method = ask.method, .host = ask.host, .path = ask.path};
    call.destination = {.address = "10.0.0.1", .port = 443};
    const auto tool = policy_->match(call);
    return policy_->decide({.what = ask.what,
                            .call = call,
                            .tool = tool && ask.what == What::kCall ? &*tool : nullptr,
                            .writ = anonymous_ ? nullptr : &writ_,
                            .findings = ask.findings,
                            .complete = ask.complete,
                            .problem = ask.problem});
  }

  std::shared_ptr<const Policy> policy_;
  identity::Writ writ_;
  bool anonymous_ = false;
};

const std::vector<FindingView> kCard = {{.rule = "pii.card", .category = "pii"}};
const Ask kRevenue{.host = "fin.test", .path = "/revenue"};
const Ask kUnnamed{.host = "other.test", .path = "/x"};

constexpr const char* kAllowAll = "rules: [{id: all, effect: allow, tools: ['*']}]";

TEST_F(Decide, AllowsByARule) {
  load(kAllowAll);
  const Decision decision = ask();
  EXPECT_EQ(decision.verdict, Verdict::kAllow);
  EXPECT_EQ(decision.code, "allowed");
  EXPECT_EQ(decision.rule, "all");
  EXPECT_EQ(decision.reason, "sarah may call crm.read: rule all allows it");
}

TEST_F(Decide, DeniesWithoutARule) {
  load("");
  const Decision decision = ask();
  EXPECT_EQ(decision.verdict, Verdict::kDeny);
  EXPECT_EQ(decision.code, "no_rule");
  EXPECT_EQ(decision.rule, "");
  EXPECT_EQ(decision.reason, "sarah may not call crm.read: no rule allows it");
}

TEST_F(Decide, NamesTheMissingScopeAndWhoLacksIt) {
  load(kAllowAll);
  Decision decision = ask(kRevenue);
  EXPECT_EQ(decision.verdict, Verdict::kDeny);
  EXPECT_EQ(decision.code, "scope_missing");
  EXPECT_THAT(decision.missing, ElementsAre("finance.read"));
  EXPECT_EQ(decision.reason,
            "sarah may not call finance.read: scope finance.read is missing (agent assistant has "
            "it, user sarah does not)");
  writ_.user.scopes = {"finance.read"};
  writ_.agent.scopes = {};
  writ_.effective = {};
  EXPECT_THAT(ask(kRevenue).reason, HasSubstr("(user sarah has it, agent assistant does not)"));
  writ_.user.scopes = {};
  EXPECT_THAT(ask(kRevenue).reason, HasSubstr("(neither user sarah nor agent assistant has it)"));
  writ_.user.scopes = writ_.agent.scopes = {"*"};
  EXPECT_THAT(ask(kRevenue).reason, HasSubstr("this delegation does not pass it on"));
  decision = ask({.method = "POST", .path = "/contacts/1/notes"});
  EXPECT_THAT(decision.missing, ElementsAre("crm.read", "crm.write"));
  EXPECT_THAT(decision.reason, HasSubstr("and 1 more"));
}

TEST_F(Decide, AToolWithoutScopesStillNeedsARule) {
  writ_.effective = {};
  load(kAllowAll);
  EXPECT_EQ(ask({.host = "open.test", .path = "/"}).code, "allowed");
  load("");
  EXPECT_EQ(ask({.host = "open.test", .path = "/"}).code, "no_rule");
}

TEST_F(Decide, ANameThatNobodyGaveIsUnknown) {
  load(kAllowAll);
  const Decision decision = ask(kUnnamed);
  EXPECT_EQ(decision.verdict, Verdict::kDeny);
  EXPECT_EQ(decision.code, "tool_unknown");
  EXPECT_THAT(decision.reason, HasSubstr("no tool of the catalog is GET other.test/x"));
}

TEST_F(Decide, UnnamedCallsNeedTheirOwnRule) {
  load("rules: [{id: any, effect: allow, tools: ['?'], users: [sarah]}]");
  EXPECT_EQ(ask(kUnnamed).code, "allowed");
  EXPECT_EQ(ask().code, "no_rule");  // "?" is for unnamed calls only
  writ_.user.id = "eve";
  EXPECT_EQ(ask(kUnnamed).code, "tool_unknown");
}

TEST_F(Decide, TheNetworkCannotBreakASentence) {
  load("");
  const Decision decision = ask({.host = "a\nb\x1b[31m", .path = "/" + std::string(10'000, 'x')});
  EXPECT_LT(decision.reason.size(), 500u);
  EXPECT_EQ(decision.reason.find('\n'), std::string::npos);
  EXPECT_EQ(decision.reason.find('\x1b'), std::string::npos);
}

// Every pair of reasons that can apply at once: the earlier one explains.
TEST_F(Decide, PrecedenceTable) {
  const std::string deny = "{id: d, effect: deny}";
  const std::string flag = "{id: f, effect: flag}";
  const std::string allow = "{id: a, effect: allow, tools: ['*', '?']}";
  struct Case {
    const char* what;
    const char* user;  // "": nobody
    Ask ask;
    std::string rules;
    Verdict verdict;
    const char* code;
    const char* rule;
  };
  const auto opaque = Ask{.what = What::kOpaque};
  const auto broken = Ask{.what = What::kUnparseable};
  const auto inbound = Ask{.what = What::kInbound};
  const Case cases[] = {
      {"nobody over unparseable", "", broken, "rules: [" + allow + "]", Verdict::kDeny,
       "no_identity", ""},
      {"nobody over opaque", "", opaque, "on_opaque: allow", Verdict::kDeny, "no_identity", ""},
      {"nobody over inbound", "", inbound, "on_inbound: allow", Verdict::kDeny, "no_identity", ""},
      {"nobody over unknown", "", kUnnamed, "", Verdict::kDeny, "no_identity", ""},
      {"nobody over scope", "", kRevenue, "", Verdict::kDeny, "no_identity", ""},
      {"nobody over deny", "", {}, "rules: [" + deny + "]", Verdict::kDeny, "no_identity", ""},
      {"nobody over allow", "", {}, "rules: [" + allow + "]", Verdict::kDeny, "no_identity", ""},
      {"unparseable over deny", "sarah", broken, "rules: [" + deny + "]", Verdict::kDeny,
       "unparseable", ""},
      {"unparseable over allow", "sarah", broken, "on_opaque: allow\nrules: [" + allow + "]",
       Verdict::kDeny, "unparseable", ""},
      {"opaque denied by default", "sarah", opaque, "rules: [" + allow + "]", Verdict::kDeny,
       "opaque", ""},
      {"opaque deny over rule", "sarah", opaque, "on_opaque: deny\nrules: [" + deny + "]",
       Verdict::kDeny, "opaque", ""},
      {"opaque hold is deny", "sarah", opaque, "on_opaque: hold\nrules: [" + allow + "]",
       Verdict::kDeny, "opaque", ""},
      {"opaque allowed", "sarah", opaque, "on_opaque: allow", Verdict::kAllow, "opaque", ""},
      {"deny over opaque allowed", "sarah", opaque, "on_opaque: allow\nrules: [" + deny + "]",
       Verdict::kDeny, "rule_denied", "d"},
      {"flag over opaque allowed", "sarah", opaque, "on_opaque: allow\nrules: [" + flag + "]",
       Verdict::kFlag, "opaque", "f"},
      {"opaque and a rule for named calls", "sarah", opaque,
       "on_opaque: allow\nrules: [{id: d, effect: deny, tools: ['*']}]", Verdict::kAllow, "opaque",
       ""},
      {"inbound denied by default", "sarah", inbound, "on_opaque: allow\nrules: [" + allow + "]",
       Verdict::kDeny, "inbound", ""},
      {"inbound allowed", "sarah", inbound, "on_inbound: allow", Verdict::kAllow, "inbound", ""},
      {"deny over inbound allowed", "sarah", inbound, "on_inbound: allow\nrules: [" + deny + "]",
       Verdict::kDeny, "rule_denied", "d"},
      {"unknown over deny", "sarah", kUnnamed, "rules: [" + deny + "]", Verdict::kDeny,
       "tool_unknown", ""},
      {"unknown over flag", "sarah", kUnnamed, "rules: [" + flag + "]", Verdict::kDeny,
       "tool_unknown", ""},
      {"deny over unnamed allowed", "sarah", kUnnamed, "rules: [" + deny + ", " + allow + "]",
       Verdict::kDeny, "rule_denied", "d"},
      {"flag over unnamed allowed", "sarah", kUnnamed, "rules: [" + flag + ", " + allow + "]",
       Verdict::kFlag, "flagged", "f"},
      {"scope over deny", "sarah", kRevenue, "rules: [" + deny + "]", Verdict::kDeny,
       "scope_missing", ""},
      {"scope over no rule", "sarah", kRevenue, "", Verdict::kDeny, "scope_missing", ""},
      {"scope over allow", "sarah", kRevenue, "rules: [" + allow + "]", Verdict::kDeny,
       "scope_missing", ""},
      {"deny over no rule",
       "sarah",
       {},
       "rules: [" + deny + "]",
       Verdict::kDeny,
       "rule_denied",
       "d"},
      {"deny over flag",
       "sarah",
       {},
       "rules: [" + flag + ", " + deny + "]",
       Verdict::kDeny,
       "rule_denied",
       "d"},
      {"deny over allow",
       "sarah",
       {},
       "rules: [" + allow + ", " + deny + "]",
       Verdict::kDeny,
       "rule_denied",
       "d"},
      {"deny over both",
       "sarah",
       {},
       "rules: [" + allow + ", " + flag + ", " + deny + "]",
       Verdict::kDeny,
       "rule_denied",
       "d"},
      {"a flag allows nothing",
       "sarah",
       {},
       "rules: [" + flag + "]",
       Verdict::kDeny,
       "no_rule",
       ""},
      {"flag over allow",
       "sarah",
       {},
       "rules: [" + allow + ", " + flag + "]",
       Verdict::kFlag,
       "flagged",
       "f"},
      {"allow", "sarah", {}, "rules: [" + allow + "]", Verdict::kAllow, "allowed", "a"},
      {"the first id is named",
       "sarah",
       {},
       "rules: [{id: z, effect: deny}, {id: b, effect: deny, tools: [crm.*]}, {id: c, effect: "
       "deny}]",
       Verdict::kDeny,
       "rule_denied",
       "b"},
  };
  for (const Case& c : cases) {
    load(c.rules);
    anonymous_ = std::string_view(c.user).empty();
    const Decision decision = ask(c.ask);
    EXPECT_EQ(decision.verdict, c.verdict) << c.what;
    EXPECT_EQ(decision.code, c.code) << c.what;
    EXPECT_EQ(decision.rule, c.rule) << c.what;
    EXPECT_FALSE(decision.reason.empty()) << c.what;
  }
}

TEST_F(Decide, ConditionsAreAndedAndTheirValuesOred) {
  struct Case {
    const char* conditions;
    bool holds;  // for sarah of sales, assistant, crm.read, a card number
  };
  const Case cases[] = {
      {"", true},
      {", users: [sarah]", true},
      {", users: [diana, sarah]", true},
      {", users: [diana]", false},
      {", users: [sara]", false},
      {", roles: [sales]", true},
      {", roles: [finance, sales]", true},
      {", roles: [finance]", false},
      {", agents: [assistant]", true},
      {", agents: [other]", false},
      {", findings: [pii]", true},
      {", findings: [pii.*]", true},
      {", findings: [pii.card]", true},
      {", findings: ['*.card']", true},
      {", findings: [secret, pii.card]", true},
      {", findings: [pii.iban]", false},
      {", findings: [pi]", false},
      {", findings: [injection]", false},
      {", tools: [crm.*]", true},
      {", tools: [finance.*, crm.read]", true},
      {", tools: [finance.*]", false},
      {", tools: ['?']", false},
      {", tools: [crm.*], users: [sarah], roles: [sales], agents: [assistant], findings: [pii]",
       true},
      {", tools: [crm.*], users: [sarah], roles: [sales], agents: [assistant], findings: [secret]",
       false},
      {", tools: [crm.*], users: [diana], roles: [sales], agents: [assistant], findings: [pii]",
       false},
      {", users: [sarah], agents: [other]", false},
  };
  for (const Case& c : cases) {
    load(std::string("rules: [{id: a, effect: allow, tools: ['*']}, {id: d, effect: deny") +
         c.conditions + "}]");
    EXPECT_EQ(ask({.findings = kCard}).verdict == Verdict::kDeny, c.holds) << c.conditions;
  }
}

TEST_F(Decide, ReasonsAreTemplates) {
  load(
      "rules: [{id: a, effect: allow, tools: ['*']}, {id: d, effect: deny, findings: [pii, "
      "secret], "
      "reason: '{user}/{agent}/{tool}/{findings}.'}]");
  const std::vector<FindingView> findings = {{.rule = "secret.aws", .category = "secret"},
                                             {.rule = "pii.card", .category = "pii"},
                                             {.rule = "pii.card", .category = "pii"},
                                             {.rule = "injection.x", .category = "injection"}};
  EXPECT_EQ(ask({.findings = findings}).reason, "sarah/assistant/crm.read/pii.card, secret.aws.");
}

TEST_F(Decide, SaysWhenOnlyAPartWasSeen) {
  load(kAllowAll);
  EXPECT_THAT(ask({.complete = false}).reason, HasSubstr("decided on the first part"));
  EXPECT_THAT(ask({.complete = true}).reason, testing::Not(HasSubstr("first part")));
}

TEST_F(Decide, GivesTheProblemOfUnreadBytes) {
  load("on_opaque: allow");
  EXPECT_THAT(ask({.what = What::kUnparseable, .problem = "bad chunk size"}).reason,
              HasSubstr("10.0.0.1:443"));
  EXPECT_THAT(ask({.what = What::kUnparseable, .problem = "bad chunk size"}).reason,
              HasSubstr("bad chunk size"));
  EXPECT_THAT(ask({.what = What::kOpaque, .problem = "events were lost"}).reason,
              HasSubstr("(events were lost), and on_opaque is allow"));
  load("on_opaque: hold");
  EXPECT_THAT(ask({.what = What::kOpaque}).reason, HasSubstr("hold, which this version denies"));
}

TEST_F(Decide, KnowsWhetherFindingsMatter) {
  load(
      "rules: [{id: a, effect: allow, tools: ['*']}, {id: d, effect: deny, tools: [crm.note], "
      "findings: [pii]}]");
  const auto matters = [&](const std::string& method, const std::string& host,
                           const std::string& path) {
    const auto tool = policy_->match({.method = method, .host = host, .path = path});
    return policy_->reads_findings(tool ? &*tool : nullptr);
  };
  EXPECT_TRUE(matters("POST", "crm.test", "/contacts/1/notes"));
  EXPECT_FALSE(matters("GET", "crm.test", "/contacts/1"));
  EXPECT_FALSE(matters("GET", "other.test", "/"));
  load("rules: [{id: d, effect: deny, findings: [pii]}]");
  EXPECT_TRUE(matters("GET", "crm.test", "/contacts/1"));
  EXPECT_TRUE(matters("GET", "other.test", "/"));
  load("rules: [{id: d, effect: flag, tools: ['*'], findings: [pii]}]");
  EXPECT_TRUE(matters("GET", "crm.test", "/contacts/1"));
  EXPECT_FALSE(matters("GET", "other.test", "/"));
}

TEST_F(Decide, AMatchOfAnotherPolicyHasNoNameHere) {
  load(kAllowAll);
  const auto old = policy_;
  const ToolCall call{.method = "GET", .host = "crm.test", .path = "/contacts/1"};
  const auto match = old->match(call);
  ASSERT_TRUE(match);
  load(kAllowAll);
  EXPECT_EQ(old->decide({.call = call, .tool = &*match, .writ = &writ_}).code, "allowed");
  EXPECT_EQ(policy_->decide({.call = call, .tool = &*match, .writ = &writ_}).code, "tool_unknown");
}

}  // namespace
}  // namespace writ::policy
