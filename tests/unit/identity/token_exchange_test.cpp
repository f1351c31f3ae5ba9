#include "identity/token_exchange.h"

#include <gmock/gmock.h>

#include "identity/exchange_support.h"

namespace writ::identity {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

std::int64_t unix_time(TimePoint time) {
  return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
}

TEST_F(ExchangeTest, AWritAndItsPersonBecomeAToken) {
  const std::string writ = add_writ();
  const TokenResponse response = run(Body::by_writ(writ).with("scope", "crm.contacts.read"));
  ASSERT_EQ(response.status, 200) << response.body;
  EXPECT_EQ(response.error, "");
  const YAML::Node body = YAML::Load(response.body);
  EXPECT_EQ(body["token_type"].as<std::string>(), "Bearer");
  EXPECT_EQ(body["issued_token_type"].as<std::string>(),
            "urn:ietf:params:oauth:token-type:access_token");
  EXPECT_EQ(body["expires_in"].as<int>(), 300);
  EXPECT_EQ(body["scope"].as<std::string>(), "crm.contacts.read");

  const CheckedJwt jwt = token_of(response);
  EXPECT_EQ(jwt.header["alg"].as<std::string>(), "ES256");
  EXPECT_EQ(jwt.header["typ"].as<std::string>(), "at+jwt");
  const YAML::Node& claims = jwt.claims;
  EXPECT_EQ(claims.size(), 11u);
  EXPECT_EQ(claims["iss"].as<std::string>(), "http://127.0.0.1:8460");
  EXPECT_EQ(claims["sub"].as<std::string>(), "sarah");
  EXPECT_EQ(claims["aud"].as<std::string>(), kCrm);
  EXPECT_EQ(claims["client_id"].as<std::string>(), "assistant");
  EXPECT_EQ(claims["scope"].as<std::string>(), "crm.contacts.read");
  EXPECT_EQ(claims["act"]["sub"].as<std::string>(), "assistant");
  EXPECT_FALSE(claims["act"]["act"]);
  EXPECT_EQ(claims["tenant"].as<std::string>(), "default");
  EXPECT_EQ(claims["iat"].as<std::int64_t>(), unix_time(host.time));
  EXPECT_EQ(claims["nbf"].as<std::int64_t>(), unix_time(host.time));
  EXPECT_EQ(claims["exp"].as<std::int64_t>(), unix_time(host.time) + 300);
  EXPECT_EQ(claims["jti"].as<std::string>().size(), 22u);
}

TEST_F(ExchangeTest, TheRecordHoldsWhoForWhatAndWhich) {
  const std::string writ = add_writ();
  const CheckedJwt jwt =
      token_of(run(Body::by_writ(writ).with("resource", kCrm).with("audience", kMail)));
  ASSERT_EQ(host.events.size(), 1u);
  const ExchangeEvent& event = host.events[0];
  EXPECT_EQ(event.jti, jwt.claims["jti"].as<std::string>());
  EXPECT_THAT(event.audience, ElementsAre(kCrm, kMail));
  EXPECT_EQ(jwt.claims["aud"][1].as<std::string>(), kMail);
  EXPECT_EQ(event.user.id, "sarah");
  EXPECT_EQ(event.agent.id, "assistant");
  EXPECT_THAT(event.chain, ElementsAre("assistant"));
  EXPECT_THAT(event.scopes, ElementsAre("crm.contacts.*", "mail.send"));
  ASSERT_TRUE(event.writ);
  EXPECT_EQ(event.writ->id, writ);
  EXPECT_EQ(event.client, "");
  EXPECT_EQ(event.issuer, "https://idp.example.test");
  EXPECT_EQ(unix_time(event.expires), jwt.claims["exp"].as<std::int64_t>());
  EXPECT_EQ(detail_of(event), "token " + event.jti + " for " + kCrm + " " + kMail);
}

TEST_F(ExchangeTest, WhatCannotBeRecordedIsNotIssued) {
  host.recordable = false;
  const TokenResponse response = run(Body::by_writ(add_writ()));
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.error, "temporarily_unavailable");
  EXPECT_THAT(response.body, Not(HasSubstr("access_token")));
}

TEST_F(ExchangeTest, NoTwoTokensHaveOneId) {
  const std::string writ = add_writ();
  const std::string one = token_of(run(Body::by_writ(writ))).claims["jti"].as<std::string>();
  const std::string two = token_of(run(Body::by_writ(writ))).claims["jti"].as<std::string>();
  EXPECT_NE(one, two);
}

TEST_F(ExchangeTest, AClientAloneActsAsItsAgent) {
  for (const bool basic : {true, false}) {
    const Body body =
        basic ? Body::by_client()
              : Body::by_client().with("client_id", "backend").with("client_secret", kSecret);
    // backend:0123456789abcdef0123456789abcdef
    const std::string header =
        basic ? "Basic YmFja2VuZDowMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZg==" : "";
    const CheckedJwt jwt = token_of(run(body, header));
    EXPECT_EQ(jwt.claims["client_id"].as<std::string>(), "backend");
    EXPECT_EQ(jwt.claims["act"]["sub"].as<std::string>(), "assistant");
    EXPECT_EQ(jwt.claims["scope"].as<std::string>(), "crm.contacts.* mail.send");
    EXPECT_FALSE(host.events.back().writ);
    EXPECT_EQ(host.events.back().client, "backend");
  }
}

TEST_F(ExchangeTest, AClientMayUseWritsOfItsAgentOnly) {
  const auto with = [](const Body& body) {
    return body.with("client_id", "backend").with("client_secret", kSecret);
  };
  const CheckedJwt jwt = token_of(run(with(Body::by_writ(add_writ()))));
  EXPECT_EQ(jwt.claims["client_id"].as<std::string>(), "backend");
  const std::string other =
      add_writ(issued(host.people["token-of-sarah"].user, agent("other", {"*"})));
  EXPECT_EQ(run(with(Body::by_writ(other))).error, "invalid_request");
  EXPECT_EQ(run(Body::by_writ(other)).error, "");  // it is the client that is wrong
}

TEST_F(ExchangeTest, AChainIsNestedWithItsFirstAgentInnermost) {
  for (std::size_t hops = 1; hops <= 8; ++hops) {
    host.agents[0].max_depth = kMaxDepth;
    Writ writ =
        issued(host.people["token-of-sarah"].user, host.agents[0], {.lifetime = Lifetime::kGrant});
    for (std::size_t i = 1; i <= hops; ++i) {
      Agent child = agent(fmt::format("agent-{}", i));
      child.max_depth = kMaxDepth;
      auto delegated = delegate(writ, child, {.lifetime = Lifetime::kGrant}, {}, kNow);
      ASSERT_TRUE(delegated) << delegated.error().message;
      writ = std::move(*delegated);
    }
    const CheckedJwt jwt = token_of(run(Body::by_writ(add_writ(writ))));
    EXPECT_EQ(jwt.claims["sub"].as<std::string>(), "sarah");
    std::vector<std::string> actors;
    for (YAML::Node act = jwt.claims["act"]; act; act.reset(act["act"])) {
      EXPECT_EQ(act.size(), act["act"] ? 2u : 1u);
      actors.insert(actors.begin(), act["sub"].as<std::string>());
      ASSERT_LT(actors.size(), 20u);
    }
    EXPECT_EQ(actors, writ.chain);
    EXPECT_EQ(actors.size(), hops + 1);
  }
}

TEST_F(ExchangeTest, AChainThatIsTooLongIsRefused) {
  Writ writ = issued(host.people["token-of-sarah"].user, host.agents[0]);
  while (writ.chain.size() < TokenExchange::kMaxActors) writ.chain.insert(writ.chain.begin(), "a");
  EXPECT_EQ(run(Body::by_writ(add_writ(writ))).error, "");
  writ.chain.insert(writ.chain.begin(), "a");
  EXPECT_EQ(run(Body::by_writ(add_writ(writ))).error, "invalid_request");
  writ.chain.clear();
  EXPECT_EQ(run(Body::by_writ(add_writ(writ))).error, "invalid_request");
}

TEST_F(ExchangeTest, AJwtCanBeAskedFor) {
  const auto response =
      run(Body::by_writ(add_writ())
              .with("requested_token_type", "urn:ietf:params:oauth:token-type:jwt"));
  EXPECT_EQ(YAML::Load(response.body)["issued_token_type"].as<std::string>(),
            "urn:ietf:params:oauth:token-type:jwt");
  token_of(response);
}

TEST_F(ExchangeTest, EachRefusalHasItsCode) {
  const std::string writ = add_writ();
  add_person("bob", {"*"});
  add_person("eve", {"*"}, "acme");
  add_person("nil", {"finance.*"});
  const Body good = Body::by_writ(writ);
  const Body client = Body::by_client().with("client_id", "backend");
  const std::string unknown(32, '0');
  struct Case {
    Body body;
    const char* code;
    int status;
    const char* says;
  };
  const Case cases[] = {
      {good.without("grant_type"), "invalid_request", 400, "grant_type is missing"},
      {good.but("grant_type", "password"), "unsupported_grant_type", 400, "token-exchange"},
      {good.without("subject_token"), "invalid_request", 400, "subject_token is missing"},
      {good.but("subject_token", ""), "invalid_request", 400, "subject_token is missing"},
      {good.without("subject_token_type"), "invalid_request", 400, "subject_token_type"},
      {good.but("subject_token_type", "urn:ietf:params:oauth:token-type:saml2"), "invalid_request",
       400, "id_token or jwt"},
      {good.but("subject_token", "token-of-mallory"), "invalid_request", 400, "not signed by okta"},
      {good.but("subject_token", "token-of-bob"), "invalid_request", 400, "another person"},
      {good.but("subject_token", "token-of-eve"), "invalid_request", 400, "another tenant"},
      {good.without("actor_token"), "invalid_request", 400, "without an actor_token"},
      {good.without("actor_token_type"), "invalid_request", 400, "urn:writ:token-type:writ"},
      {good.but("actor_token_type", "urn:ietf:params:oauth:token-type:jwt"), "invalid_request", 400,
       "urn:writ:token-type:writ"},
      {good.but("actor_token", "abc"), "invalid_request", 400, "32 hex digits"},
      {good.but("actor_token", unknown), "invalid_request", 400, "no such writ"},
      {Body::by_client(), "invalid_request", 400, "nobody acts"},
      {client, "invalid_client", 401, "does not authenticate"},
      {client.with("client_secret", "wrong"), "invalid_client", 401, "another secret"},
      {client.but("client_id", "nobody").with("client_secret", kSecret), "invalid_client", 401,
       "no such client"},
      {Body::by_client().with("client_secret", kSecret), "invalid_request", 400,
       "without a client_id"},
      {client.with("client_secret", kSecret).but("subject_token", "token-of-eve"),
       "invalid_request", 400, "another tenant"},
      {good.without("audience"), "invalid_target", 400, "name the service"},
      {good.but("audience", "https://evil.test"), "invalid_target", 400, "exchange.yaml"},
      {good.with("audience", "https://evil.test"), "invalid_target", 400, "exchange.yaml"},
      {good.with("resource", "not a uri"), "invalid_target", 400, "absolute URI"},
      {good.with("resource", "https://crm.example.test#part"), "invalid_target", 400, "fragment"},
      {good.with("scope", "crm.*"), "invalid_scope", 400, "more is asked for"},
      {good.with("scope", "hr.read"), "invalid_scope", 400, "more is asked for"},
      {good.with("scope", "crm.contacts.read admin"), "invalid_scope", 400, "more is asked for"},
      {good.with("scope", "crm..read"), "invalid_scope", 400, "words with dots"},
      {client.with("client_secret", kSecret).but("subject_token", "token-of-nil"), "invalid_scope",
       400, "in common"},
      {good.with("requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token"),
       "invalid_request", 400, "requested_token_type"},
  };
  for (const Case& c : cases) {
    const TokenResponse response = run(c.body);
    SCOPED_TRACE(std::string(c.code) + " " + c.says + " got " + response.body);
    EXPECT_EQ(response.error, c.code);
    EXPECT_EQ(response.status, c.status);
    const YAML::Node body = YAML::Load(response.body);
    EXPECT_EQ(body["error"].as<std::string>(), c.code);
    EXPECT_THAT(body["error_description"].as<std::string>(), HasSubstr(c.says));
    EXPECT_THAT(response.body, Not(HasSubstr("token-of-")));
    EXPECT_THAT(response.body, Not(HasSubstr(kSecret)));
    EXPECT_THAT(response.body, Not(HasSubstr(writ)));
  }
  EXPECT_TRUE(host.events.empty());
}

TEST_F(ExchangeTest, AFaultOfTheHostIsNotTheClients) {
  const Body good = Body::by_writ(add_writ());
  host.trouble = Error{ErrorCode::kUnavailable, "okta does not answer"};
  EXPECT_EQ(run(good).error, "temporarily_unavailable");
  EXPECT_EQ(run(good).status, 503);
  host.trouble = Error{ErrorCode::kInternal, "secret detail"};
  EXPECT_EQ(run(good).error, "server_error");
  EXPECT_EQ(run(good).status, 500);
  EXPECT_THAT(run(good).body, Not(HasSubstr("secret detail")));
  host.trouble = Error{ErrorCode::kInvalid, "it has \"two\" parts \\ not three…"};
  EXPECT_EQ(run(good).error, "invalid_request");
  EXPECT_THAT(run(good).body, HasSubstr("it has 'two' parts ? not three???"));
}

TEST_F(ExchangeTest, AWritThatEndsIsOver) {
  const std::string writ =
      add_writ({.lifetime = Lifetime::kGrant, .ttl = std::chrono::minutes(10)});
  EXPECT_EQ(run(Body::by_writ(writ)).error, "");
  host.time = kNow + std::chrono::minutes(10);
  EXPECT_EQ(run(Body::by_writ(writ)).error, "invalid_request");
  host.time = kNow;
  host.revoked = writ;
  EXPECT_EQ(run(Body::by_writ(writ)).error, "invalid_request");
  EXPECT_EQ(host.verifications, 1);  // a dead writ costs no verification
}

TEST_F(ExchangeTest, NoTokenForLessThanASecond) {
  const std::string writ =
      add_writ({.lifetime = Lifetime::kGrant, .ttl = std::chrono::milliseconds(10'900)});
  host.time = kNow + std::chrono::milliseconds(9'999);
  const CheckedJwt jwt = token_of(run(Body::by_writ(writ)));
  EXPECT_EQ(jwt.claims["exp"].as<std::int64_t>(), unix_time(kNow) + 10);
  host.time = kNow + std::chrono::milliseconds(10'100);
  EXPECT_EQ(run(Body::by_writ(writ)).error, "invalid_request");
}

TEST_F(ExchangeTest, AWritRevokedWhileTheTokenIsVerifiedGivesNothing) {
  const std::string writ = add_writ();
  host.waits = true;
  auto parsed = parse_exchange_request({.content_type = "application/x-www-form-urlencoded",
                                        .authorization = "",
                                        .body = form(Body::by_writ(writ).pairs)});
  std::optional<TokenResponse> response;
  exchange->run(std::get<ExchangeRequest>(parsed), [&](TokenResponse got) { response = got; });
  EXPECT_FALSE(response);
  host.revoked = writ;
  ASSERT_EQ(host.pending.size(), 1u);
  host.pending[0]();
  ASSERT_TRUE(response);
  EXPECT_EQ(response->error, "invalid_request");
  EXPECT_TRUE(host.events.empty());
}

TEST_F(ExchangeTest, AnAgentThatIsGoneFromTheDirectoryGetsNothingByItsClient) {
  host.agents.clear();
  EXPECT_EQ(
      run(Body::by_client().with("client_id", "backend").with("client_secret", kSecret)).error,
      "invalid_request");
}

TEST_F(ExchangeTest, AListOfAnAgentStandsInPlaceOfTheCommonOne) {
  config.agents[{kDefaultTenant, "assistant"}] = {kMail};
  const std::string writ = add_writ();
  EXPECT_EQ(run(Body::by_writ(writ)).error, "invalid_target");
  EXPECT_EQ(run(Body::by_writ(writ).but("audience", kMail)).error, "");
  config.agents[{kDefaultTenant, "assistant"}] = {};
  EXPECT_EQ(run(Body::by_writ(writ).but("audience", kMail)).error, "invalid_target");
  config.agents.clear();
  config.agents[{"acme", "assistant"}] = {};  // another tenant's
  EXPECT_EQ(run(Body::by_writ(writ)).error, "");
  config.audiences.clear();
  EXPECT_EQ(run(Body::by_writ(writ)).error, "invalid_target");
}

TEST_F(ExchangeTest, MetadataNamesTheEndpoints) {
  const YAML::Node metadata = YAML::Load(server_metadata("https://writ.acme.test"));
  EXPECT_EQ(metadata["issuer"].as<std::string>(), "https://writ.acme.test");
  EXPECT_EQ(metadata["token_endpoint"].as<std::string>(), "https://writ.acme.test/token");
  EXPECT_EQ(metadata["jwks_uri"].as<std::string>(), "https://writ.acme.test/.well-known/jwks.json");
  EXPECT_TRUE(metadata["response_types_supported"].IsSequence());
}

}  // namespace
}  // namespace writ::identity
