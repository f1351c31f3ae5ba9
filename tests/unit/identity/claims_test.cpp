// What becomes of the claims of real products under policies/identity/issuers.yaml, and of claims
// that do not fit.
#include "identity/claims.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "identity/strict_json.h"

namespace writ::identity {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const auto kNow = std::chrono::system_clock::time_point(std::chrono::seconds(1'750'000'000));
constexpr const char* kExp = R"("exp":1750000600,"iat":1749999990)";

Result<VerifiedPerson> person(const Issuers& issuers, std::string claims) {
  StrictJson json;
  const auto read = json.read(claims, "the test's claims");
  if (!read) return tl::unexpected(read.error());
  const Issuer* issuer = issuers.find(as_text(*member(*read, "iss")).value_or(""));
  if (issuer == nullptr) return fail(ErrorCode::kInternal, "the test's issuer is not configured");
  return person_from_claims(*read, *issuer, kNow);
}

Issuers example() {
  Diagnostics out;
  return *Issuers::load(WRIT_SOURCE_DIR "/policies/identity/issuers.yaml", out);
}

TEST(ClaimsOfProducts, Okta) {
  const auto who =
      person(example(), R"({"ver":1,"jti":"AT.x","iss":"https://acme.okta.com/oauth2/default",
    "aud":"api://writ","cid":"0oa1","uid":"00u1","scp":["openid","crm.contacts.read","https://x/y"],
    "groups":["Everyone","Sales Team"],"sub":"sarah@acme.test",)" +
                            std::string(kExp) + "}");
  ASSERT_TRUE(who) << who.error().message;
  EXPECT_EQ(who->user_id, "sarah@acme.test");
  EXPECT_EQ(who->email, "sarah@acme.test");
  EXPECT_EQ(who->tenant, "acme");
  EXPECT_THAT(who->roles, ElementsAre("Everyone"));
  EXPECT_THAT(who->scopes, ElementsAre("crm.*", "openid"));  // crm.* from the group
  EXPECT_EQ(who->dropped_scopes, 1u);
  EXPECT_EQ(who->dropped_roles, 0u);  // the group is no name, and still of use
  EXPECT_EQ(who->token_id, "AT.x");
}

TEST(ClaimsOfProducts, Auth0) {
  const auto who = person(example(), R"({"iss":"https://acme.eu.auth0.com/","sub":"auth0|5f7c8ec7",
    "aud":["https://writ.acme.example","https://acme.eu.auth0.com/userinfo"],"azp":"x",
    "https://acme.example/roles":["sales"],"https://acme.example/email":"s@acme.test",
    "scope":"openid email","permissions":["finance.revenue.read"],)" +
                                         std::string(kExp) + "}");
  ASSERT_TRUE(who) << who.error().message;
  EXPECT_EQ(who->subject, "auth0|5f7c8ec7");
  EXPECT_EQ(who->user_id, "auth0:5f7c8ec7");
  EXPECT_EQ(who->email, "s@acme.test");
  EXPECT_THAT(who->roles, ElementsAre("sales"));
  EXPECT_THAT(who->scopes, ElementsAre("email", "finance.revenue.read", "openid"));
  // "auth0:5f7c8ec7" itself must not become the same person.
  const auto other =
      person(example(), R"({"iss":"https://acme.eu.auth0.com/","sub":"auth0:5f7c8ec7",
    "aud":"https://writ.acme.example",)" +
                            std::string(kExp) + "}");
  ASSERT_FALSE(other);
  EXPECT_THAT(other.error().message, HasSubstr("user_id_replace"));
}

TEST(ClaimsOfProducts, Entra) {
  const auto claims = [](const char* tid) {
    return R"({"iss":"https://login.microsoftonline.com/8f3a2c1e-0d4b-4a57-9c1f-2b7e6d5a4c30/v2.0",
    "aud":"6c1d7f52-3b9e-4f0a-8d11-90ab12cd34ef","oid":"0000-1","sub":"AAA","ver":"2.0",
    "preferred_username":"sarah@acme.test","roles":["Sales.Lead"],
    "scp":"User.Read Writ.crm.read Writ.*","tid":")" +
           std::string(tid) + "\"," + kExp + "}";
  };
  const auto who = person(example(), claims("8f3a2c1e-0d4b-4a57-9c1f-2b7e6d5a4c30"));
  ASSERT_TRUE(who) << who.error().message;
  EXPECT_EQ(who->user_id, "sarah@acme.test");
  EXPECT_EQ(who->email, "");
  EXPECT_EQ(who->tenant, "acme");
  EXPECT_THAT(who->roles, ElementsAre("Sales.Lead"));
  EXPECT_THAT(who->scopes, ElementsAre("crm.read"));
  EXPECT_EQ(who->dropped_scopes, 2u);  // User.Read has no prefix of ours; Writ.* would become "*"
  const auto foreign = person(example(), claims("11111111-0d4b-4a57-9c1f-2b7e6d5a4c30"));
  ASSERT_FALSE(foreign);
  EXPECT_EQ(foreign.error().code, ErrorCode::kDenied);
  EXPECT_THAT(foreign.error().message, HasSubstr("may name"));
}

TEST(ClaimsOfProducts, Keycloak) {
  const auto who = person(example(), R"({"iss":"https://login.globex.example/realms/staff",
    "aud":"account","sub":"f:1:2","typ":"Bearer","azp":"writ","preferred_username":"sarah",
    "realm_access":{"roles":["offline_access","analyst"]},"email_verified":true,
    "resource_access":{"writ":{"roles":["operator"]},"account":{"roles":["manage-account"]}},
    "scope":"openid profile","email":"s@globex.test",)" +
                                         std::string(kExp) + "}");
  ASSERT_TRUE(who) << who.error().message;
  EXPECT_EQ(who->user_id, "sarah");
  EXPECT_EQ(who->tenant, "globex");
  EXPECT_EQ(who->email, "s@globex.test");
  EXPECT_THAT(who->roles, ElementsAre("analyst", "offline_access", "operator"));
  EXPECT_THAT(who->scopes,
              ElementsAre("crm.contacts.read", "finance.revenue.read", "openid", "profile"));
}

TEST(ClaimsOfProducts, Google) {
  const auto claims = [](const char* more) {
    return R"({"iss":"https://accounts.google.com","azp":"x","sub":"1103",
    "aud":"1234567890-abcdef.apps.googleusercontent.com","email":"sarah@acme.example",)" +
           std::string(more) + kExp + "}";
  };
  const auto who = person(example(), claims(R"("email_verified":true,"hd":"acme.example",)"));
  ASSERT_TRUE(who) << who.error().message;
  EXPECT_EQ(who->user_id, "sarah@acme.example");
  EXPECT_EQ(who->email, "sarah@acme.example");
  EXPECT_EQ(who->tenant, "acme");
  EXPECT_THAT(who->scopes, IsEmpty());
  // A private account has no `hd`; an address that nobody verified names nobody.
  const auto stranger = person(example(), claims(R"("email_verified":true,)"));
  ASSERT_FALSE(stranger);
  EXPECT_THAT(stranger.error().message, HasSubstr("tenant ''"));
  for (const char* unverified : {"false", "\"false\"", "0", "\"yes\""}) {
    const std::string more =
        R"("hd":"acme.example","email_verified":)" + std::string(unverified) + ",";
    const auto fake = person(example(), claims(more.c_str()));
    ASSERT_FALSE(fake) << unverified;
    EXPECT_THAT(fake.error().message, HasSubstr("not verified"));
  }
}

Issuers one(const std::string& more) {
  Diagnostics out;
  auto issuers = Issuers::load_from_text(
      "issuers.yaml",
      "issuers:\n  - id: one\n    issuer: https://one.test\n    audience: writ\n" + more, out);
  EXPECT_TRUE(issuers) << (out.empty() ? "" : to_string(out.front()));
  return std::move(*issuers);
}

std::string with(const std::string& more) {
  return R"({"iss":"https://one.test","aud":"writ",)" + std::string(kExp) + more + "}";
}

TEST(Claims, AnUnverifiedEmailIsLeftOut) {
  const auto who = person(one(""), with(R"(,"sub":"s","email":"s@x.test","email_verified":false)"));
  ASSERT_TRUE(who);
  EXPECT_EQ(who->email, "");
}

TEST(Claims, TheUserMustHaveANameThatCanBeUsed) {
  const auto refusal = [](const std::string& sub) {
    const auto who = person(one(""), with(R"(,"sub":)" + sub));
    return who ? "" : who.error().message;
  };
  EXPECT_EQ(refusal(R"("sarah@x.test")"), "");
  EXPECT_THAT(refusal(R"("auth0|1")"), HasSubstr("cannot be a user's id"));
  EXPECT_THAT(refusal(R"("sarah smith")"), HasSubstr("cannot be a user's id"));
  EXPECT_THAT(refusal(R"("acme/sarah")"), HasSubstr("cannot be a user's id"));
  EXPECT_THAT(refusal('"' + std::string(129, 'a') + '"'), HasSubstr("cannot be a user's id"));
  EXPECT_THAT(refusal("7"), HasSubstr("`sub`"));
  EXPECT_THAT(refusal(R"("")"), HasSubstr("`sub`"));
  EXPECT_THAT(refusal(R"("a\nb")"), HasSubstr("`sub`"));
  EXPECT_THAT(refusal('"' + std::string(256, 'a') + '"'), HasSubstr("`sub`"));
  const auto missing = person(one("    claims: {user_id: login}\n"), with(R"(,"sub":"s")"));
  EXPECT_THAT(missing.error().message, HasSubstr("no claim 'login'"));
  const auto number =
      person(one("    claims: {user_id: login}\n"), with(R"(,"sub":"s","login":7)"));
  EXPECT_THAT(number.error().message, HasSubstr("not a plain text"));
}

TEST(Claims, ScopesThatCannotBeWrittenAreDroppedAndCounted) {
  const auto who =
      person(one(""), with(R"(,"sub":"s","scope":"a.b  c/d *.x crm.* x* ","scp":["e f",7,"g"])"));
  ASSERT_TRUE(who) << who.error().message;
  EXPECT_THAT(who->scopes, ElementsAre("a.b", "crm.*", "g"));
  EXPECT_EQ(who->dropped_scopes, 5u);  // c/d, *.x, x*, "e f", and the list with a number in it
}

TEST(Claims, APrefixNeverWidens) {
  const Issuers issuers =
      one("    scope_prefixes: {\"api://writ/\": \"\", \"api://writ/crm/\": crm., x: \"\"}\n");
  const auto who = person(
      issuers,
      with(
          R"(,"sub":"s","scope":"api://writ/a.b api://writ/crm/read api://writ/* x* api://writ/crm/* plain.one api://writ/")"));
  ASSERT_TRUE(who) << who.error().message;
  EXPECT_THAT(who->scopes, ElementsAre("a.b", "crm.read"));
  EXPECT_EQ(who->dropped_scopes, 5u);
}

TEST(Claims, RolesAreNamesOrKeysOfRoleScopes) {
  const Issuers issuers = one("    role_scopes: {\"/ops\": [ops.*], sales: crm.read}\n");
  const auto who =
      person(issuers, with(R"(,"sub":"s","roles":["sales","sales","/ops","/other",7])"));
  ASSERT_TRUE(who);
  EXPECT_THAT(who->roles, ElementsAre("sales"));
  EXPECT_THAT(who->scopes, ElementsAre("crm.read", "ops.*"));
  EXPECT_EQ(who->dropped_roles, 2u);
  const auto single = person(issuers, with(R"(,"sub":"s","roles":"sales")"));
  ASSERT_TRUE(single);
  EXPECT_THAT(single->roles, ElementsAre("sales"));
  const auto odd = person(issuers, with(R"(,"sub":"s","roles":{"sales":true})"));
  ASSERT_TRUE(odd);
  EXPECT_THAT(odd->roles, IsEmpty());
  EXPECT_THAT(odd->scopes, IsEmpty());
}

TEST(Claims, TooManyScopesAreRefused) {
  const auto many = [](int count) {
    std::string scopes;
    for (int i = 0; i < count; ++i) scopes += "s" + std::to_string(i) + " ";
    return with(R"(,"sub":"s","scope":")" + scopes + '"');
  };
  EXPECT_TRUE(person(one(""), many(1000)));
  EXPECT_THAT(person(one(""), many(1001)).error().message, HasSubstr("more than 1000 scopes"));
}

TEST(Claims, OddTokenIdsAreLeftOut) {
  EXPECT_EQ(person(one(""), with(R"(,"sub":"s","jti":"a b")"))->token_id, "");
  EXPECT_EQ(person(one(""), with(R"(,"sub":"s","jti":7)"))->token_id, "");
  EXPECT_EQ(person(one(""), with(R"(,"sub":"s","jti":")" + std::string(129, 'a') + '"'))->token_id,
            "");
}

}  // namespace
}  // namespace writ::identity
