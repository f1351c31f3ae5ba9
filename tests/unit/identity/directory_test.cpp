#include "identity/directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace writ::identity {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

Result<uid_t> fake_account(const std::string& name) {
  if (name == "sarah") return uid_t{1001};
  if (name == "sarah2") return uid_t{1001};  // two names, one uid
  if (name == "diana") return uid_t{1002};
  if (name == "broken") return fail(ErrorCode::kIo, "the name service is gone");
  return fail(ErrorCode::kNotFound, "this host has no account '{}'", name);
}

constexpr const char* kNoAgents = "agents: []\n";
constexpr const char* kNoUsers = "users: []\n";

std::optional<Directory> load(const std::string& users, const std::string& agents,
                              Diagnostics& out) {
  return Directory::load_from_text({"users.yaml", users}, {"agents.yaml", agents}, out,
                                   fake_account);
}

TEST(Directory, ReadsAllOfAUserAndAnAgent) {
  Diagnostics out;
  const auto directory = load(R"(
users:
  - id: sarah
    tenant: acme
    email: sarah@example.test
    roles: [sales, lead]
    scopes: ["crm.*", crm.contacts.read]
    unix: [sarah, 1500]
    limits: {calls_per_minute: 60}
  - id: bob
)",
                              R"(
agents:
  - id: helper
    tenant: acme
    scopes: [crm.contacts.read]
    limits: {max_tool_calls: 20, max_duration: 90s, calls_per_minute: 7}
    ttl: 30m
    max_depth: 0
    mode: observe
  - id: plain
)",
                              out);
  ASSERT_THAT(out, IsEmpty());
  ASSERT_TRUE(directory);
  const User* sarah = directory->user("acme", "sarah");
  ASSERT_NE(sarah, nullptr);
  EXPECT_EQ(sarah->tenant, "acme");
  EXPECT_EQ(sarah->email, "sarah@example.test");
  EXPECT_THAT(sarah->roles, ElementsAre("lead", "sales"));
  EXPECT_THAT(sarah->scopes, ElementsAre("crm.*"));
  EXPECT_EQ(sarah->calls_per_minute, 60u);
  EXPECT_EQ(directory->user_of_uid(1001), sarah);
  EXPECT_EQ(directory->user_of_uid(1500), sarah);
  EXPECT_EQ(directory->user_of_uid(1002), nullptr);
  const User* bob = directory->user("default", "bob");
  ASSERT_NE(bob, nullptr);
  EXPECT_EQ(bob->tenant, "default");
  EXPECT_FALSE(bob->calls_per_minute);
  const Agent* helper = directory->agent("acme", "helper");
  ASSERT_NE(helper, nullptr);
  EXPECT_EQ(helper->limits.max_tool_calls, 20u);
  EXPECT_EQ(helper->limits.max_duration, std::chrono::seconds(90));
  EXPECT_EQ(helper->limits.calls_per_minute, 7u);
  EXPECT_EQ(helper->ttl, std::chrono::minutes(30));
  EXPECT_EQ(helper->max_depth, 0u);
  EXPECT_EQ(helper->mode, Mode::kObserve);
  const Agent* plain = directory->agent("default", "plain");
  ASSERT_NE(plain, nullptr);
  EXPECT_EQ(plain->limits, Limits());
  EXPECT_FALSE(plain->mode || plain->ttl);
  EXPECT_EQ(plain->max_depth, kDefaultMaxDepth);
  EXPECT_THAT(plain->scopes, IsEmpty());
  EXPECT_EQ(directory->user("acme", "nobody"), nullptr);
  EXPECT_EQ(directory->agent("acme", "sarah"), nullptr);
}

TEST(Directory, TenantsAreWorldsOfTheirOwn) {
  Diagnostics out;
  const auto directory = load(R"(
users:
  - {id: sarah, tenant: acme, scopes: [crm.read], unix: [sarah], admin: true}
  - {id: sarah, tenant: globex, scopes: [fin.read], unix: [diana]}
  - {id: bob, tenant: globex}
)",
                              R"(
agents:
  - {id: helper, tenant: acme, scopes: [crm.read]}
  - {id: helper, tenant: globex, scopes: [fin.read]}
  - {id: clerk, tenant: acme}
)",
                              out);
  ASSERT_TRUE(directory);
  EXPECT_THAT(directory->user("acme", "sarah")->scopes, ElementsAre("crm.read"));
  EXPECT_THAT(directory->user("globex", "sarah")->scopes, ElementsAre("fin.read"));
  EXPECT_THAT(directory->agent("globex", "helper")->scopes, ElementsAre("fin.read"));
  EXPECT_EQ(directory->user("acme", "bob"), nullptr);
  EXPECT_EQ(directory->agent("globex", "clerk"), nullptr);
  EXPECT_EQ(directory->user("", "sarah"), nullptr);  // no tenant is no wildcard
  EXPECT_EQ(directory->user("nowhere", "sarah"), nullptr);
  EXPECT_EQ(directory->user_of_uid(1001)->tenant, "acme");
  EXPECT_EQ(directory->user_of_uid(1002)->tenant, "globex");
  const User& admin = *directory->user("acme", "sarah");
  EXPECT_TRUE(may_administer(admin, "acme"));
  EXPECT_FALSE(may_administer(admin, "globex"));
  EXPECT_FALSE(may_administer(admin, ""));
  EXPECT_FALSE(may_administer(*directory->user("globex", "sarah"), "globex"));
}

TEST(Directory, WithoutATenantOneNameMustBeOneThing) {
  Diagnostics out;
  const auto directory = load(
      "users: [{id: sarah, tenant: acme}, {id: sarah, tenant: globex}, {id: bob, tenant: globex}]",
      "agents: [{id: helper, tenant: acme}, {id: helper, tenant: globex}]", out);
  ASSERT_TRUE(directory);
  const auto bob = directory->find_user("", "bob");
  ASSERT_TRUE(bob);
  EXPECT_EQ((*bob)->tenant, "globex");
  const auto sarah = directory->find_user("", "sarah");
  ASSERT_FALSE(sarah);
  EXPECT_EQ(sarah.error().code, ErrorCode::kInvalid);
  EXPECT_EQ(sarah.error().message,
            "user 'sarah' is in several tenants (say --tenant: acme, globex)");
  EXPECT_EQ((*directory->find_user("globex", "sarah"))->tenant, "globex");
  EXPECT_EQ(directory->find_user("acme", "bob").error().message,
            "there is no user 'bob' in tenant 'acme'");
  EXPECT_EQ(directory->find_user("", "eve").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(directory->find_agent("", "helper").error().code, ErrorCode::kInvalid);
  EXPECT_EQ((*directory->find_agent("acme", "helper"))->tenant, "acme");
}

TEST(Directory, UnknownAccountIsAWarningAndMapsNobody) {
  Diagnostics out;
  const auto directory = load("users: [{id: eve, unix: [eve]}]\n", kNoAgents, out);
  ASSERT_TRUE(directory);
  ASSERT_THAT(out, SizeIs(1));
  EXPECT_EQ(out[0].severity, Severity::kWarning);
  EXPECT_THAT(out[0].message, HasSubstr("no account 'eve'"));
  EXPECT_EQ(out[0].line, 1);
}

TEST(Directory, RefusesWithPlaceAndHint) {
  struct Case {
    const char* users;
    const char* agents;
    const char* message;
  };
  const Case cases[] = {
      {"users: [{id: a}, {id: a}]", kNoAgents, "user 'a' is there twice"},
      {kNoUsers, "agents: [{id: a}, {id: a}]", "agent 'a' is there twice"},
      {"users: [{id: a, unix: [sarah]}, {id: b, unix: [sarah]}]", kNoAgents,
       "already belongs to user 'a'"},
      {"users: [{id: a, unix: [sarah]}, {id: b, unix: [1001]}]", kNoAgents,
       "already belongs to user 'a'"},
      {"users: [{id: a, unix: [sarah]}, {id: b, unix: [sarah2]}]", kNoAgents,
       "already belongs to user 'a'"},
      {"users: [{id: a, unix: [broken]}]", kNoAgents, "name service is gone"},
      {"users: [{id: a, unix: [99999999999]}]", kNoAgents, "not a uid"},
      {"users: [{id: a, unix: [4294967295]}]", kNoAgents, "not a uid"},
      {"users: [{id: a, unix: ['a b']}]", kNoAgents, "neither an account name nor a uid"},
      {"users: [{id: a, emial: x@y}]", kNoAgents, "unknown key 'emial'"},
      {"users: [{email: x@y}]", kNoAgents, "'id' is missing"},
      {"users: [{id: 'a/b'}]", kNoAgents, "not a name"},
      {"users: [{id: a, tenant: ''}]", kNoAgents, "'tenant' is empty"},
      {"users: [{id: a, email: 'a b'}]", kNoAgents, "'email'"},
      {"users: [{id: a, email: \"a\\nb\"}]", kNoAgents, "'email'"},
      {"users: [{id: a, roles: ['']}]", kNoAgents, "'roles'"},
      {"users: [{id: a, scopes: ['crm.*.read']}]", kNoAgents, "not a scope"},
      {"users: [{id: a, limits: {calls_per_minute: 0}}]", kNoAgents, "calls_per_minute"},
      {"users: [{id: a, limits: {calls_per_minut: 5}}]", kNoAgents, "unknown key"},
      {"users: [{id: a, limits: 5}]", kNoAgents, "expected a mapping"},
      {"users: [a]", kNoAgents, "expected a mapping"},
      {"users: {id: a}", kNoAgents, "'users' must be a list"},
      {"people: []", kNoAgents, "'users' is missing"},
      {kNoUsers, "agents: [{id: a, limits: {max_tool_calls: -1}}]", "max_tool_calls"},
      {kNoUsers, "agents: [{id: a, limits: {max_duration: 5}}]", "must be a duration"},
      {kNoUsers, "agents: [{id: a, ttl: 0s}]", "'ttl' must be over 0"},
      {kNoUsers, "agents: [{id: a, ttl: 721h}]", "'ttl' must be over 0"},
      {kNoUsers, "agents: [{id: a, max_depth: 9}]", "max_depth"},
      {kNoUsers, "agents: [{id: a, max_depth: -1}]", "max_depth"},
      {"users: [{id: a, admin: 7}]", kNoAgents, "'admin'"},
      {"users: [{id: a, tenant: t}, {id: a, tenant: t}]", kNoAgents,
       "user 'a' is there twice in tenant 't'"},
      {"users: [{id: a, tenant: t, unix: [sarah]}, {id: a, tenant: u, unix: [sarah]}]", kNoAgents,
       "already belongs to user 'a' of tenant 't'"},
      {kNoUsers, "agents: [{id: a, mode: watch}]", "'mode' cannot be 'watch'"},
      {kNoUsers, "agents: [", "end of"},
  };
  for (const Case& c : cases) {
    Diagnostics out;
    EXPECT_FALSE(load(c.users, c.agents, out)) << c.users << c.agents;
    ASSERT_FALSE(out.empty()) << c.users << c.agents;
    std::string all;
    for (const Diagnostic& d : out) all += to_string(d) + "\n";
    EXPECT_THAT(all, HasSubstr(c.message)) << c.users << c.agents;
    EXPECT_GT(out[0].line, 0) << all;
  }
}

TEST(Directory, ReportsEveryProblemOfBothFiles) {
  Diagnostics out;
  EXPECT_FALSE(load("users: [{id: 'a b'}, {id: b, scopes: [x*]}]", "agents: [{idd: a}]", out));
  EXPECT_THAT(out, SizeIs(testing::Ge(4u)));
}

TEST(Directory, TooManyScopesAreRefused) {
  std::string users = "users: [{id: a, scopes: [s0";
  for (int i = 1; i < 1002; ++i) users += ", s" + std::to_string(i);
  Diagnostics out;
  EXPECT_FALSE(load(users + "]}]", kNoAgents, out));
}

TEST(Directory, EarlierDiagnosticsDoNotFailALaterLoad) {
  Diagnostics out{{.message = "from elsewhere"}};
  EXPECT_TRUE(load(kNoUsers, kNoAgents, out));
  EXPECT_THAT(out, SizeIs(1));
}

TEST(Directory, LoadsFilesAndNamesTheOneItCannotRead) {
  std::string pattern = std::filesystem::temp_directory_path() / "writ-directory-XXXXXX";
  ASSERT_NE(mkdtemp(pattern.data()), nullptr);
  const std::filesystem::path root = pattern;
  std::ofstream(root / "users.yaml") << "users: [{id: sarah, unix: [sarah]}]\n";
  Diagnostics out;
  EXPECT_FALSE(Directory::load(root / "users.yaml", root / "agents.yaml", out, fake_account));
  ASSERT_THAT(out, SizeIs(1));
  EXPECT_EQ(out[0].file, root / "agents.yaml");
  std::ofstream(root / "agents.yaml") << "agents: [{id: helper}]\n";
  out.clear();
  EXPECT_TRUE(Directory::load(root / "users.yaml", root / "agents.yaml", out, fake_account));
  EXPECT_THAT(out, IsEmpty());
  std::filesystem::remove_all(root);
}

TEST(Accounts, AsksTheHost) {
  const Result<uid_t> root = system_account("root");
  ASSERT_TRUE(root);
  EXPECT_EQ(*root, 0u);
  const Result<uid_t> nobody = system_account("no-such-account-here");
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace writ::identity
