// Which process is whose: the patterns of `match` rules, and what their names can be made to say.
#include "identity/match.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "identity/directory.h"

namespace writ::identity {
namespace {

using namespace std::string_literals;  // NOLINT(google-build-using-namespace)
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

// `text` holds a list under `match`, as agents.yaml does.
std::vector<MatchRule> read(const std::string& text, Diagnostics& out) {
  std::vector<MatchRule> rules;
  const auto root = parse_yaml("match:\n" + text, "agents.yaml", out);
  if (!root) return rules;
  YamlMap map(*root, "agents.yaml", out);
  map.each("match", [&](const YAML::Node& each) {
    rules.push_back(read_match_rule(each, "agents.yaml", out));
  });
  return rules;
}

std::vector<MatchRule> rules_of(const std::string& text) {
  Diagnostics out;
  auto rules = read(text, out);
  for (const Diagnostic& each : out) ADD_FAILURE() << to_string(each);
  return rules;
}

// The cgroup of the match; "-": no rule fits.
std::string found(const std::string& rules, const Candidate& candidate) {
  const auto all = rules_of(rules);
  const auto match = find_match(all, candidate);
  return match ? match->cgroup : "-";
}

std::string in_cgroup(const std::string& rule, std::string_view cgroup) {
  return found(" - {" + rule + "}\n", {.cgroup = cgroup});
}

// Whether a rule on the program alone fits.
bool runs(const std::string& pattern, std::string_view executable, std::string_view as = {}) {
  return found(" - {executable: '" + pattern + "'}\n",
               {.cgroup = "/", .executable = executable, .started_as = as}) != "-";
}

bool has(const std::string& wanted, std::string_view environment) {
  return found(" - {environment: '" + wanted + "'}\n",
               {.cgroup = "/", .executable = "/bin/x", .environment = environment}) != "-";
}

// --- Units and cgroups ---

TEST(UnitCgroup, IsTheFirstServiceOrScope) {
  EXPECT_EQ(unit_cgroup("/system.slice/a.service"), "/system.slice/a.service");
  EXPECT_EQ(unit_name("/system.slice/a.service"), "a.service");
  EXPECT_EQ(unit_cgroup("/init.scope"), "/init.scope");
  EXPECT_EQ(unit_cgroup("/a.slice/a-b.slice/c@d.service/child"), "/a.slice/a-b.slice/c@d.service");
  EXPECT_EQ(unit_name("/a.slice/a-b.slice/c@d.service/child"), "c@d.service");
}

TEST(UnitCgroup, NobodyTakesTheNameOfASystemUnit) {
  EXPECT_EQ(unit_name("/user.slice/user-1.slice/user@1.service/app.slice/sales.service"),
            "user@1.service");
  EXPECT_EQ(unit_name("/user.slice/user-1.slice/session-2.scope/sales.service"), "session-2.scope");
  EXPECT_EQ(unit_name("/kubepods.slice/pod1.slice/cri-1.scope/system.slice/sales.service"),
            "cri-1.scope");
  // Containers whose cgroup is no scope, with a systemd of their own.
  EXPECT_EQ(unit_cgroup("/docker/0123/system.slice/sales.service"), "");
  EXPECT_EQ(unit_cgroup("/lxc.payload.a/system.slice/sales.service"), "");
  EXPECT_EQ(unit_cgroup("/kubepods/besteffort/pod1/1/sales.service"), "");
  EXPECT_EQ(unit_cgroup("/system.slice/sales.service.d/sales.service"), "");
  // Outside of the part of the hierarchy that can be seen.
  EXPECT_EQ(unit_cgroup("/../system.slice/sales.service"), "");
}

TEST(UnitCgroup, OfHostilePaths) {
  const std::string deep = "/" + std::string(1u << 20, 'a') + "/a.service";
  std::string slices;
  for (int i = 0; i < 10'000; ++i) slices += "/a.slice";
  for (const std::string& path :
       {""s, "/"s, "//"s, "///"s, "a"s, "/a"s, "/.service"s, "/a.slice/.service"s, "/.scope"s,
        "/.a.service"s, "/a.services"s, "/a.service "s, "/a.slice/"s, "/service"s, "/a.SERVICE"s,
        "/a.service\0"s, deep, slices}) {
    EXPECT_EQ(unit_cgroup(path), "") << path.substr(0, 60);
    EXPECT_EQ(unit_name(path), "") << path.substr(0, 60);
  }
  EXPECT_EQ(unit_cgroup(slices + "/a.service/x"), slices + "/a.service");
}

TEST(Match, AUnitByItsName) {
  EXPECT_EQ(in_cgroup("unit: sales-*.service", "/system.slice/sales-1.service"),
            "/system.slice/sales-1.service");
  EXPECT_EQ(in_cgroup("unit: sales-*.service", "/system.slice/sales-1.service/main/worker"),
            "/system.slice/sales-1.service");
  EXPECT_EQ(in_cgroup("unit: sales-*.service", "/system.slice/xsales-1.service"), "-");
  EXPECT_EQ(in_cgroup("unit: sales-*.service", "/system.slice/sales-1.scope"), "-");
  EXPECT_EQ(in_cgroup("unit: sales-*.service", "/system.slice/docker-1.scope/sales-1.service"),
            "-");
  EXPECT_EQ(in_cgroup("unit: 'sales-[12].service'", "/system.slice/sales-2.service"),
            "/system.slice/sales-2.service");
  EXPECT_EQ(in_cgroup("unit: 'sales-[12].service'", "/system.slice/sales-3.service"), "-");
  EXPECT_EQ(in_cgroup("unit: 'sales-?.service'", "/system.slice/sales-10.service"), "-");
  EXPECT_EQ(in_cgroup("unit: '*.service'", "/kubepods/pod/a"), "-");
  for (const char* path : {"", "/", "//"}) EXPECT_EQ(in_cgroup("unit: '*.service'", path), "-");
}

TEST(Match, ACgroupByItsPathAndWhatLiesInIt) {
  const char* pods = "cgroup: /pods/*/sales";
  EXPECT_EQ(in_cgroup(pods, "/pods/a/sales"), "/pods/a/sales");
  EXPECT_EQ(in_cgroup(pods, "/pods/a/sales/deep/down"), "/pods/a/sales");
  EXPECT_EQ(in_cgroup(pods, "/pods/a/b/sales"), "-");  // a star stops at a slash
  EXPECT_EQ(in_cgroup(pods, "/pods/a/sales-2"), "-");
  EXPECT_EQ(in_cgroup(pods, "/x/pods/a/sales"), "-");
  EXPECT_EQ(in_cgroup("cgroup: '/pods?a'", "/pods/a"), "-");
  EXPECT_EQ(in_cgroup("cgroup: '/pods[/]a'", "/pods/a"), "-");
  EXPECT_EQ(in_cgroup("cgroup: /pods/", "/pods/a"), "/pods") << "written with a slash at its end";
  EXPECT_EQ(in_cgroup("cgroup: /pods", "/"), "-");
  EXPECT_EQ(in_cgroup("cgroup: /pods", ""), "-");
}

TEST(Match, TheOutermostCgroupThatFits) {
  EXPECT_EQ(in_cgroup("cgroup: /*", "/a/b/c"), "/a");
  EXPECT_EQ(in_cgroup("cgroup: /*/*", "/a/b/c"), "/a/b");
  EXPECT_EQ(in_cgroup("cgroup: /*/*", "/a"), "-");
  EXPECT_EQ(in_cgroup("cgroup: /*", "/"), "-") << "the root is nobody's";
}

TEST(Match, UnitAndCgroupTogether) {
  const char* above = "unit: a.service, cgroup: /agents.slice";
  EXPECT_EQ(in_cgroup(above, "/agents.slice/a.service/x"), "/agents.slice/a.service");
  EXPECT_EQ(in_cgroup(above, "/agents.slice/b.service/x"), "-");
  EXPECT_EQ(in_cgroup(above, "/system.slice/a.service/x"), "-");
  const char* below = "unit: a.service, cgroup: /agents.slice/a.service/*";
  EXPECT_EQ(in_cgroup(below, "/agents.slice/a.service/x/y"), "/agents.slice/a.service/x");
  EXPECT_EQ(in_cgroup(below, "/agents.slice/a.service"), "-");
}

// --- Programs and variables ---

TEST(Match, AProgramByItsPath) {
  EXPECT_TRUE(runs("/opt/*/sales", "/opt/a/sales"));
  EXPECT_FALSE(runs("/opt/*/sales", "/opt/a/b/sales"));
  EXPECT_FALSE(runs("/opt/*", "/opt/a/sales"));
  EXPECT_FALSE(runs("/opt/sales", "/opt/sales/x")) << "a program is no folder";
  EXPECT_FALSE(runs("/opt/sales", "/opt/sales2"));
  EXPECT_FALSE(runs("/opt/sales", "/x/opt/sales"));
  EXPECT_TRUE(runs("/opt/sales", "/usr/bin/python3", "/opt/sales")) << "a script's own path";
  EXPECT_FALSE(runs("/opt/sales", "/usr/bin/python3", "sales"));
  EXPECT_FALSE(runs("/opt/sales", "/usr/bin/python3", "/opt/sale"));
  EXPECT_FALSE(runs("/*", "", "/x")) << "a cgroup without a process runs nothing";
}

TEST(Match, AVariableByItsName) {
  EXPECT_TRUE(has("AGENT", "A=1\0AGENT=sales\0"s));
  EXPECT_TRUE(has("AGENT", "AGENT=\0"s));
  EXPECT_FALSE(has("AGENT", "AGENTS=sales\0"s));
  EXPECT_FALSE(has("AGENTS", "AGENT=sales\0"s));
  EXPECT_FALSE(has("AGENT", "XAGENT=sales\0"s));
  EXPECT_FALSE(has("AGENT", "AGENT\0"s)) << "it has no value";
  EXPECT_FALSE(has("AGENT", "X=AGENT=sales\0"s));
  EXPECT_FALSE(has("AGENT", "agent=sales\0"s));
  EXPECT_FALSE(has("A*", "AGENT=sales\0"s)) << "a name is no pattern";
}

TEST(Match, AVariableByItsValue) {
  EXPECT_TRUE(has("AGENT=sales", "AGENT=sales\0"s));
  EXPECT_FALSE(has("AGENT=sales", "AGENT=sales2\0"s));
  EXPECT_FALSE(has("AGENT=sales", "AGENT=\0"s));
  EXPECT_FALSE(has("AGENT=sales", "AGENTS=sales\0"s));
  EXPECT_TRUE(has("AGENT=sales-*", "AGENT=sales-\0"s));
  EXPECT_TRUE(has("AGENT=https://*", "AGENT=https://a/b/c\0"s)) << "a value is no path";
  EXPECT_TRUE(has("AGENT=a=b", "AGENT=a=b\0"s));
  EXPECT_FALSE(has("AGENT=a=b", "AGENT=a\0"s));
  EXPECT_TRUE(has("AGENT=", "AGENT=\0"s));
  EXPECT_FALSE(has("AGENT=", "AGENT=x\0"s));
  EXPECT_TRUE(has("AGENT=b", "AGENT=a\0AGENT=b\0"s)) << "any of that name";
}

TEST(Match, EnvironmentsAsTheyCanBeMade) {
  EXPECT_FALSE(has("AGENT", ""));
  EXPECT_FALSE(has("AGENT", "\0"s));
  EXPECT_FALSE(has("AGENT", "\0\0\0"s));
  EXPECT_FALSE(has("AGENT", "="));
  EXPECT_TRUE(has("AGENT", "\0\0AGENT=1\0\0"s)) << "empty entries";
  EXPECT_TRUE(has("AGENT=sales", "A=1\0AGENT=sales"s)) << "no NUL at its end";
  EXPECT_FALSE(has("AGENT=sales", "A=1\0AGENT=sale"s));
  EXPECT_TRUE(has("AGENT=?", "AGENT=\xff\0"s)) << "no text";
  EXPECT_TRUE(has("AGENT=1", std::string(1u << 20, '\0') + "AGENT=1"));
}

// A process picks its own variables, and must not hold up the daemon with them.
TEST(Match, ManyStarsCostNoTime) {
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_FALSE(has("A=*a*a*a*a*a*a*a*b", "A=" + std::string(128u << 10, 'a') + "\0"s));
  EXPECT_FALSE(runs("/*a*a*a*a*a*a*a*b", "/" + std::string(4095, 'a')));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2));
}

TEST(Match, AllThatARuleSaysMustHold) {
  const std::string rule =
      " - {unit: a.service, cgroup: /s.slice, executable: /bin/x, environment: AGENT=1}\n";
  const Candidate fits{.cgroup = "/s.slice/a.service/c",
                       .executable = "/bin/x",
                       .started_as = "x",
                       .environment = {"AGENT=1\0", 8}};
  EXPECT_EQ(found(rule, fits), "/s.slice/a.service");
  for (int other = 0; other < 4; ++other) {
    Candidate candidate = fits;
    if (other == 0) candidate.cgroup = "/s.slice/b.service";
    if (other == 1) candidate.cgroup = "/t.slice/a.service";
    if (other == 2) candidate.executable = "/bin/y";
    if (other == 3) candidate.environment = {};
    EXPECT_EQ(found(rule, candidate), "-") << other;
  }
}

TEST(Match, WhereAProgramIsWhenTheRuleDoesNotAsk) {
  const std::string rule = " - {executable: /bin/x}\n";
  EXPECT_EQ(found(rule, {.cgroup = "/s.slice/a.service/c", .executable = "/bin/x"}),
            "/s.slice/a.service");
  EXPECT_EQ(found(rule, {.cgroup = "/docker/1", .executable = "/bin/x"}), "");
}

TEST(Match, TheFirstRuleOfTheFileDecides) {
  const auto all = rules_of(
      " - {executable: /bin/x, unit: a.service}\n"
      " - {cgroup: /system.slice/*}\n"
      " - {unit: a.service}\n"
      " - {executable: /bin/x}\n");
  const auto line = [&](const Candidate& candidate) {
    const auto match = find_match(all, candidate);
    return match ? match->rule->line : 0;
  };
  EXPECT_EQ(line({.cgroup = "/system.slice/a.service", .executable = "/bin/x"}), 2);
  EXPECT_EQ(line({.cgroup = "/system.slice/a.service", .executable = "/bin/y"}), 3);
  EXPECT_EQ(line({.cgroup = "/system.slice/a.service"}), 3) << "no process yet";
  EXPECT_EQ(line({.cgroup = "/other.slice/a.service"}), 4);
  EXPECT_EQ(line({.cgroup = "/other", .executable = "/bin/x"}), 5);
  EXPECT_EQ(line({.cgroup = "/other", .executable = "/bin/y"}), 0);
  EXPECT_FALSE(find_match({}, {.cgroup = "/a.service", .executable = "/bin/x"}));
}

// --- agents.yaml ---

TEST(MatchRule, AllOfIt) {
  const auto rules = rules_of(R"(
  - unit: sales-*.service
    cgroup: /agents.slice//
    executable: /opt/*
    environment: AGENT=sales
    person: [login, account, unit, token]
    user: sarah
    tier: interactive
  - environment: AGENT
  - {unit: docker-*.scope, person: account}
  - {unit: a.service, person: [], user: sarah}
)");
  ASSERT_THAT(rules, SizeIs(4));
  const MatchRule& rule = rules[0];
  EXPECT_EQ(rule.unit, "sales-*.service");
  EXPECT_EQ(rule.cgroup, "/agents.slice");
  EXPECT_EQ(rule.executable, "/opt/*");
  EXPECT_EQ(rule.environment, "AGENT=sales");
  EXPECT_THAT(rule.person, ElementsAre(PersonSource::kLogin, PersonSource::kAccount,
                                       PersonSource::kUnit, PersonSource::kToken));
  EXPECT_EQ(rule.user, "sarah");
  EXPECT_EQ(rule.tier, Tier::kInteractive);
  EXPECT_EQ(rule.line, 3);
  EXPECT_FALSE(rule.whole_cgroup());
  EXPECT_THAT(rules[1].person,
              ElementsAre(PersonSource::kToken, PersonSource::kUnit, PersonSource::kLogin));
  EXPECT_EQ(rules[1].tier, Tier::kBackground);
  EXPECT_FALSE(rules[1].whole_cgroup());
  EXPECT_TRUE(rules[2].whole_cgroup());
  EXPECT_THAT(rules[2].person, ElementsAre(PersonSource::kAccount));
  EXPECT_THAT(rules[3].person, IsEmpty());
}

TEST(MatchRule, SourcesHaveTheNamesThatTheyAreReadBy) {
  for (const char* name : {"token", "unit", "login", "account"}) {
    const auto rules = rules_of(" - {unit: a.service, person: ["s + name + "]}\n");
    ASSERT_THAT(rules, SizeIs(1));
    ASSERT_THAT(rules[0].person, SizeIs(1));
    EXPECT_EQ(to_text(rules[0].person[0]), name);
  }
}

TEST(MatchRule, AllErrorsAtOnceAndWhereTheyAre) {
  Diagnostics out;
  (void)read(
      " - unit: a.timer\n"
      "   executable: bin/x\n"
      "   person: [guess, unit, unit]\n"
      "   tier: subagent\n"
      "   users: sarah\n"
      " - {}\n"
      " - just a word\n",
      out);
  std::vector<std::string> said;
  for (const Diagnostic& each : out) said.push_back(to_string(each));
  EXPECT_THAT(
      said, ElementsAre(HasSubstr("agents.yaml:2:10: error: 'unit' must be the name of a service"),
                        HasSubstr("agents.yaml:3:16: error: 'executable' must be an absolute path"),
                        HasSubstr("agents.yaml:4:12: error: 'guess' is no source of a person"),
                        HasSubstr("agents.yaml:4:12: error: 'unit' stands there twice"),
                        HasSubstr("agents.yaml:5:10: error: 'tier' cannot be 'subagent'"),
                        AllOf(HasSubstr("agents.yaml:6:4: error: unknown key 'users'"),
                              HasSubstr("did you mean 'user'?")),
                        HasSubstr("agents.yaml:7:4: error: the rule asks for nothing"),
                        HasSubstr("agents.yaml:8:4: error: expected a mapping"),
                        HasSubstr("agents.yaml:8:4: error: the rule asks for nothing")));
}

// The one error of a rule; several: all of them.
std::string error_of(const std::string& rule) {
  Diagnostics out;
  (void)read(" - {" + rule + "}\n", out);
  std::string text;
  for (const Diagnostic& each : out) text += (text.empty() ? "" : " | ") + each.message;
  return text;
}

TEST(MatchRule, PatternsThatCannotBeMeant) {
  const char* no_unit = "'unit' must be the name of a service or scope";
  for (const char* unit :
       {"a", "a.timer", "'*'", "'*.slice'", "x/a.service", ".service", "a.service b"}) {
    EXPECT_EQ(error_of("unit: "s + unit), no_unit) << unit;
  }
  EXPECT_EQ(error_of("cgroup: pods/a"), "'cgroup' must be an absolute path");
  for (const char* root : {"/", "//", "///"}) {
    EXPECT_THAT(error_of("cgroup: "s + root), HasSubstr("'cgroup' cannot be the root")) << root;
  }
  EXPECT_THAT(error_of("executable: ''"), HasSubstr("'executable' must be 1 to 512 bytes"));
  EXPECT_EQ(error_of("executable: /" + std::string(511, 'a')), "");
  EXPECT_EQ(error_of("executable: /" + std::string(512, 'a')),
            "'executable' must be 1 to 512 bytes");
  EXPECT_EQ(error_of("environment: \"A=\\0b\""), "'environment' must be 1 to 512 bytes");
  EXPECT_EQ(error_of("environment: A=********"), "");
  EXPECT_EQ(error_of("environment: A=*********"), "'environment' has more than 8 stars");
  EXPECT_EQ(error_of("environment: =a"), "'environment' has no name");
  EXPECT_THAT(error_of("executable: [/a]"), HasSubstr("'executable' must be a single value"));
}

TEST(MatchRule, AUserNeedsAPlaceThatNobodyCanChoose) {
  EXPECT_EQ(error_of("unit: a.service, user: sarah"), "");
  EXPECT_EQ(error_of("cgroup: /a, executable: /b, user: sarah"), "");
  EXPECT_EQ(error_of("executable: /a, user: sarah"), "'user' needs 'unit' or 'cgroup' beside it");
  EXPECT_EQ(error_of("environment: A, user: sarah"), "'user' needs 'unit' or 'cgroup' beside it");
  EXPECT_EQ(error_of("unit: a.service, user: ''"), "'user' is not a name that can be used here");
  EXPECT_EQ(error_of("unit: a.service, user: a/b"), "'user' is not a name that can be used here");
}

TEST(MatchRule, OfAnAgentAndAUserOfItsTenant) {
  const std::string users = "users: [{id: sarah, tenant: acme}, {id: bob}]\n";
  const auto load = [&](const std::string& agents, Diagnostics& out) {
    return Directory::load_from_text(
        {"users.yaml", users}, {"agents.yaml", agents}, out,
        [](const std::string&) -> Result<uid_t> { return fail(ErrorCode::kNotFound, "none"); });
  };
  Diagnostics out;
  const auto directory = load(
      "agents:\n"
      "  - {id: one, tenant: acme, match: [{unit: a.service, user: sarah}, {cgroup: /b}]}\n"
      "  - {id: two, match: [{environment: C}]}\n",
      out);
  ASSERT_TRUE(directory) << to_string(out.at(0));
  const auto& rules = directory->match_rules();
  ASSERT_THAT(rules, SizeIs(3));
  EXPECT_EQ(rules[0].tenant + "/" + rules[0].agent + rules[0].unit, "acme/onea.service");
  EXPECT_EQ(rules[1].tenant + "/" + rules[1].agent + rules[1].cgroup, "acme/one/b");
  EXPECT_EQ(rules[2].tenant + "/" + rules[2].agent + rules[2].environment, "default/twoC");

  EXPECT_FALSE(
      load("agents:\n"
           "  - id: one\n"
           "    match:\n"
           "      - {unit: a.service, user: bob}\n"
           "      - {unit: b.service, user: sarah}\n",
           out));
  ASSERT_THAT(out, SizeIs(1));
  EXPECT_EQ(to_string(out[0]),
            "agents.yaml:5:9: error: there is no user 'sarah' in tenant 'default'");

  out.clear();
  std::string many = "agents:\n  - id: one\n    match:\n";
  for (int i = 0; i < 1024; ++i) many += "      - {environment: A}\n";
  EXPECT_TRUE(load(many, out));
  EXPECT_FALSE(load(many + "      - {environment: A}\n", out));
  ASSERT_THAT(out, SizeIs(1));
  EXPECT_EQ(out[0].line, 1028);
  EXPECT_EQ(out[0].message, "more than 1024 match rules");
}

}  // namespace
}  // namespace writ::identity
