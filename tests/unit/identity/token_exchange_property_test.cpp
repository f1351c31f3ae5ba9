// The laws of an exchanged token, over random people, agents, writs and questions.
#include <random>
#include <sstream>

#include "identity/exchange_support.h"

namespace writ::identity {
namespace {

class ExchangeLaws : public ExchangeTest {
 protected:
  std::size_t pick(std::size_t count) {
    return std::uniform_int_distribution<std::size_t>(0, count - 1)(random);
  }
  Scopes some_scopes(std::size_t most) {
    static const std::vector<std::string> kAll = {
        "*",           "crm.*",     "crm.contacts.*", "crm.contacts.read", "crm.contacts.write",
        "crm.notes.*", "mail.send", "mail.*",         "hr.read",           "finance.a.b.c"};
    Scopes scopes;
    for (std::size_t i = pick(most + 1); i > 0; --i) scopes.push_back(kAll[pick(kAll.size())]);
    return scopes;
  }
  std::chrono::milliseconds some_time(std::chrono::milliseconds most) {
    return std::chrono::milliseconds(pick(static_cast<std::size_t>(most.count())));
  }

  std::mt19937 random{20260728};
};

Scopes words_of(const std::string& text) {
  std::istringstream in(text);
  Scopes scopes;
  for (std::string word; in >> word;) scopes.push_back(word);
  return scopes;
}

TEST_F(ExchangeLaws, ScopeIsTheIntersectionAndExpIsTheLeast) {
  int issued_tokens = 0;
  int refused_scopes = 0;
  for (int round = 0; round < 4000; ++round) {
    host.time = kNow + some_time(std::chrono::minutes(1));
    config.token_ttl = std::chrono::seconds(10) + some_time(std::chrono::minutes(10));
    host.writs.clear();
    ExchangePerson& person = host.people["token-of-sarah"];
    person.user.scopes = some_scopes(4);
    person.expires = host.time + some_time(std::chrono::minutes(10));
    host.agents[0].scopes = some_scopes(4);
    // The writ is as old as its directory: made for what she and the agent once had.
    const User then = user("sarah", some_scopes(5));
    const Agent agent_then = agent("assistant", some_scopes(5));
    Asked asked{.lifetime = pick(4) == 0 ? Lifetime::kSession : Lifetime::kGrant,
                .ttl = std::chrono::milliseconds(1) + some_time(std::chrono::minutes(10))};
    if (asked.lifetime == Lifetime::kSession) asked.ttl.reset();
    const Writ writ = issued(then, agent_then, asked);
    const bool by_writ = pick(2) == 0;
    Body body = by_writ
                    ? Body::by_writ(add_writ(writ))
                    : Body::by_client().with("client_id", "backend").with("client_secret", kSecret);
    const Scopes wanted = some_scopes(2);
    std::string text;
    for (const std::string& scope : wanted) text += scope + " ";
    if (!wanted.empty()) body = body.with("scope", text);

    const Scopes& actors = by_writ ? writ.effective : host.agents[0].scopes;
    TimePoint end = std::min(host.time + config.token_ttl, person.expires);
    if (by_writ && writ.not_after) end = std::min(end, *writ.not_after);

    const TokenResponse response = run(body);
    SCOPED_TRACE(fmt::format("round {}: {}", round, response.body));
    ASSERT_LT(response.status, 500);
    bool more_than_had = false;
    for (const std::string& scope : wanted)
      more_than_had |= !covers(actors, scope) || !covers(person.user.scopes, scope);
    if (response.error == "invalid_scope") ++refused_scopes;
    if (response.status != 200) {
      const bool over =
          end < std::chrono::floor<std::chrono::seconds>(host.time) + std::chrono::seconds(1);
      const bool none = wanted.empty() && intersect(actors, person.user.scopes).empty();
      ASSERT_TRUE(more_than_had || none || over);
      continue;
    }
    ++issued_tokens;
    ASSERT_FALSE(more_than_had);
    const CheckedJwt jwt = token_of(response);
    const Scopes got = words_of(jwt.claims["scope"].as<std::string>());
    ASSERT_FALSE(got.empty());
    for (const std::string& scope : got) {
      ASSERT_TRUE(covers(actors, scope) && covers(person.user.scopes, scope)) << scope;
      ASSERT_TRUE(wanted.empty() || covers(wanted, scope)) << scope;
    }
    // And all of it.
    for (const std::string& scope : wanted) ASSERT_TRUE(covers(got, scope)) << scope;
    for (const std::string& scope : actors) {
      if (wanted.empty() && covers(person.user.scopes, scope)) {
        ASSERT_TRUE(covers(got, scope)) << scope;
      }
    }
    ASSERT_EQ(YAML::Load(response.body)["scope"].as<std::string>(),
              jwt.claims["scope"].as<std::string>());

    const auto exp =
        std::chrono::sys_seconds(std::chrono::seconds(jwt.claims["exp"].as<std::int64_t>()));
    ASSERT_LE(exp, end);
    ASSERT_GT(exp + std::chrono::seconds(1), end);
    const auto iat = jwt.claims["iat"].as<std::int64_t>();
    ASSERT_EQ(YAML::Load(response.body)["expires_in"].as<std::int64_t>(),
              jwt.claims["exp"].as<std::int64_t>() - iat);
    ASSERT_GT(jwt.claims["exp"].as<std::int64_t>(), iat);
    ASSERT_EQ(jwt.claims["sub"].as<std::string>(), "sarah");
  }
  EXPECT_GT(issued_tokens, 300);  // the law was looked at
  EXPECT_GT(refused_scopes, 300);
}

}  // namespace
}  // namespace writ::identity
