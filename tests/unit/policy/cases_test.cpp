#include "policy/cases.h"

#include "policy/support.h"

namespace writ::policy {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr const char* kRules = R"(version: 1
rules:
  - {id: all, effect: allow, tools: ["*"]}
  - {id: cap, effect: deny, tools: [pay], args: {amount: {gt: 500}}}
  - {id: mark, effect: flag, findings: [{kind: pii, at_least: 2}]}
  - {id: tainted-write, effect: hold, effects: [write], after: {untrusted: true}}
  - {id: office, effect: deny, tools: [crm.*], during: {days: [sun]}}
  - {id: last, effect: deny, tools: [web.*], budget_left: {calls: {lt: 2}}}
  - {id: contact-13, effect: deny, tools: [crm.read], captures: {id: 13}}
  - {id: tom-not, effect: deny, users: [tom], roles: [intern], tiers: [background]}
)";

class Cases : public testing::Test {
 protected:
  Cases() {
    Diagnostics out;
    policies_ =
        PolicySet::load_from_text({{"tools.yaml", kSupportTools}, {"rules.yaml", kRules}}, out);
    EXPECT_TRUE(policies_) << text_of(out);
  }
  std::optional<std::vector<CaseResult>> run(const std::string& cases,
                                             const identity::Directory* directory = nullptr) {
    out_.clear();
    return run_cases(*policies_, {{"cases.yaml", "version: 1\ncases:\n" + cases}}, directory, out_);
  }
  std::shared_ptr<const PolicySet> policies_;
  Diagnostics out_;
};

constexpr const char* kGood = R"(
  - {name: five hundred, user: sarah, tool: pay, args: {amount: 500}, expect: allow}
  - {name: one more, user: sarah, tool: pay, args: {amount: 501}, expect: {verdict: deny, rule: cap, code: rule_denied}}
  - {name: as it is sent, user: sarah, tool: pay, body: '{"amount":501}', expect: {verdict: deny, rule: cap}}
  - {name: no json, user: sarah, tool: pay, body: nonsense, expect: {verdict: deny, rule: cap}}
  - {name: text, user: sarah, tool: pay, args: {amount: "1"}, expect: {verdict: deny, rule: cap}}
  - {name: two cards, user: sarah, tool: crm.read, captures: {id: 1}, findings: [pii.card, pii.email], at: 2026-01-30T12:00:00Z, expect: flag}
  - {name: one card twice, user: sarah, tool: crm.read, captures: {id: 1}, findings: {rule: pii.card, count: 2}, at: 2026-01-30T12:00:00Z, expect: flag}
  - {name: on sunday, user: sarah, tool: crm.read, captures: {id: 1}, at: 2026-02-01T12:00:00Z, expect: {verdict: deny, rule: office}}
  - {name: thirteen, user: sarah, tool: crm.read, captures: {id: 13}, at: 2026-01-30T12:00:00Z, expect: {verdict: deny, rule: contact-13}}
  - {name: after the web, user: sarah, tool: pay, args: {amount: 1}, session: {used: [web.read], results: [{tool: web.read, untrusted: true, findings: [pii.card]}]}, expect: hold}
  - {name: the last call, user: sarah, tool: web.read, budget: {calls: 1}, expect: {verdict: deny, rule: last}}
  - {name: not the last, user: sarah, tool: web.read, budget: {calls: 2}, expect: allow}
  - {name: a person in full, user: {id: tom, roles: [intern]}, tier: background, tool: pay, args: {amount: 1}, expect: {verdict: deny, rule: tom-not}}
  - {name: by request, user: sarah, request: {method: POST, host: pay.test, path: /pay/7, query: amount=501}, expect: {verdict: deny, rule: cap}}
  - {name: unnamed, user: sarah, request: {method: GET, host: x.test, path: /}, expect: {verdict: deny, code: tool_unknown}}
)";

TEST_F(Cases, SayWhatIsDecided) {
  const auto results = run(kGood);
  ASSERT_TRUE(results) << text_of(out_);
  EXPECT_THAT(out_, IsEmpty());
  EXPECT_THAT(*results, SizeIs(15));
  for (const CaseResult& result : *results)
    EXPECT_TRUE(result.passed) << result.name << ": " << result.expected << ", got " << result.got;
  EXPECT_EQ((*results)[0].line, 4);
}

// A rule about calls that come again has an answer in every case.
TEST_F(Cases, SayHowOftenACallWasMadeBefore) {
  Diagnostics out;
  policies_ = PolicySet::load_from_text(
      {{"tools.yaml", kSupportTools},
       {"rules.yaml",
        "version: 1\nrules:\n  - {id: all, effect: allow, tools: [\"*\", \"?\"]}\n"
        "  - {id: loop, effect: deny, repeat: {more_than: 2}}\n"
        "  - {id: ten, effect: deny, tool_calls: {ge: 10}}\n"}},
      out);
  ASSERT_TRUE(policies_) << text_of(out);
  const auto results = run(R"(
  - {name: first, user: sarah, tool: pay, expect: {verdict: allow}}
  - {name: others before, user: sarah, tool: pay, session: {used: [pay, pay, pay]}, expect: allow}
  - {name: second, user: sarah, tool: pay, session: {used: [pay], repeated: 1}, expect: allow}
  - {name: third, user: sarah, tool: pay, session: {repeated: 2}, expect: {verdict: deny, rule: loop}}
  - {name: without a name, user: sarah, request: {method: GET, host: x.test, path: /}, session: {repeated: 2}, expect: {verdict: deny, rule: loop}}
  - {name: tenth, user: sarah, tool: pay, session: {used: [pay, pay, pay, pay, pay, pay, pay, pay], repeated: 1}, expect: allow}
  - {name: eleventh, user: sarah, tool: pay, session: {used: [pay, pay, pay, pay, pay, pay, pay, pay, pay], repeated: 1}, expect: {verdict: deny, rule: ten}}
)");
  ASSERT_TRUE(results) << text_of(out_);
  EXPECT_THAT(*results, SizeIs(7));
  for (const CaseResult& result : *results)
    EXPECT_TRUE(result.passed) << result.name << ": " << result.expected << ", got " << result.got;
}

TEST_F(Cases, FailWhenAnyPartOfTheExpectationDoes) {
  for (const char* expect : {"deny", "{verdict: allow, rule: other}",
                             "{verdict: allow, code: flagged}", "flag", "hold"}) {
    const auto results = run(std::string("  - {name: x, user: sarah, tool: pay, args: {amount: 1}, "
                                         "expect: ") +
                             expect + "}");
    ASSERT_TRUE(results) << text_of(out_);
    EXPECT_FALSE(results->front().passed) << expect;
    EXPECT_EQ(results->front().got,
              "allow by rule all (allowed): sarah may call pay: rule all "
              "allows it");
  }
}

TEST_F(Cases, AreReadStrictly) {
  const std::pair<const char*, const char*> kBad[] = {
      {"{name: x, user: sarah, tool: pay}", "'expect' is missing"},
      {"{name: x, tool: pay, expect: deny}", "'user' is missing"},
      {"{user: sarah, tool: pay, expect: deny}", "'name' is missing"},
      {"{name: x, user: sarah, expect: deny}", "about a 'tool' or a 'request'"},
      {"{name: x, user: sarah, tool: pay, request: {method: GET, host: x, path: /}, expect: deny}",
       "about a 'tool' or a 'request'"},
      {"{name: x, user: sarah, tool: pya, expect: deny}", "the policy has no tool 'pya'"},
      {"{name: x, user: sarah, tool: pay, expect: refuse}", "'expect' cannot be 'refuse'"},
      {"{name: x, user: sarah, tool: pay, args: {}, body: x, expect: deny}", "is the body already"},
      {"{name: x, user: sarah, tool: pay, at: 2026-01-01, expect: deny}", "'at' is no moment"},
      {"{name: x, user: sarah, tool: pay, arg: {}, expect: deny}", "did you mean 'args'?"},
      {"{name: x, user: sarah, tool: pay, expect: {rule: cap}}", "'verdict' is missing"}};
  for (const auto& [text, message] : kBad) {
    EXPECT_FALSE(run(std::string("  - ") + text)) << text;
    EXPECT_THAT(text_of(out_), HasSubstr(message)) << text;
  }
  Diagnostics out;
  EXPECT_FALSE(run_cases(*policies_, {{"c", "cases: []"}}, nullptr, out));
  EXPECT_FALSE(run_cases(*policies_, {{"c", "version: 1"}}, nullptr, out));
}

TEST_F(Cases, LookPeopleUpInTheDirectory) {
  Diagnostics out;
  const auto directory = identity::Directory::load_from_text(
      {"users", "users: [{id: sarah, roles: [sales], scopes: [crm.*]}]"},
      {"agents", "agents: [{id: helper, scopes: [crm.read]}]"}, out,
      [](const std::string&) { return Result<uid_t>(uid_t{1}); });
  ASSERT_TRUE(directory) << text_of(out);
  const auto results =
      run("  - {name: x, user: sarah, agent: helper, tool: web.read, budget: {calls: 9}, expect: "
          "allow}",
          &*directory);
  ASSERT_TRUE(results) << text_of(out_);
  EXPECT_TRUE(results->front().passed) << results->front().got;
  EXPECT_FALSE(run("  - {name: x, user: nobody, tool: pay, expect: deny}", &*directory));
  EXPECT_THAT(text_of(out_), HasSubstr("no user 'nobody'"));
  EXPECT_FALSE(run("  - {name: x, user: sarah, agent: no, tool: pay, expect: deny}", &*directory));
  EXPECT_THAT(text_of(out_), HasSubstr("no agent 'no'"));
}

}  // namespace
}  // namespace writ::policy
