#include "identity/token_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "identity/token_maker.h"

namespace writ::identity {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using test::ec_key;
using test::Key;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::int64_t kNow = 1'750'000'000;

class FakeClock : public Clock {
 public:
  explicit FakeClock(const seconds& offset) : offset_(offset) {}
  [[nodiscard]] std::chrono::system_clock::time_point wall() const override {
    return std::chrono::system_clock::time_point(seconds(kNow) + offset_);
  }
  [[nodiscard]] std::chrono::steady_clock::time_point steady() const override {
    return std::chrono::steady_clock::time_point(hours(1000) + offset_);
  }

 private:
  const seconds& offset_;
};

// Remembers what was asked; the test says what comes and when.
struct FakeWeb {
  std::vector<std::pair<std::uint64_t, std::string>> asked;
  std::vector<Fetcher::Done> ready;

  void answer(const Result<FetchedDocument>& result) {
    ready.push_back({asked.front().first, result});
    asked.erase(asked.begin());
  }
  void answer_keys(const std::vector<std::string>& keys) {
    answer(FetchedDocument{.body = test::jwks(keys)});
  }
  void refuse() { answer(fail(ErrorCode::kUnavailable, "connection refused")); }
};

class FakeFetcher : public Fetcher {
 public:
  explicit FakeFetcher(FakeWeb& web) : web_(web) {}
  void start(std::uint64_t id, FetchRequest request) override {
    web_.asked.emplace_back(id, request.url);
  }
  [[nodiscard]] int fd() const override { return -1; }
  std::vector<Done> take() override { return std::exchange(web_.ready, {}); }

 private:
  FakeWeb& web_;
};

constexpr const char* kIssuers = R"(
issuers:
  - {id: one, issuer: "https://one.test", jwks_uri: "https://one.test/jwks", audience: writ}
  - {id: two, issuer: "https://two.test", audience: writ, keys_valid_for: 2h}
)";

std::string claims(const std::string& iss, std::int64_t exp = kNow + 100'000) {
  return R"({"iss":")" + iss + R"(","sub":"sarah","aud":"writ","exp":)" + std::to_string(exp) + "}";
}

std::string good(const std::string& kid = "e", const Key& key = ec_key()) {
  return test::token(key, "ES256", kid, claims("https://one.test"));
}

class TokenServiceTest : public testing::Test {
 protected:
  TokenServiceTest()
      : service_(load(), std::make_unique<FakeFetcher>(web_),
                 std::make_unique<FakeClock>(offset_)) {}

  static Issuers load() {
    Diagnostics out;
    return *Issuers::load_from_text("issuers.yaml", kIssuers, out);
  }

  // "" for a person, the error, or "waits".
  std::string verify(const std::string& token) {
    const std::size_t before = outcomes_.size();
    service_.verify(token, note());
    return outcomes_.size() == before ? "waits" : outcomes_.back();
  }
  TokenService::Callback note() {
    return [this](const Result<VerifiedPerson>& person) {
      outcomes_.push_back(person ? "" : person.error().message);
      codes_.push_back(person ? ErrorCode::kInternal : person.error().code);
    };
  }

  // Keys are there, all is well.
  void warm() {
    ASSERT_EQ(verify(good()), "waits");
    web_.answer_keys({ec_key().jwk("e")});
    service_.on_ready();
    ASSERT_THAT(outcomes_, ElementsAre(""));
    outcomes_.clear();
    codes_.clear();
    offset_ += seconds(1);  // what comes now came after those keys were asked for
  }

  FakeWeb web_;
  seconds offset_{0};
  TokenService service_;
  std::vector<std::string> outcomes_;
  std::vector<ErrorCode> codes_;
};

TEST_F(TokenServiceTest, TheFirstTokenWaitsForTheKeys) {
  EXPECT_EQ(verify(good()), "waits");
  EXPECT_EQ(verify(good()), "waits");
  ASSERT_THAT(web_.asked, ElementsAre(testing::Pair(0u, "https://one.test/jwks")));
  service_.on_ready();  // nothing came yet
  EXPECT_THAT(outcomes_, IsEmpty());
  EXPECT_EQ(service_.states()[0].waiting, 2u);
  web_.answer_keys({ec_key().jwk("e")});
  service_.on_ready();
  EXPECT_THAT(outcomes_, ElementsAre("", ""));
  EXPECT_EQ(verify(good()), "");  // now at once
  EXPECT_EQ(service_.counters().verified, 3u);
  EXPECT_EQ(service_.counters().fetches, 1u);
  EXPECT_EQ(service_.states()[0].keys, 1u);
}

TEST_F(TokenServiceTest, ATokenThatIsNoneNeedsNoKeys) {
  EXPECT_THAT(verify("nonsense"), HasSubstr("three parts"));
  EXPECT_THAT(verify(std::string(1u << 20, 'x')), HasSubstr("1048576 bytes"));
  EXPECT_THAT(verify(test::token(ec_key(), "ES256", "e", claims("https://evil.test"))),
              HasSubstr("not known"));
  EXPECT_THAT(web_.asked, IsEmpty());
  EXPECT_EQ(service_.counters().refused, 3u);
}

TEST_F(TokenServiceTest, BlanksAroundTheTokenComeOff) {
  warm();
  EXPECT_EQ(verify("  " + good() + "\r\n"), "");
  EXPECT_THAT(verify(" \n"), HasSubstr("empty"));
}

TEST_F(TokenServiceTest, WithoutKeysAnOutageIsAnErrorThatSaysSo) {
  EXPECT_EQ(verify(good()), "waits");
  web_.refuse();
  service_.on_ready();
  ASSERT_THAT(outcomes_, ElementsAre(AllOf(HasSubstr("issuer one"), HasSubstr("refused"))));
  EXPECT_EQ(codes_.back(), ErrorCode::kUnavailable);
  // At once, and without another fetch, until it may be tried again.
  EXPECT_THAT(verify(good()), HasSubstr("refused"));
  EXPECT_THAT(web_.asked, IsEmpty());
  offset_ += seconds(1);
  EXPECT_EQ(verify(good()), "waits");
  web_.answer_keys({ec_key().jwk("e")});
  service_.on_ready();
  EXPECT_EQ(outcomes_.back(), "");
  EXPECT_EQ(service_.counters().failed_fetches, 1u);
}

TEST_F(TokenServiceTest, CachedKeysSurviveAnOutageUntilTheirBound) {
  warm();
  offset_ += hours(2);
  EXPECT_EQ(verify(good()), "waits");  // stale: the issuer is asked first
  web_.refuse();
  service_.on_ready();
  EXPECT_EQ(outcomes_.back(), "");
  EXPECT_EQ(verify(good()), "");  // and then not for every token
  EXPECT_THAT(web_.asked, IsEmpty());
  offset_ = hours(24) - seconds(1);
  EXPECT_EQ(verify(good()), "waits");
  web_.refuse();
  service_.on_ready();
  EXPECT_EQ(outcomes_.back(), "");
  offset_ = hours(24);
  EXPECT_THAT(verify(good()), HasSubstr("cannot be fetched"));
}

TEST_F(TokenServiceTest, KeysThatAreDueAreRefreshedBehindTheCallersBack) {
  warm();
  offset_ += minutes(50);
  EXPECT_EQ(verify(good()), "");
  EXPECT_EQ(web_.asked.size(), 1u);
  EXPECT_EQ(verify(good()), "");
  EXPECT_EQ(web_.asked.size(), 1u);
  web_.answer_keys({ec_key().jwk("e")});
  service_.on_ready();
  offset_ += minutes(40);
  EXPECT_EQ(verify(good()), "");
  EXPECT_THAT(web_.asked, IsEmpty());
}

TEST_F(TokenServiceTest, RotationInFlight) {
  warm();
  const Key next = Key::ec();
  EXPECT_EQ(verify(good("new", next)), "waits");
  EXPECT_EQ(verify(good()), "");  // the old key goes on meanwhile
  web_.answer_keys({ec_key().jwk("e"), next.jwk("new")});
  service_.on_ready();
  EXPECT_EQ(outcomes_.back(), "");
  EXPECT_EQ(verify(good("new", next)), "");
  EXPECT_EQ(verify(good()), "");
  // The old key is withdrawn.
  offset_ += minutes(50);
  service_.tick();
  web_.asked.erase(web_.asked.begin() + 1);  // of issuer two
  web_.answer_keys({next.jwk("new")});
  service_.on_ready();
  EXPECT_EQ(verify(good("new", next)), "");
  offset_ += seconds(1);
  EXPECT_EQ(verify(good()), "waits");
  web_.answer_keys({next.jwk("new")});
  service_.on_ready();
  EXPECT_THAT(outcomes_.back(), HasSubstr("no key 'e'"));
}

TEST_F(TokenServiceTest, UnknownKidsAskOncePerHalfMinute) {
  warm();
  EXPECT_EQ(verify(good("x1")), "waits");
  EXPECT_EQ(verify(good("x2")), "waits");
  EXPECT_EQ(web_.asked.size(), 1u);
  web_.answer_keys({ec_key().jwk("e")});
  service_.on_ready();
  EXPECT_THAT(outcomes_, ElementsAre(HasSubstr("no key 'x1'"), HasSubstr("no key 'x2'")));
  EXPECT_EQ(codes_.back(), ErrorCode::kDenied);
  offset_ += seconds(1);
  for (int i = 0; i < 100; ++i) {
    EXPECT_THAT(verify(good("x" + std::to_string(i))), HasSubstr("can be asked for in 29 s"));
  }
  EXPECT_THAT(web_.asked, IsEmpty());
  offset_ += seconds(29);
  EXPECT_EQ(verify(good("x3")), "waits");
  // The issuer is away: the token is refused, and what is known goes on.
  web_.refuse();
  service_.on_ready();
  EXPECT_THAT(outcomes_.back(), AllOf(HasSubstr("no key 'x3'"), HasSubstr("refused")));
  EXPECT_EQ(verify(good()), "");
}

TEST_F(TokenServiceTest, AKeyPublishedWhileAFetchRanIsAskedForAgain) {
  warm();
  offset_ += minutes(50);
  EXPECT_EQ(verify(good()), "");  // starts a refresh, which will not see the new key
  offset_ += seconds(2);
  const Key next = Key::ec();
  EXPECT_EQ(verify(good("new", next)), "waits");
  web_.answer_keys({ec_key().jwk("e")});
  service_.on_ready();
  ASSERT_EQ(web_.asked.size(), 1u);
  web_.answer_keys({ec_key().jwk("e"), next.jwk("new")});
  service_.on_ready();
  EXPECT_EQ(outcomes_.back(), "");
}

TEST_F(TokenServiceTest, ATokenThatExpiresWhileItWaitsIsRefused) {
  const std::string brief =
      test::token(ec_key(), "ES256", "e", claims("https://one.test", kNow + 10));
  EXPECT_EQ(verify(brief), "waits");
  offset_ += seconds(70);
  web_.answer_keys({ec_key().jwk("e")});
  service_.on_ready();
  EXPECT_THAT(outcomes_, ElementsAre(HasSubstr("expired")));
}

TEST_F(TokenServiceTest, OneIssuerDoesNotHoldUpAnother) {
  warm();
  const std::string two = test::token(ec_key(), "ES256", "e", claims("https://two.test"));
  EXPECT_EQ(verify(two), "waits");
  EXPECT_EQ(verify(good()), "");
  ASSERT_THAT(web_.asked,
              ElementsAre(testing::Pair(1u, "https://two.test/.well-known/openid-configuration")));
  web_.answer(FetchedDocument{
      .body = R"({"issuer":"https://two.test","jwks_uri":"https://two.test/keys"})"});
  service_.on_ready();
  ASSERT_THAT(web_.asked, ElementsAre(testing::Pair(1u, "https://two.test/keys")));
  web_.answer_keys({ec_key().jwk("e")});
  service_.on_ready();
  EXPECT_THAT(outcomes_, ElementsAre("", ""));
}

TEST_F(TokenServiceTest, AnotherIssuersKeyIsNotEnough) {
  warm();
  const Key theirs = Key::ec();
  const std::string forged = test::token(theirs, "ES256", "e", claims("https://two.test"));
  EXPECT_EQ(verify(forged), "waits");
  web_.answer(FetchedDocument{
      .body = R"({"issuer":"https://two.test","jwks_uri":"https://two.test/keys"})"});
  service_.on_ready();
  web_.answer_keys({theirs.jwk("e")});
  service_.on_ready();
  EXPECT_EQ(outcomes_.back(), "");
  // The same key under the name of issuer one.
  EXPECT_THAT(verify(good("e", theirs)), HasSubstr("signature"));
}

TEST_F(TokenServiceTest, WaitingIsBoundedPerIssuer) {
  for (std::size_t i = 0; i < TokenService::kMaxWaiting; ++i) EXPECT_EQ(verify(good()), "waits");
  EXPECT_THAT(verify(good()), HasSubstr("32 tokens of issuer one are waiting"));
  EXPECT_EQ(codes_.back(), ErrorCode::kUnavailable);
  EXPECT_EQ(verify(test::token(ec_key(), "ES256", "e", claims("https://two.test"))), "waits");
  web_.answer_keys({ec_key().jwk("e")});
  service_.on_ready();
  EXPECT_EQ(service_.counters().verified, TokenService::kMaxWaiting);
}

TEST_F(TokenServiceTest, ACallbackMayVerifyAgain) {
  service_.verify(good(), [&](const Result<VerifiedPerson>& person) {
    EXPECT_TRUE(person);
    service_.verify(good("x"), note());
  });
  web_.answer_keys({ec_key().jwk("e")});
  service_.on_ready();
  // The key is unknown since a moment ago, and was asked for since.
  EXPECT_THAT(outcomes_, ElementsAre(HasSubstr("no key 'x'")));
}

TEST_F(TokenServiceTest, TickFetchesAheadOfNeed) {
  service_.tick();
  service_.tick();
  ASSERT_EQ(web_.asked.size(), 2u);
  web_.answer_keys({ec_key().jwk("e")});
  web_.refuse();
  service_.on_ready();
  EXPECT_EQ(verify(good()), "");
  EXPECT_EQ(service_.states()[0].age, KeySource::Age::kFresh);
  EXPECT_EQ(service_.states()[1].age, KeySource::Age::kNone);
  EXPECT_THAT(service_.states()[1].last_error, HasSubstr("refused"));
  service_.tick();
  EXPECT_THAT(web_.asked, IsEmpty());
  offset_ += seconds(1);
  service_.tick();
  EXPECT_EQ(web_.asked.size(), 1u);
}

TEST_F(TokenServiceTest, AnAnswerForNobodyIsIgnored) {
  web_.ready.push_back({99, FetchedDocument{}});
  service_.on_ready();
  EXPECT_THAT(outcomes_, IsEmpty());
}

TEST(TokenServiceOpen, HasAFdAndNoIssuers) {
  auto service = TokenService::open(Issuers());
  ASSERT_TRUE(service) << service.error().message;
  EXPECT_GE((*service)->fd(), 0);
  std::string why;
  (*service)->verify(good(), [&](const Result<VerifiedPerson>& person) {
    why = person ? "" : person.error().message;
  });
  EXPECT_THAT(why, HasSubstr("not known"));
}

}  // namespace
}  // namespace writ::identity
