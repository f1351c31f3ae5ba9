#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policy/policy.h"

namespace writ::policy {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

std::string text_of(const Diagnostics& all) {
  std::string text;
  for (const Diagnostic& d : all) text += to_string(d) + "\n";
  return text;
}

constexpr const char* kTool =
    "tools: [{name: crm.read, host: crm.test, method: GET, path: /c, scopes: [crm.read], effect: "
    "read}]\n";

TEST(PolicyReader, RefusesWithPlaceAndMessage) {
  struct Case {
    const char* text;
    const char* message;
  };
  const Case cases[] = {
      {"rules: []", "'version' is missing"},
      {"version: 2", "'version' must be a whole number from 1 to 1"},
      {"version: 1\nrule: []", "unknown key 'rule'"},
      {"version: 1\non_opaque: maybe", "'on_opaque' cannot be 'maybe'"},
      {"version: 1\non_inbound: hold", "'on_inbound' cannot be 'hold'"},
      {"version: 1\nnetwork: {quic: host}", "'quic' cannot be 'host'"},
      {"version: 1\nnetwork: {dns: deny}", "'dns' cannot be 'deny'"},
      {"version: 1\nnetwork: {dsn: any}", "unknown key 'dsn'"},
      {"version: 1\nnetwork: deny", "mapping"},
      {"version: 1\ntools: {name: x}", "'tools' must be a list"},
      {"version: 1\ntools: [x]", "expected a mapping"},
      {"version: 1\ntools: [{name: 'a b', host: h, method: GET, path: /, scopes: [], effect: "
       "read}]",
       "not a name for a tool"},
      {"version: 1\ntools: [{name: '?', host: h, method: GET, path: /, scopes: [], effect: read}]",
       "not a name for a tool"},
      {"version: 1\ntools: [{host: h, method: GET, path: /, scopes: [], effect: read}]",
       "'name' is missing"},
      {"version: 1\ntools: [{name: a, method: GET, path: /, scopes: [], effect: read}]",
       "'host' is missing"},
      {"version: 1\ntools: [{name: a, host: [], method: GET, path: /, scopes: [], effect: read}]",
       "'host' is empty"},
      {"version: 1\ntools: [{name: a, host: 'h*', method: GET, path: /, scopes: [], effect: read}]",
       "not a host pattern"},
      {"version: 1\ntools: [{name: a, host: '.h', method: GET, path: /, scopes: [], effect: read}]",
       "not a host pattern"},
      {"version: 1\ntools: [{name: a, host: 'h:0', method: GET, path: /, scopes: [], effect: "
       "read}]",
       "not a host pattern"},
      {"version: 1\ntools: [{name: a, host: 'h:99999', method: GET, path: /, scopes: [], effect: "
       "read}]",
       "not a host pattern"},
      {"version: 1\ntools: [{name: a, host: 'https://h', method: GET, path: /, scopes: [], effect: "
       "read}]",
       "not a host pattern"},
      {"version: 1\ntools: [{name: a, host: '[::1', method: GET, path: /, scopes: [], effect: "
       "read}]",
       "not a host pattern"},
      {"version: 1\ntools: [{name: a, host: '*.', method: GET, path: /, scopes: [], effect: read}]",
       "not a host pattern"},
      {"version: 1\ntools: [{name: a, host: h, method: get, path: /, scopes: [], effect: read}]",
       "not a method"},
      {"version: 1\ntools: [{name: a, host: h, method: [GET, '*'], path: /, scopes: [], effect: "
       "read}]",
       "not a method"},
      {"version: 1\ntools: [{name: a, host: h, method: GET, path: c, scopes: [], effect: read}]",
       "does not begin with '/'"},
      {"version: 1\ntools: [{name: a, host: h, method: GET, path: '/{x', scopes: [], effect: "
       "read}]",
       "must be a whole segment"},
      {"version: 1\ntools: [{name: a, host: h, method: GET, path: /, effect: read}]",
       "'scopes' is missing"},
      {"version: 1\ntools: [{name: a, host: h, method: GET, path: /, scopes: ['crm.*'], effect: "
       "read}]",
       "cannot require scope"},
      {"version: 1\ntools: [{name: a, host: h, method: GET, path: /, scopes: ['c m'], effect: "
       "read}]",
       "cannot require scope"},
      {"version: 1\ntools: [{name: a, host: h, method: GET, path: /, scopes: []}]",
       "'effect' is missing"},
      {"version: 1\ntools: [{name: a, host: h, method: GET, path: /, scopes: [], effect: delete}]",
       "'effect' cannot be"},
      {"version: 1\ntools: [{name: a, host: h, method: GET, path: /, scopes: [], effect: read, "
       "addresses: [10.0.0.1/8]}]",
       "bits set behind"},
      {"version: 1\ntools: [{name: a, host: h, method: GET, path: /, scopes: [], effect: read, "
       "addresses: [10.0.0.0/40]}]",
       "prefix length"},
      {"version: 1\ntools: [{name: a, host: h, method: GET, path: /, scopes: [], effect: read, "
       "addresses: []}]",
       "'addresses' is empty"},
      {"version: 1\nrules: [{effect: deny}]", "'id' is missing"},
      {"version: 1\nrules: [{id: 'r r', effect: deny}]", "not a name for a rule"},
      {"version: 1\nrules: [{id: r}]", "'effect' is missing"},
      {"version: 1\nrules: [{id: r, effect: alow, tools: ['*']}]", "did you mean 'allow'?"},
      {"version: 1\nrules: [{id: r, effect: allow}]", "must say which tools"},
      {"version: 1\nrules: [{id: r, effect: deny, users: []}]", "'users' is empty"},
      {"version: 1\nrules: [{id: r, effect: deny, users: }]", "'users' is empty"},
      {"version: 1\nrules: [{id: r, effect: deny, roles: []}]", "'roles' is empty"},
      {"version: 1\nrules: [{id: r, effect: deny, agents: []}]", "'agents' is empty"},
      {"version: 1\nrules: [{id: r, effect: deny, findings: []}]", "'findings' is empty"},
      {"version: 1\nrules: [{id: r, effect: deny, tools: []}]", "'tools' is empty"},
      {"version: 1\nrules: [{id: r, effect: deny, users: ['s*']}]", "cannot match anything"},
      {"version: 1\nrules: [{id: r, effect: deny, findings: ['?']}]", "cannot match anything"},
      {"version: 1\nrules: [{id: r, effect: deny, tools: ['a?']}]", "cannot match anything"},
      {"version: 1\nrules: [{id: r, effect: deny, user: [x]}]", "did you mean 'users'?"},
      {"version: 1\nrules: [{id: r, effect: deny, reason: 'no {who}'}]",
       "{who}, which stands for nothing"},
      {"version: 1\nrules: [{id: r, effect: deny, reason: 'no {user'}]", "stands for nothing"},
      {"version: 1\nrules: [{id: r, effect: deny, reason: 'no }'}]", "stands for nothing"},
      {"version: 1\nrules: [{id: r, effect: deny, reason: \"a\\nb\"}]", "one line"},
      {"version: 1\nrules: [{id: r, effect: deny}, {id: r, effect: deny}]",
       "rule 'r' is also in p.yaml:2"},
      {"version: 1\nversion: 1", "there twice"},
      {"version: [", "p.yaml:"},
      {"- version", "must be a mapping"},
  };
  for (const Case& c : cases) {
    Diagnostics out;
    EXPECT_EQ(Policy::load_from_text({{"p.yaml", c.text}}, out), nullptr) << c.text;
    EXPECT_THAT(text_of(out), HasSubstr(c.message)) << c.text;
    ASSERT_FALSE(out.empty());
    EXPECT_EQ(out[0].file, "p.yaml");
    EXPECT_GT(out[0].line, 0) << text_of(out);
    EXPECT_GT(out[0].column, 0) << text_of(out);
  }
}

// One mistake in each key of the language.
TEST(PolicyReader, RefusesConditionsThatMeanNothing) {
  const std::pair<const char*, const char*> kCases[] = {
      {"scopes: []", "'scopes' is empty"},
      {"scopes: ['c m']", "'c m' is no scope"},
      {"tenants: ['a b']", "cannot match anything"},
      {"effects: [delete]", "'delete' is no effect"},
      {"hosts: []", "'hosts' is empty"},
      {"hosts: ['a b']", "cannot match anything"},
      {"hosts: ['a:443']", "cannot match anything"},
      {"hosts: ['a.']", "cannot match anything"},
      {"destinations: []", "'destinations' is empty"},
      {"destinations: [a.test]", "is no destination"},
      {"destinations: ['*']", "is no destination"},
      {"destinations: ['10.0.0.1:0']", "is no destination"},
      {"destinations: ['10.0.0.1:99999']", "is no destination"},
      {"destinations: ['[::1']", "is no destination"},
      {"destinations: [10.0.0.1/8]", "is no destination"},
      {"methods: [get]", "not a method"},
      {"paths: [x]", "does not begin with '/'"},
      {"protocols: ['a b']", "cannot match anything"},
      {"findings: [{kind: pii, at_least: 0}]", "'at_least' must be a whole number"},
      {"findings: [{at_least: 1}]", "'kind' is missing"},
      {"findings: [{kind: 'a b'}]", "'kind' cannot match anything"},
      {"findings: [[pii]]", "cannot match anything"},
      {"during: {days: [someday]}", "'someday' is no day"},
      {"during: {days: []}", "'days' is empty"},
      {"during: {from: '24:00'}", "'from' is no time"},
      {"during: {to: '8'}", "'to' is no time"},
      {"during: {tz: Europe/Berlin}", "is no offset"},
      {"during: []", "'during' is empty"},
      {"calls: 5", "expected a mapping"},
      {"calls: {}", "compares with nothing"},
      {"calls: {lt: x}", "'lt' must be a whole number"},
      {"calls: {less: 5}", "unknown key 'less'"},
      {"used_before: []", "'used_before' is empty"},
      {"tainted: []", "'tainted' is empty"},
      {"tainted: ['a b']", "cannot match anything"},
      {"after: {}", "'after' says nothing"},
      {"after: {tool: [x]}", "did you mean 'tools'?"},
      {"repeat: {}", "'more_than' is missing"},
      {"repeat: {more_than: 0}", "'more_than' must be a whole number"},
      {"budget_left: {}", "'budget_left' is empty"},
      {"budget_left: {calls: 5}", "expected a mapping"},
      {"budget_left: {'a b': {lt: 1}}", "is no name of a budget"},
      {"args: {}", "'args' is empty"},
      {"args: []", "'args' is empty"},
      {"args: 5", "must be a mapping of paths"},
      {"args: {'a..b': 5}", "a name is missing"},
      {"args: {a: {}}", "it tests nothing"},
      {"args: {a: []}", "the list is empty"},
      {"args: {a: [[1]]}", "expected a plain value"},
      {"args: {a: {equals: 5}}", "unknown key 'equals'"},
      {"args: {a: {eq: {}}}", "must hold plain values"},
      {"args: {a: {in: []}}", "'in' is empty"},
      {"args: {a: {prefix: ''}}", "'prefix' is empty"},
      {"args: {a: {suffix: []}}", "'suffix' is empty"},
      {"args: {a: {regex: '('}}", "'(' is no pattern: missing )"},
      {"args: {a: {regex: '(?=x)'}}", "is no pattern"},
      {"args: {a: {regex: '((a{100}){100}){100}'}}", "is no pattern"},
      {"args: {a: {regex: []}}", "'regex' is empty"},
      {"args: {a: {lt: soon}}", "compares numbers and dates"},
      {"args: {a: {lt: 2026-02-30}}", "compares numbers and dates"},
      {"args: {a: {size: -1}}", "'size' must be a whole number"},
      {"args: {a: {size: {}}}", "compares with nothing"},
      {"args: {a: {exists: maybe}}", "must be true or false"},
      {"args: {a: {all: {}}}", "it tests nothing"},
      {"args: {a: {all: {path: 'query:x', eq: 1}}}", "within an element has no source"},
      {"args: {a: {path: b, eq: 1}}", "the path is said twice"},
      {"args: [{eq: 1}]", "'path' is missing"},
      {"captures: [{path: a, eq: 1}]", "must be a mapping of captures"},
      {"captures: {'a.b': 1}", "plain names only"},
      {"reason: '{args.}'", "'{args.}': "},
      {"reason: '{captures.a.b}'", "plain names only"},
      {"reason: 'a}b'", "stands for nothing"},
  };
  for (const auto& [condition, message] : kCases) {
    Diagnostics out;
    EXPECT_FALSE(Policy::load_from_text(
        {{"p.yaml", std::string("version: 1\nrules: [{id: r, effect: deny, ") + condition + "}]"}},
        out))
        << condition;
    EXPECT_THAT(text_of(out), HasSubstr(message)) << condition;
    for (const Diagnostic& d : out) EXPECT_GT(d.line, 0) << text_of(out);
  }
}

TEST(PolicyReader, RefusesSettingsThatMeanNothing) {
  const std::pair<const char*, const char*> kCases[] = {
      {"settings: {}", "'settings' must be a list"},
      {"settings: [{}]", "it sets nothing"},
      {"settings: [{users: [a]}]", "it sets nothing"},
      {"settings: [{permission: maybe}]", "'permission' cannot be 'maybe'"},
      {"settings: [{results: hide}]", "'results' cannot be 'hide'"},
      {"settings: [{rate_per_minute: -1}]", "'rate_per_minute' must be a whole number"},
      {"settings: [{tiers: [night], results: off}]", "'night' is no tier"},
      {"settings: [{users: ['*'], results: off}]", "cannot match anything"},
      {"settings: [{rate: 1}]", "unknown key 'rate'"},
      {"tools: [{name: a, host: h, method: GET, path: /, scopes: [], effect: read, untrusted: "
       "maybe}]",
       "'untrusted' must be true or false"},
      {"rules: [{id: r, effect: allow, tools: [x], requires_before: [y]}]", "it allows nothing"},
      {"rules: [{id: r, effect: ask, tools: [x]}]", "'effect' cannot be 'ask'"}};
  for (const auto& [text, message] : kCases) {
    Diagnostics out;
    EXPECT_FALSE(Policy::load_from_text({{"p.yaml", std::string("version: 1\n") + text}}, out));
    EXPECT_THAT(text_of(out), HasSubstr(message)) << text;
  }
}

TEST(PolicyReader, WarnsOfToolsInSequencesThatAreNone) {
  Diagnostics out;
  ASSERT_TRUE(Policy::load_from_text(
      {{"p.yaml", std::string("version: 1\n") + kTool +
                      "rules: [{id: r, effect: deny, used_before: [crm.*, a.*], requires_before: "
                      "[b.*], after: {tools: [c.*]}}]\n"}},
      out));
  EXPECT_THAT(out, SizeIs(3));
  for (const char* name : {"'a.*'", "'b.*'", "'c.*'"}) EXPECT_THAT(text_of(out), HasSubstr(name));
}

TEST(PolicyReader, SaysWhere) {
  Diagnostics out;
  EXPECT_FALSE(Policy::load_from_text(
      {{"p.yaml", "version: 1\nrules:\n  - id: a\n    effect: deny\n    usrs: [x]\n"}}, out));
  ASSERT_THAT(out, SizeIs(1));
  EXPECT_EQ(to_string(out[0]),
            "p.yaml:5:5: error: unknown key 'usrs' (hint: did you mean 'users'?)");
}

TEST(PolicyReader, ReportsManyProblemsOfManyFilesInOneRun) {
  Diagnostics out;
  EXPECT_FALSE(
      Policy::load_from_text({{"a.yaml", "version: 1\nfoo: 1\nrules: [{id: r, effect: no}]"},
                              {"b.yaml", "version: 1\nbar: 1\ntools: [{name: x}]"}},
                             out));
  EXPECT_THAT(text_of(out), HasSubstr("a.yaml:2:1: error: unknown key 'foo'"));
  EXPECT_THAT(text_of(out), HasSubstr("b.yaml:2:1: error: unknown key 'bar'"));
  EXPECT_THAT(out, SizeIs(testing::Ge(6u)));
}

TEST(PolicyReader, WarnsAndLoads) {
  Diagnostics out;
  const auto policy = Policy::load_from_text(
      {{"p.yaml", std::string("version: 1\non_opaque: hold\n") + kTool +
                      "rules:\n  - {id: r, effect: allow, tools: [crm.*, cmr.*, '?', '*']}\n"}},
      out);
  ASSERT_TRUE(policy);
  ASSERT_THAT(out, SizeIs(2));
  EXPECT_THAT(to_string(out[0]),
              HasSubstr("p.yaml:5:5: warning: rule 'r': 'cmr.*' matches no tool"));
  EXPECT_THAT(to_string(out[1]),
              HasSubstr("p.yaml:2:12: warning: on_opaque: hold is not in force"));
  EXPECT_EQ(policy->on_opaque(), OnOpaque::kHold);
}

TEST(PolicyReader, PutsFilesTogether) {
  Diagnostics out;
  const SourceText tools{"tools.yaml", std::string("version: 1\non_opaque: allow\n") + kTool};
  const SourceText rules{"rules.yaml",
                         "version: 1\non_opaque: allow\non_inbound: allow\nrules: [{id: r, effect: "
                         "allow, tools: [crm.read]}]\n"};
  const auto policy = Policy::load_from_text({tools, rules}, out);
  ASSERT_TRUE(policy) << text_of(out);
  EXPECT_THAT(out, IsEmpty());
  EXPECT_EQ(policy->on_opaque(), OnOpaque::kAllow);
  EXPECT_EQ(policy->on_inbound(), OnInbound::kAllow);
  EXPECT_THAT(policy->rules(), SizeIs(1));
  EXPECT_THAT(policy->catalog().tools(), SizeIs(1));
}

TEST(PolicyReader, DefaultsToDeny) {
  Diagnostics out;
  const auto policy = Policy::load_from_text({{"p.yaml", "version: 1"}}, out);
  ASSERT_TRUE(policy);
  EXPECT_EQ(policy->on_opaque(), OnOpaque::kDeny);
  EXPECT_EQ(policy->on_inbound(), OnInbound::kDeny);
  EXPECT_EQ(policy->network().quic, Quic::kDeny);
  EXPECT_EQ(policy->network().dns, Dns::kHost);
}

TEST(PolicyReader, WhatLeavesUnreadMayStandInSeveralFilesWithOneValue) {
  Diagnostics out;
  const auto policy = Policy::load_from_text({{"a.yaml", "version: 1\nnetwork: {quic: allow}"},
                                              {"b.yaml", "version: 1\nnetwork: {dns: any}"}},
                                             out);
  ASSERT_TRUE(policy) << text_of(out);
  EXPECT_EQ(policy->network().quic, Quic::kAllow);
  EXPECT_EQ(policy->network().dns, Dns::kAny);
  EXPECT_FALSE(Policy::load_from_text({{"a.yaml", "version: 1\nnetwork: {quic: allow}"},
                                       {"b.yaml", "version: 1\nnetwork: {quic: deny}"}},
                                      out));
  EXPECT_THAT(text_of(out), HasSubstr("'quic' is deny here and allow in a.yaml"));
}

TEST(PolicyReader, RefusesFilesThatContradict) {
  Diagnostics out;
  EXPECT_FALSE(Policy::load_from_text(
      {{"a.yaml", "version: 1\non_opaque: deny"}, {"b.yaml", "version: 1\non_opaque: allow"}},
      out));
  EXPECT_THAT(text_of(out), HasSubstr("'on_opaque' is allow here and deny in a.yaml"));
  out.clear();
  EXPECT_FALSE(Policy::load_from_text({{"a.yaml", std::string("version: 1\n") + kTool},
                                       {"b.yaml", std::string("version: 1\n") + kTool}},
                                      out));
  EXPECT_THAT(text_of(out), HasSubstr("tool 'crm.read' is also in a.yaml:2"));
  out.clear();
  EXPECT_FALSE(Policy::load_from_text({}, out));
  EXPECT_THAT(text_of(out), HasSubstr("no policy file"));
}

TEST(PolicyReader, FilesThatCannotBeReadAreNamedBesideTheOthersProblems) {
  Diagnostics out;
  EXPECT_FALSE(Policy::load({"/nonexistent/policy.yaml", "/nonexistent/other.yaml"}, out));
  EXPECT_EQ(out[0].file, "/nonexistent/policy.yaml");
  EXPECT_EQ(out[1].file, "/nonexistent/other.yaml");
}

TEST(PolicyVersion, IsOfTheContentNotTheOrderOrNames) {
  Diagnostics out;
  const SourceText a{"a.yaml", std::string("version: 1\n") + kTool};
  const SourceText b{"b.yaml", "version: 1\nrules: [{id: r, effect: allow, tools: [crm.read]}]\n"};
  const SourceText c{"b.yaml", "version: 1\nrules: [{id: r, effect: deny, tools: [crm.read]}]\n"};
  const auto version = [&](const std::vector<SourceText>& sources) {
    const auto policy = Policy::load_from_text(sources, out);
    return policy ? policy->version() : "none";
  };
  EXPECT_EQ(version({a, b}).size(), 16u);
  EXPECT_EQ(version({a, b}), version({b, a}));
  EXPECT_EQ(version({a, b}), version({{"x", a.text}, {"y", b.text}}));
  EXPECT_NE(version({a, b}), version({a, c}));
  EXPECT_NE(version({a, b}), version({a}));
  EXPECT_NE(version({a, b}),
            version({{"one.yaml", a.text + b.text.substr(b.text.find('\n') + 1)}}));
}

}  // namespace
}  // namespace writ::policy
