#include "identity/issuers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace writ::identity {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

std::optional<Issuers> load(const std::string& text, Diagnostics& out) {
  return Issuers::load_from_text("issuers.yaml", text, out);
}

// One issuer with `more` lines, each indented by four.
std::string with(const std::string& more) {
  return "issuers:\n  - id: one\n    issuer: https://one.test\n    audience: writ\n" + more;
}

TEST(Issuers, TakesStandardsForWhatIsNotSaid) {
  Diagnostics out;
  const auto issuers = load(with(""), out);
  ASSERT_THAT(out, IsEmpty());
  ASSERT_TRUE(issuers);
  const Issuer* one = issuers->find("https://one.test");
  ASSERT_NE(one, nullptr);
  EXPECT_EQ(one->id, "one");
  EXPECT_EQ(one->jwks_uri, "");
  EXPECT_THAT(one->audiences, ElementsAre("writ"));
  EXPECT_THAT(one->algorithms, ElementsAre(Algorithm::kRs256, Algorithm::kPs256, Algorithm::kEs256,
                                           Algorithm::kEdDsa));
  EXPECT_EQ(one->tenant, "default");
  EXPECT_THAT(one->claims.user_id.names(), ElementsAre("sub"));
  EXPECT_THAT(one->claims.email.names(), ElementsAre("email"));
  EXPECT_FALSE(one->claims.tenant);
  ASSERT_THAT(one->claims.scopes, SizeIs(2));
  EXPECT_EQ(one->leeway, std::chrono::seconds(60));
  EXPECT_EQ(one->keys_valid_for, std::chrono::hours(24));
  EXPECT_FALSE(one->max_token_age);
}

TEST(Issuers, ReadsEverything) {
  Diagnostics out;
  const auto issuers = load(with(R"(    jwks_uri: https://keys.one.test/jwks
    algorithms: [ES256, EdDSA]
    tenants: {t-1: acme, t-2: globex}
    claims:
      user_id: who.id
      user_id_replace: {"|": ":"}
      email: '"https://one.test/mail"'
      tenant: tid
      roles: [realm_access.roles, groups]
      scopes: []
    role_scopes: {"Sales Team": [crm.*, crm.contacts.read], root: "*"}
    scope_prefixes: {"api://writ/": "", "x:": crm.}
    leeway: 5s
    max_token_age: 1h
    keys_valid_for: 10m
    ca_file: /etc/writ/ca.pem
)"),
                            out);
  ASSERT_THAT(out, IsEmpty());
  const Issuer& one = issuers->all().front();
  EXPECT_EQ(one.jwks_uri, "https://keys.one.test/jwks");
  EXPECT_THAT(one.algorithms, ElementsAre(Algorithm::kEs256, Algorithm::kEdDsa));
  EXPECT_EQ(one.tenant, "");
  EXPECT_THAT(one.tenants, ElementsAre(Pair("t-1", "acme"), Pair("t-2", "globex")));
  EXPECT_THAT(one.claims.user_id.names(), ElementsAre("who", "id"));
  EXPECT_THAT(one.claims.user_id_replace, ElementsAre(Pair('|', ':')));
  EXPECT_THAT(one.claims.email.names(), ElementsAre("https://one.test/mail"));
  EXPECT_THAT(one.claims.roles, SizeIs(2));
  EXPECT_THAT(one.claims.scopes, IsEmpty());
  EXPECT_THAT(one.role_scopes.at("Sales Team"), ElementsAre("crm.*"));
  EXPECT_THAT(one.scope_prefixes, ElementsAre(Pair("api://writ/", ""), Pair("x:", "crm.")));
  EXPECT_EQ(one.leeway, std::chrono::seconds(5));
  EXPECT_EQ(one.max_token_age, std::chrono::hours(1));
  EXPECT_EQ(one.keys_valid_for, std::chrono::minutes(10));
  EXPECT_EQ(one.ca_file, "/etc/writ/ca.pem");
}

TEST(Issuers, AListOfTenantsNamesEachAsItself) {
  Diagnostics out;
  const auto issuers = load(with("    tenants: [acme, globex]\n    claims: {tenant: org}\n"), out);
  ASSERT_THAT(out, IsEmpty());
  EXPECT_THAT(issuers->all().front().tenants,
              ElementsAre(Pair("acme", "acme"), Pair("globex", "globex")));
}

TEST(Issuers, FindsByTheExactAddressOnly) {
  Diagnostics out;
  const auto issuers = load(with(""), out);
  ASSERT_TRUE(issuers);
  for (const char* other : {"https://one.test/", "https://ONE.test", "https://one.tes", "",
                            "http://one.test", "https://one.test ", "one"}) {
    EXPECT_EQ(issuers->find(other), nullptr) << other;
  }
}

struct Wrong {
  const char* text;
  const char* message;
};

TEST(Issuers, SaysWhatIsWrong) {
  const std::string base = "issuers:\n  - ";
  for (const auto& [text, message] : std::initializer_list<Wrong>{
           {"{issuer: https://a.test, audience: w}", "'id' is missing"},
           {"{id: a b, issuer: https://a.test, audience: w}", "not a name"},
           {"{id: a, audience: w}", "'issuer' is missing"},
           {"{id: a, issuer: a.test, audience: w}", "not an address"},
           {"{id: a, issuer: http://a.test, audience: w}", "not https"},
           {"{id: a, issuer: http://127.0.0.1.a.test, audience: w}", "not https"},
           {"{id: a, issuer: ftp://a.test, audience: w}", "not an https address"},
           {"{id: a, issuer: https://u:p@a.test, audience: w}", "user name"},
           {"{id: a, issuer: 'https://a.test?x=1', audience: w}", "query"},
           {"{id: a, issuer: https://a.test}", "'audience' must name"},
           {"{id: a, issuer: https://a.test, audience: ['']}", "'audience' must name"},
           {"{id: a, issuer: https://a.test, audience: w, jwks_uri: http://b.test}", "not https"},
           {"{id: a, issuer: https://a.test, audience: w, algorithms: [none]}", "'none'"},
           {"{id: a, issuer: https://a.test, audience: w, algorithms: [HS256]}", "'HS256'"},
           {"{id: a, issuer: https://a.test, audience: w, algorithms: []}", "allows none"},
           {"{id: a, issuer: https://a.test, audience: w, claims: {user_id: a..b}}", "is empty"},
           {"{id: a, issuer: https://a.test, audience: w, claims: {email: '\"a'}}", "never closed"},
           {"{id: a, issuer: https://a.test, audience: w, claims: {role: x}}",
            "unknown key 'role'"},
           {"{id: a, issuer: https://a.test, audience: w, claims: [x]}", "expected a mapping"},
           {"{id: a, issuer: https://a.test, audience: w, claims: {tenant: t}}", "go together"},
           {"{id: a, issuer: https://a.test, audience: w, tenants: [t]}", "go together"},
           {"{id: a, issuer: https://a.test, audience: w, tenant: t, tenants: [t], "
            "claims: {tenant: t}}",
            "both there"},
           {"{id: a, issuer: https://a.test, audience: w, tenants: {x: 'a b'}, "
            "claims: {tenant: t}}",
            "not a tenant's name"},
           {"{id: a, issuer: https://a.test, audience: w, tenant: ''}", "'tenant' is empty"},
           {"{id: a, issuer: https://a.test, audience: w, role_scopes: {r: ['a b']}}",
            "must grant 1 to"},
           {"{id: a, issuer: https://a.test, audience: w, role_scopes: {r: []}}",
            "must grant 1 to"},
           {"{id: a, issuer: https://a.test, audience: w, role_scopes: [r]}", "must be a mapping"},
           {"{id: a, issuer: https://a.test, audience: w, scope_prefixes: {x: '*'}}",
            "without '*'"},
           {"{id: a, issuer: https://a.test, audience: w, "
            "claims: {user_id_replace: {'a': ':'}}}",
            "exchanges one character"},
           {"{id: a, issuer: https://a.test, audience: w, "
            "claims: {user_id_replace: {'|': ':', '/': ':'}}}",
            "exchanges one character"},
           {"{id: a, issuer: https://a.test, audience: w, leeway: 1h}", "must be 0 s to 600 s"},
           {"{id: a, issuer: https://a.test, audience: w, leeway: 1500ms}", "whole seconds"},
           {"{id: a, issuer: https://a.test, audience: w, keys_valid_for: 1s}", "must be 300 s"},
           {"{id: a, issuer: https://a.test, audience: w, ca_file: ca.pem}", "full path"},
           {"{id: a, issuer: https://a.test, audience: w, secret: x}", "unknown key 'secret'"},
           {"{id: a, issuer: https://a.test, audience: w}\n"
            "  - {id: a, issuer: https://b.test, audience: w}",
            "'a' is there twice"},
           {"{id: a, issuer: https://a.test, audience: w}\n"
            "  - {id: b, issuer: https://a.test, audience: v}",
            "already belongs to 'a'"},
       }) {
    Diagnostics out;
    EXPECT_FALSE(load(base + text + "\n", out)) << text;
    std::string all;
    for (const Diagnostic& diagnostic : out) all += to_string(diagnostic) + "\n";
    EXPECT_THAT(all, HasSubstr(message)) << text;
    EXPECT_THAT(all, HasSubstr("issuers.yaml:")) << text;
  }
}

TEST(Issuers, TakesHttpOnThisHostOnly) {
  for (const char* good : {"http://127.0.0.1:8080/x", "http://localhost:1", "http://[::1]:9"}) {
    Diagnostics out;
    EXPECT_TRUE(
        load("issuers:\n  - {id: a, issuer: '" + std::string(good) + "', audience: w}\n", out))
        << good << (out.empty() ? "" : to_string(out.front()));
  }
}

TEST(Issuers, NoFileIsAnError) {
  Diagnostics out;
  EXPECT_FALSE(Issuers::load("/nonexistent/issuers.yaml", out));
  ASSERT_THAT(out, SizeIs(1));
  EXPECT_THAT(out.front().message, HasSubstr("/nonexistent/issuers.yaml"));
}

TEST(Issuers, TheExampleLoads) {
  Diagnostics out;
  const auto issuers = Issuers::load(WRIT_SOURCE_DIR "/policies/identity/issuers.yaml", out);
  ASSERT_THAT(out, IsEmpty());
  std::vector<std::string> ids;
  for (const Issuer& issuer : issuers->all()) ids.push_back(issuer.id);
  EXPECT_THAT(ids, ElementsAre("okta", "auth0", "entra", "keycloak", "google"));
}

}  // namespace
}  // namespace writ::identity
