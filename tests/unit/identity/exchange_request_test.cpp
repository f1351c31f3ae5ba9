#include "identity/exchange_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "identity/exchange_config.h"

namespace writ::identity {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

const std::string kGood =
    "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&subject_token=a.b.c"
    "&subject_token_type=urn:ietf:params:oauth:token-type:jwt"
    "&actor_token=0123456789abcdef0123456789abcdef&actor_token_type=urn:writ:token-type:writ";

std::variant<ExchangeRequest, OAuthError> parse(
    const std::string& body, const std::string& authorization = "",
    const std::string& type = "application/x-www-form-urlencoded") {
  return parse_exchange_request(
      {.content_type = type, .authorization = authorization, .body = body});
}
ExchangeRequest good(const std::string& body, const std::string& authorization = "") {
  auto parsed = parse(body, authorization);
  if (const auto* error = std::get_if<OAuthError>(&parsed)) {
    ADD_FAILURE() << error->code << ": " << error->description;
    return {};
  }
  return std::get<ExchangeRequest>(std::move(parsed));
}
std::string code_of(const std::string& body, const std::string& authorization = "",
                    const std::string& type = "application/x-www-form-urlencoded") {
  const auto parsed = parse(body, authorization, type);
  const auto* error = std::get_if<OAuthError>(&parsed);
  return error == nullptr ? "" : error->code;
}

TEST(ExchangeRequest, ReadsAllOfIt) {
  const ExchangeRequest request =
      good(kGood +
           "&audience=crm&resource=https%3A%2F%2Fa.test%2Fx&audience=crm&audience=mail"
           "&scope=crm.read++mail.*+crm.read"
           "&requested_token_type=urn:ietf:params:oauth:token-type:jwt&foo=bar");
  EXPECT_EQ(request.subject_token, "a.b.c");
  EXPECT_EQ(request.writ, "0123456789abcdef0123456789abcdef");
  EXPECT_FALSE(request.client);
  EXPECT_THAT(request.targets, ElementsAre("crm", "https://a.test/x", "mail"));
  ASSERT_TRUE(request.scopes);
  EXPECT_THAT(*request.scopes, ElementsAre("crm.read", "mail.*"));
  EXPECT_TRUE(request.as_jwt);
}

TEST(ExchangeRequest, WhatHasNoValueIsAbsent) {
  const ExchangeRequest request =
      good(kGood + "&scope=&audience=&resource&requested_token_type=&client_id=&client_secret=&");
  EXPECT_FALSE(request.scopes);
  EXPECT_THAT(request.targets, IsEmpty());
  EXPECT_FALSE(request.client);
  EXPECT_FALSE(good(kGood + "&scope=++").scopes);
}

TEST(ExchangeRequest, OnlyResourceAndAudienceMayRepeat) {
  for (const char* name :
       {"grant_type", "subject_token", "subject_token_type", "actor_token", "actor_token_type",
        "scope", "requested_token_type", "client_id", "client_secret", "unknown"}) {
    const std::string twice = kGood + "&" + name + "=x&" + name + "=x";
    EXPECT_EQ(code_of(twice), "invalid_request") << name;
    // Also one that is empty, or written otherwise.
    EXPECT_EQ(code_of(kGood + "&" + name + "=x&" + name + "="), "invalid_request") << name;
  }
  EXPECT_EQ(code_of(kGood + "&s%63ope=a&scope=a"), "invalid_request");
}

TEST(ExchangeRequest, HostileBodiesAreRefused) {
  const std::string bodies[] = {
      kGood + "&x=%",
      kGood + "&x=%4",
      kGood + "&x=%zz",
      kGood + "&x=a%00b",
      kGood + "&x=a%0d%0ab",
      kGood + "&x=%7f",
      kGood + "&x=%ff",
      kGood + "&x=%c0%af",
      kGood + "&x=%e0%80%80",
      kGood + "&x=%f0%80%80%80",
      kGood + "&x=%ed%a0%80",
      kGood + "&x=%f4%90%80%80",
      kGood + "&x=%e2%82",
      kGood + "&=x",
      std::string("grant_type=\0x", 13),
      kGood + "&x=a\nb",
      "{\"grant_type\":\"x\"}",
      "",
      "&&&",
      std::string(kMaxExchangeBody + 1, 'a'),
  };
  for (const std::string& body : bodies)
    EXPECT_EQ(code_of(body), "invalid_request") << body.substr(0, 400);
  EXPECT_EQ(code_of(kGood + "&x=%c3%a9%e2%82%ac%f0%9f%98%80"), "");  // é€😀
  std::string many = kGood;
  for (std::size_t i = 0; i < kMaxFormParameters; ++i) many += "&p" + std::to_string(i) + "=1";
  EXPECT_EQ(code_of(many), "invalid_request");
  std::string targets = kGood;
  for (std::size_t i = 0; i < kMaxTargets; ++i) targets += "&audience=a" + std::to_string(i);
  EXPECT_EQ(code_of(targets), "");
  EXPECT_EQ(code_of(targets + "&resource=a:b"), "invalid_target");
  std::string scopes = kGood + "&scope=";
  for (std::size_t i = 0; i <= kMaxScopes; ++i) scopes += "s" + std::to_string(i) + "+";
  EXPECT_EQ(code_of(scopes), "invalid_scope");
}

TEST(ExchangeRequest, OnlyAFormIsRead) {
  for (const char* type :
       {"application/x-www-form-urlencoded", "Application/X-WWW-Form-Urlencoded",
        "application/x-www-form-urlencoded; charset=UTF-8", "application/x-www-form-urlencoded ;x"})
    EXPECT_EQ(code_of(kGood, "", type), "") << type;
  for (const char* type : {"", "application/json", "multipart/form-data; boundary=x", "text/plain",
                           "application/x-www-form-urlencoded2"})
    EXPECT_EQ(code_of(kGood, "", type), "invalid_request") << type;
}

TEST(ExchangeRequest, Targets) {
  for (const char* uri : {"https%3A%2F%2Fa.test", "urn:a:b", "a+b:c"})
    EXPECT_EQ(code_of(kGood + "&resource=" + uri),
              uri == std::string("a+b:c") ? "invalid_target" : "");
  for (const char* uri : {"a.test", "/path", ":x", "1a:b", "https:a%23", "https:a%20b", "a%22:b"})
    EXPECT_EQ(code_of(kGood + "&resource=" + uri), "invalid_target") << uri;
  EXPECT_EQ(code_of(kGood + "&audience=a%20b"), "invalid_target");
  EXPECT_EQ(code_of(kGood + "&audience=%c3%a9"), "invalid_target");
  EXPECT_EQ(code_of(kGood + "&audience=" + std::string(600, 'a')), "invalid_target");
}

TEST(ExchangeRequest, AClientAuthenticatesOnce) {
  const std::string basic = "Basic YTpzZWNyZXQ=";  // a:secret
  EXPECT_EQ(good(kGood, basic).client->id, "a");
  EXPECT_EQ(good(kGood, basic).client->secret, "secret");
  EXPECT_EQ(good(kGood + "&client_id=a", basic).client->secret, "secret");
  EXPECT_EQ(code_of(kGood + "&client_id=b", basic), "invalid_request");
  EXPECT_EQ(code_of(kGood + "&client_id=a&client_secret=secret", basic), "invalid_request");
  EXPECT_EQ(code_of(kGood + "&client_secret=x"), "invalid_request");
  EXPECT_EQ(code_of(kGood + "&client_id=x"), "invalid_client");
  EXPECT_EQ(code_of(kGood + "&client_id=x&client_secret=" + std::string(600, 'x')),
            "invalid_client");
  EXPECT_EQ(good(kGood + "&client_id=x&client_secret=y").client->secret, "y");
}

TEST(ExchangeRequest, Basic) {
  // Both halves are form-encoded inside: "a b" and "%:ä".
  const auto encoded = parse_basic("basic  YStiOiUyNSUzQSVDMyVBNA==");
  ASSERT_TRUE(encoded);
  EXPECT_EQ(encoded->id, "a b");
  EXPECT_EQ(encoded->secret, "%:\xc3\xa4");
  const auto colons = parse_basic("Basic YTpiOmM=");  // a:b:c
  ASSERT_TRUE(colons);
  EXPECT_EQ(colons->secret, "b:c");
  for (const std::string header :
       {"Basic", "Basic ", "Bearer YTpzZWNyZXQ=", "BasicYTpzZWNyZXQ=", "Basic YTpzZWNyZXQ",
        "Basic YTpzZWNyZXR=", "Basic YTpzZWNyZXQ= ", "Basic YTpzZWN\nZXQ=", "Basic YTpzZWNy=XQ=",
        "Basic ====", "Basic YQ==", "Basic OnNlY3JldA==", "Basic YTol", "Basic YToA"}) {
    const auto got = parse_basic(header);
    ASSERT_FALSE(got) << header;
    EXPECT_EQ(code_of(kGood, header), "invalid_client") << header;
  }
  EXPECT_FALSE(parse_basic("Basic " + std::string(40'000, 'Y')));
}

TEST(ExchangeRequest, FormKeepsOrderAndValues) {
  const auto form = parse_form("b=1&a=%26%3D+x&b=&c&d=e=f");
  ASSERT_TRUE(form);
  EXPECT_THAT(*form, ElementsAre(Pair("b", "1"), Pair("a", "&= x"), Pair("b", ""), Pair("c", ""),
                                 Pair("d", "e=f")));
}

}  // namespace
}  // namespace writ::identity
