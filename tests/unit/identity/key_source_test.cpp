#include "identity/key_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "identity/token_maker.h"

namespace writ::identity {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using test::ec_key;
using testing::HasSubstr;
using Age = KeySource::Age;
using Reason = KeySource::Reason;

Issuer issuer(const std::string& more) {
  Diagnostics out;
  auto issuers = Issuers::load_from_text(
      "issuers.yaml",
      "issuers:\n  - {id: one, issuer: 'https://one.test/x/', audience: w" + more + "}\n", out);
  EXPECT_TRUE(issuers) << (out.empty() ? "" : to_string(out.front()));
  return issuers->all().front();
}

Result<FetchedDocument> document(std::string body, std::optional<seconds> max_age = std::nullopt) {
  return FetchedDocument{.body = std::move(body), .max_age = max_age};
}

Result<FetchedDocument> keys(std::optional<seconds> max_age = std::nullopt) {
  return document(test::jwks({ec_key().jwk("e")}), max_age);
}

Result<FetchedDocument> failure() { return fail(ErrorCode::kUnavailable, "connection refused"); }

class KeySourceTest : public testing::Test {
 protected:
  KeySourceTest() : issuer_(issuer(", jwks_uri: 'https://one.test/jwks'")), source_(issuer_) {}

  // One fetch from begin to end; false: none was allowed.
  bool fetch(const Result<FetchedDocument>& result, Reason reason = Reason::kAge) {
    if (!source_.begin(reason, now_)) return false;
    EXPECT_TRUE(source_.fetching());
    EXPECT_FALSE(source_.on_fetched(result, now_));
    EXPECT_FALSE(source_.fetching());
    return true;
  }

  Issuer issuer_;
  KeySource source_;
  KeySource::Time now_{hours(1000)};
};

TEST_F(KeySourceTest, AsksForTheKeysOnce) {
  EXPECT_EQ(source_.age(now_), Age::kNone);
  EXPECT_EQ(source_.keys(now_), nullptr);
  const auto request = source_.begin(Reason::kAge, now_);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->url, "https://one.test/jwks");
  EXPECT_FALSE(source_.begin(Reason::kAge, now_ + hours(1)));
  EXPECT_FALSE(source_.begin(Reason::kUnknownKid, now_ + hours(1)));
  EXPECT_FALSE(source_.on_fetched(keys(), now_));
  EXPECT_EQ(source_.age(now_), Age::kFresh);
  ASSERT_NE(source_.keys(now_), nullptr);
  EXPECT_EQ(source_.keys(now_)->keys().size(), 1u);
}

TEST_F(KeySourceTest, AgesByOneHourWhenTheServerDoesNotSay) {
  ASSERT_TRUE(fetch(keys()));
  EXPECT_EQ(source_.age(now_ + minutes(48) - seconds(1)), Age::kFresh);
  EXPECT_EQ(source_.age(now_ + minutes(48)), Age::kDue);
  EXPECT_EQ(source_.age(now_ + minutes(60) - seconds(1)), Age::kDue);
  EXPECT_EQ(source_.age(now_ + minutes(60)), Age::kStale);
  EXPECT_EQ(source_.age(now_ + hours(24) - seconds(1)), Age::kStale);
  EXPECT_NE(source_.keys(now_ + hours(24) - seconds(1)), nullptr);
  EXPECT_EQ(source_.age(now_ + hours(24)), Age::kNone);
  EXPECT_EQ(source_.keys(now_ + hours(24)), nullptr);
}

TEST_F(KeySourceTest, TakesTheServersWordWithinBounds) {
  ASSERT_TRUE(fetch(keys(seconds(0))));
  EXPECT_EQ(source_.age(now_ + seconds(299)), Age::kDue);
  EXPECT_EQ(source_.age(now_ + seconds(300)), Age::kStale);
  ASSERT_TRUE(fetch(keys(minutes(20))));
  EXPECT_EQ(source_.age(now_ + minutes(15)), Age::kFresh);
  EXPECT_EQ(source_.age(now_ + minutes(20)), Age::kStale);
  ASSERT_TRUE(fetch(keys(hours(24 * 365))));
  EXPECT_EQ(source_.age(now_ + hours(19)), Age::kFresh);
  EXPECT_EQ(source_.age(now_ + hours(24)), Age::kNone);  // keys_valid_for bounds it too
}

TEST_F(KeySourceTest, AFailureKeepsTheKeysAndWaitsLongerEachTime) {
  ASSERT_TRUE(fetch(keys()));
  now_ += hours(2);
  for (const int wait : {1, 2, 4, 8, 16, 30, 30, 30}) {
    ASSERT_TRUE(fetch(failure())) << wait;
    EXPECT_NE(source_.keys(now_), nullptr);
    EXPECT_FALSE(source_.begin(Reason::kAge, now_ + seconds(wait) - std::chrono::milliseconds(1)));
    EXPECT_FALSE(source_.begin(Reason::kUnknownKid, now_));
    now_ += seconds(wait);
  }
  EXPECT_THAT(source_.trouble(now_).message,
              testing::AllOf(HasSubstr("issuer one"), HasSubstr("connection refused")));
  EXPECT_EQ(source_.trouble(now_).code, ErrorCode::kUnavailable);
  // A good fetch forgets the failures.
  ASSERT_TRUE(fetch(keys()));
  EXPECT_EQ(source_.last_error(), "");
  ASSERT_TRUE(fetch(failure()));
  EXPECT_TRUE(source_.begin(Reason::kAge, now_ + seconds(1)));
}

TEST_F(KeySourceTest, AnUnknownKidAsksOncePerHalfMinute) {
  ASSERT_TRUE(fetch(keys()));
  EXPECT_TRUE(fetch(keys(), Reason::kUnknownKid));  // the first at once
  EXPECT_FALSE(fetch(keys(), Reason::kUnknownKid));
  now_ += seconds(29);
  EXPECT_FALSE(fetch(keys(), Reason::kUnknownKid));
  EXPECT_THAT(source_.trouble(now_).message, HasSubstr("in 1 s"));
  now_ += seconds(1);
  EXPECT_TRUE(fetch(keys(), Reason::kUnknownKid));
}

TEST_F(KeySourceTest, BadKeysAreAFailure) {
  ASSERT_TRUE(fetch(keys()));
  for (const char* body : {"", "<html>", R"({"keys":[]})"}) {
    now_ += minutes(1);
    ASSERT_TRUE(fetch(document(body)));
    EXPECT_NE(source_.last_error(), "") << body;
    EXPECT_EQ(source_.keys(now_)->keys().size(), 1u);
  }
}

TEST_F(KeySourceTest, KnowsSinceWhenItAsked) {
  EXPECT_FALSE(source_.asked_since(now_));
  ASSERT_TRUE(source_.begin(Reason::kAge, now_));
  (void)source_.on_fetched(keys(), now_ + seconds(3));
  EXPECT_TRUE(source_.asked_since(now_));
  EXPECT_FALSE(source_.asked_since(now_ + seconds(1)));  // the fetch was on its way already
}

TEST_F(KeySourceTest, AResultThatNobodyAskedForIsIgnored) {
  EXPECT_FALSE(source_.on_fetched(keys(), now_));
  EXPECT_EQ(source_.age(now_), Age::kNone);
}

// What a discovery document leads to: the address of the keys, or the error.
std::string discovered(const Issuer& from, const std::string& body) {
  KeySource source(from);
  const KeySource::Time now{hours(1000)};
  if (!source.begin(Reason::kAge, now)) return "no fetch";
  const auto next = source.on_fetched(document(body), now);
  EXPECT_EQ(source.fetching(), next.has_value());
  return next ? next->url : source.last_error();
}

TEST(Discovery, LeadsToTheKeys) {
  const Issuer one = issuer("");
  KeySource source(one);
  const KeySource::Time now{hours(1000)};
  const auto first = source.begin(Reason::kAge, now);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->url, "https://one.test/x/.well-known/openid-configuration");
  const auto second = source.on_fetched(
      document(R"({"issuer":"https://one.test/x/","jwks_uri":"https://keys.test/jwks"})"), now);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->url, "https://keys.test/jwks");
  EXPECT_TRUE(source.fetching());
  EXPECT_EQ(source.age(now), Age::kNone);
  EXPECT_FALSE(source.on_fetched(keys(), now));
  EXPECT_EQ(source.age(now), Age::kFresh);
}

TEST(Discovery, RefusesADocumentOfAnotherOrWithoutKeys) {
  const Issuer one = issuer("");
  EXPECT_THAT(discovered(one, R"({"issuer":"https://one.test/x","jwks_uri":"https://k.test"})"),
              HasSubstr("of issuer 'https://one.test/x', not of 'https://one.test/x/'"));
  EXPECT_THAT(discovered(one, R"({"jwks_uri":"https://k.test"})"), HasSubstr("of issuer ''"));
  EXPECT_THAT(discovered(one, R"({"issuer":"https://one.test/x/"})"), HasSubstr("jwks_uri"));
  EXPECT_THAT(discovered(one, R"({"issuer":"https://one.test/x/","jwks_uri":"http://k.test"})"),
              HasSubstr("not https"));
  EXPECT_THAT(
      discovered(one, R"({"issuer":"https://one.test/x/","jwks_uri":"http://127.0.0.1/k"})"),
      HasSubstr("not https"));  // an outside issuer does not point into this host
  EXPECT_THAT(discovered(one, R"({"issuer":"https://one.test/x/","jwks_uri":"file:///etc/x"})"),
              HasSubstr("not an https address"));
  EXPECT_THAT(discovered(one, "<html>"), HasSubstr("not JSON"));
}

TEST(Discovery, AnIssuerOnThisHostMayHaveItsKeysHere) {
  Issuer local = issuer("");
  local.issuer = "http://127.0.0.1:9";
  EXPECT_EQ(
      discovered(local, R"({"issuer":"http://127.0.0.1:9","jwks_uri":"http://localhost:9/k"})"),
      "http://localhost:9/k");
}

}  // namespace
}  // namespace writ::identity
