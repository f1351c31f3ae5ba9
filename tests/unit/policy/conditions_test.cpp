// Every condition but arguments and sessions: when it holds, when not, and when nobody can say.
#include "policy/conditions.h"

#include "policy/instant.h"
#include "policy/support.h"

namespace writ::policy {
namespace {

constexpr Truth kYes = Truth::kYes;
constexpr Truth kNo = Truth::kNo;
constexpr Truth kUnknown = Truth::kUnknown;
using What = Input::What;

class Conditions : public Language {};

TEST_F(Conditions, OnWho) {
  EXPECT_EQ(truth("users: [sarah, tom]"), kYes);
  EXPECT_EQ(truth("users: [tom]"), kNo);
  EXPECT_EQ(truth("roles: [lead, sales]"), kYes);
  EXPECT_EQ(truth("roles: [lead]"), kNo);
  EXPECT_EQ(truth("agents: [assistant]"), kYes);
  EXPECT_EQ(truth("agents: [other]"), kNo);
  EXPECT_EQ(truth("tenants: [acme, other]"), kYes);
  EXPECT_EQ(truth("tenants: [other]"), kNo);
  EXPECT_EQ(truth("tiers: [interactive]"), kYes);
  EXPECT_EQ(truth("tiers: [api, background]"), kNo);
  EXPECT_EQ(truth("identity: unix_peer"), kYes);
  EXPECT_EQ(truth("identity: token"), kNo);
  EXPECT_EQ(truth("identity_below: token"), kYes);
  EXPECT_EQ(truth("identity_below: login"), kNo);
  EXPECT_EQ(truth("scopes: [crm.read]"), kYes);
  EXPECT_EQ(truth("scopes: [finance.read, pay.out]"), kYes);
  EXPECT_EQ(truth("scopes: [pay.*]"), kYes);
  EXPECT_EQ(truth("scopes: [crm.*]"), kNo);
  EXPECT_EQ(truth("scopes: [finance.read]"), kNo);
}

TEST_F(Conditions, OnTheRequest) {
  EXPECT_EQ(truth("effects: [write]"), kYes);
  EXPECT_EQ(truth("effects: [read]"), kNo);
  EXPECT_EQ(truth("effects: [read, write]"), kYes);
  EXPECT_EQ(truth("effects: [read]", {.host = "unnamed.test"}), kUnknown);
  EXPECT_EQ(truth("methods: [POST, PUT]"), kYes);
  EXPECT_EQ(truth("methods: [GET]"), kNo);
  EXPECT_EQ(truth("paths: ['/pay/**']"), kYes);
  EXPECT_EQ(truth("paths: ['/pay/{x}', /other]"), kYes);
  EXPECT_EQ(truth("paths: [/pay]"), kNo);
  EXPECT_EQ(truth("paths: [/pay/**]", {.path = "/pay"}), kYes);
  EXPECT_EQ(truth("paths: [/pay/7]", {.path = "/pay/7/"}), kYes);
  EXPECT_EQ(truth("paths: [/pay]", {.path = "/pay/../admin"}), kUnknown);
  EXPECT_EQ(truth("protocols: [http/*]"), kYes);
  EXPECT_EQ(truth("protocols: [HTTP/1.1]"), kYes);
  EXPECT_EQ(truth("protocols: [mcp]"), kNo);
}

TEST_F(Conditions, OnHosts) {
  EXPECT_EQ(truth("hosts: [pay.test]"), kYes);
  EXPECT_EQ(truth("hosts: [PAY.test]"), kYes);
  EXPECT_EQ(truth("hosts: ['*.test']"), kYes);
  EXPECT_EQ(truth("hosts: ['p*y.test']"), kYes);
  EXPECT_EQ(truth("hosts: ['*.pay.test']"), kNo);
  EXPECT_EQ(truth("hosts: [other.test]"), kNo);
  EXPECT_EQ(truth("hosts: [pay.test]", {.host = "pay.test."}), kYes);
  EXPECT_EQ(truth("hosts: [pay.test]", {.host = ""}), kUnknown);
  EXPECT_EQ(truth("hosts: ['*.test']", {.host = std::string(300, 'a') + ".test"}), kUnknown);
}

TEST_F(Conditions, OnDestinations) {
  EXPECT_EQ(truth("destinations: [10.0.0.0/8]"), kYes);
  EXPECT_EQ(truth("destinations: [10.1.2.3]"), kYes);
  EXPECT_EQ(truth("destinations: [10.1.2.4, 192.168.0.0/16]"), kNo);
  EXPECT_EQ(truth("destinations: ['10.0.0.0/8:443']"), kYes);
  EXPECT_EQ(truth("destinations: ['10.0.0.0/8:80']"), kNo);
  EXPECT_EQ(truth("destinations: ['*:443']"), kYes);
  EXPECT_EQ(truth("destinations: ['*:80', '10.1.2.3:443']"), kYes);
  EXPECT_EQ(truth("destinations: ['*:80']"), kNo);
  EXPECT_EQ(truth("destinations: ['2001:db8::/32']"), kNo);
  EXPECT_EQ(truth("destinations: ['2001:db8::/32']", {.address = "2001:db8::1"}), kYes);
  EXPECT_EQ(truth("destinations: ['[2001:db8::/32]:443']", {.address = "2001:db8::1"}), kYes);
  EXPECT_EQ(truth("destinations: ['[2001:db8::/32]:80']", {.address = "2001:db8::1"}), kNo);
  EXPECT_EQ(truth("destinations: [10.0.0.0/8]", {.address = ""}), kUnknown);
  EXPECT_EQ(truth("destinations: ['10.0.0.0/8:80']", {.address = ""}), kNo);
  EXPECT_EQ(truth("destinations: ['*:443']", {.address = ""}), kYes);
  EXPECT_EQ(truth("destinations: [0.0.0.0/0]"), kYes);
}

TEST_F(Conditions, OnFindings) {
  const std::vector<FindingView> findings = {
      {.rule = "pii.card", .category = "pii", .count = 2, .where = "body"},
      {.rule = "pii.email", .category = "pii", .count = 3, .where = "query"},
      {.rule = "secret.aws", .category = "secret", .count = 5}};
  const auto found = [&](const std::string& text) {
    return truth("findings: " + text, {.findings = findings});
  };
  EXPECT_EQ(found("[pii]"), kYes);
  EXPECT_EQ(found("pii.card"), kYes);
  EXPECT_EQ(found("['*.email']"), kYes);
  EXPECT_EQ(found("[injection]"), kNo);
  EXPECT_EQ(found("[{kind: pii, at_least: 5}]"), kYes);
  EXPECT_EQ(found("[{kind: pii, at_least: 6}]"), kNo);
  EXPECT_EQ(found("{kind: pii.card, where: body}"), kYes);
  EXPECT_EQ(found("{kind: pii.card, where: [query]}"), kNo);
  EXPECT_EQ(found("{kind: pii, where: [query, body], at_least: 5}"), kYes);
  EXPECT_EQ(found("[{kind: pii, where: [query], at_least: 4}, injection]"), kNo);
  EXPECT_EQ(found("{kind: secret, where: [query]}"), kUnknown);
  EXPECT_EQ(found("{kind: secret, where: [query], at_least: 6}"), kNo);
}

TEST_F(Conditions, OnTime) {
  const auto at = [](const char* text) {
    return std::chrono::system_clock::time_point(
        std::chrono::seconds(parse_instant(text)->seconds));
  };
  const char* kOffice = "during: {days: mon-fri, from: '08:00', to: '18:00', tz: '+01:00'}";
  EXPECT_EQ(truth(kOffice, {.now = at("2026-01-30T07:00:00Z")}), kYes);
  EXPECT_EQ(truth(kOffice, {.now = at("2026-01-30T06:59:00Z")}), kNo);
  EXPECT_EQ(truth(kOffice), kUnknown);
  EXPECT_EQ(truth("during: [{days: [sat]}, {days: [fri], from: '12:00'}]",
                  {.now = at("2026-01-30T12:00:00Z")}),
            kYes);
}

TEST_F(Conditions, OnBudgets) {
  const std::vector<BudgetView> budget = {{.name = "calls", .left = 4},
                                          {.name = "cost", .left = std::nullopt}};
  EXPECT_EQ(truth("budget_left: {calls: {lt: 5}}", {.budget = budget}), kYes);
  EXPECT_EQ(truth("budget_left: {calls: {lt: 4}}", {.budget = budget}), kNo);
  EXPECT_EQ(truth("budget_left: {cost: {lt: 5}}", {.budget = budget}), kNo);
  EXPECT_EQ(truth("budget_left: {cost: {gt: 5}}", {.budget = budget}), kYes);
  EXPECT_EQ(truth("budget_left: {cost: {gt: 5}, calls: {eq: 4}}", {.budget = budget}), kYes);
  EXPECT_EQ(truth("budget_left: {tokens: {gt: 5}}", {.budget = budget}), kUnknown);
  EXPECT_EQ(truth("budget_left: {tokens: {gt: 5}, calls: {gt: 4}}", {.budget = budget}), kNo);
}

TEST_F(Conditions, OfARequestHaveNoAnswerWhereThereIsNone) {
  for (const std::string condition : {"methods: [GET]", "paths: [/x]", "hosts: [x.test]",
                                      "protocols: [x]", "effects: [read]", "args: {a: 1}"}) {
    load("on_opaque: allow\nrules: [{id: r, effect: deny, " + condition + "}]");
    EXPECT_EQ(ask({.what = What::kOpaque}).code, "rule_denied") << condition;
  }
  load("on_opaque: allow\nrules: [{id: r, effect: deny, destinations: [10.9.0.0/16]}]");
  EXPECT_EQ(ask({.what = What::kOpaque}).verdict, Verdict::kAllow);
}

TEST_F(Conditions, AreAndedWithWhatIsKnownFirst) {
  EXPECT_EQ(truth("users: [sarah], methods: [POST], args: {a: 1}", {.body = R"({"a":1})"}), kYes);
  EXPECT_EQ(truth("users: [tom], args: {a: 1}", {.body = "nonsense"}), kNo);
  EXPECT_EQ(truth("users: [sarah], args: {a: 1}", {.body = "nonsense"}), kUnknown);
}

TEST_F(Conditions, WithoutAnAnswerCountForACallThatIsJudgedAgain) {
  load(
      "rules: [{id: a, effect: allow, tools: ['*'], args: {x: 1}}, {id: d, effect: deny, args: {x: "
      "2}}]");
  EXPECT_EQ(ask({.arguments = false}).code, "rule_denied");
  EXPECT_EQ(ask({.arguments = false, .provisional = true}).code, "allowed");
  EXPECT_EQ(ask({.body = R"({"x":2})", .provisional = true}).code, "rule_denied");
  EXPECT_EQ(ask({.body = R"({"x":1})"}).code, "allowed");
}

TEST_F(Conditions, OfChosenKindsCountForTheCall) {
  const auto lenient = [](std::initializer_list<std::string_view> names) {
    return conditions_named({names.begin(), names.size()});
  };
  const std::string allow = "rules: [{id: a, effect: allow, tools: ['*'], args: {x: 1}}";
  load(allow + "]");
  EXPECT_EQ(ask({.arguments = false}).code, "no_rule");
  EXPECT_EQ(ask({.arguments = false, .lenient = lenient({"budget_left"})}).code, "no_rule");
  EXPECT_EQ(ask({.arguments = false, .lenient = lenient({"args"})}).code, "allowed");
  EXPECT_EQ(ask({.body = R"({"x":2})", .lenient = lenient({"args"})}).code, "no_rule");
  // Of several that are unknown, a rule that denies needs each to hold; one that allows too.
  load(allow + ", {id: d, effect: deny, args: {x: 2}, budget_left: {calls: {lt: 3}}}]");
  EXPECT_EQ(ask({.arguments = false, .lenient = lenient({"args"})}).code, "allowed");
  load(
      "rules: [{id: a, effect: allow, tools: ['*'], args: {x: 1}, budget_left: {calls: {lt: 3}}}]");
  EXPECT_EQ(ask({.arguments = false, .lenient = lenient({"args"})}).code, "no_rule");
  EXPECT_EQ(ask({.arguments = false, .lenient = lenient({"args", "budget_left"})}).code, "allowed");
}

}  // namespace
}  // namespace writ::policy
