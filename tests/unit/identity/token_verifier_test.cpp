#include "identity/token_verifier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "identity/jwks.h"
#include "identity/token_maker.h"

namespace writ::identity {
namespace {

using test::base64url;
using test::ec_key;
using test::ed_key;
using test::Key;
using test::rsa_key;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr std::int64_t kNow = 1'750'000'000;

std::chrono::system_clock::time_point at(std::int64_t second) {
  return std::chrono::system_clock::time_point(std::chrono::seconds(second));
}

constexpr const char* kIssuers = R"(
issuers:
  - {id: one, issuer: "https://one.test", audience: [writ, api], tenant: acme}
  - {id: es, issuer: "https://es.test", audience: writ, algorithms: ES256}
  - {id: aged, issuer: "https://aged.test", audience: writ, max_token_age: 1h, leeway: 0s}
)";

// Claims that are good at kNow; `more` begins with a comma.
std::string claims(const std::string& more = "", const std::string& iss = "https://one.test") {
  return R"({"iss":")" + iss + R"(","sub":"sarah","aud":"writ","exp":)" +
         std::to_string(kNow + 600) + more + "}";
}

std::string dated(const std::string& times) {
  return R"({"iss":"https://one.test","sub":"sarah","aud":"writ")" + times + "}";
}

class TokenVerifierTest : public testing::Test {
 protected:
  TokenVerifierTest() : issuers_(load()), verifier_(issuers_), keys_(parse()) {}

  static Issuers load() {
    Diagnostics out;
    auto issuers = Issuers::load_from_text("issuers.yaml", kIssuers, out);
    return issuers ? std::move(*issuers) : Issuers();
  }
  static Jwks parse() {
    return std::move(
        *Jwks::parse(test::jwks({rsa_key().jwk("r"), ec_key().jwk("e"), ed_key().jwk("d"),
                                 rsa_key().jwk("r-rs", R"(,"alg":"RS256")")})));
  }

  Result<VerifiedPerson> verify(const std::string& token, std::int64_t now = kNow) const {
    const auto read = verifier_.read(token);
    if (!read) return tl::unexpected(read.error());
    const auto key = keys_.find(read->kid(), read->algorithm());
    if (!key) return tl::unexpected(key.error());
    return read->verify(**key, at(now));
  }

  // The error's text; "" when the token is good.
  std::string refusal(const std::string& token, std::int64_t now = kNow) const {
    const auto person = verify(token, now);
    return person ? "" : person.error().message;
  }

  // Of a token with these claims that is signed well.
  std::string refusal_of(const std::string& text, std::int64_t now = kNow) const {
    return refusal(test::token(ec_key(), "ES256", "e", text), now);
  }

  Issuers issuers_;
  TokenVerifier verifier_;
  Jwks keys_;
};

TEST_F(TokenVerifierTest, TakesTheFourAlgorithms) {
  EXPECT_EQ(refusal(test::token(rsa_key(), "RS256", "r", claims())), "");
  EXPECT_EQ(refusal(test::token(rsa_key(), "PS256", "r", claims())), "");
  EXPECT_EQ(refusal(test::token(ec_key(), "ES256", "e", claims())), "");
  EXPECT_EQ(refusal(test::token(ed_key(), "EdDSA", "d", claims())), "");
}

TEST_F(TokenVerifierTest, SaysWhoItIs) {
  const std::string text = claims(R"(,"email":"s@one.test","jti":"id-1","scope":"crm.* x.y",)"
                                  R"("roles":["sales","lead"],"nbf":1749999990,"iat":1749999995)");
  const auto person = verify(test::token(ec_key(), "ES256", "e", text));
  ASSERT_TRUE(person) << person.error().message;
  EXPECT_EQ(person->issuer_id, "one");
  EXPECT_EQ(person->subject, "sarah");
  EXPECT_EQ(person->user_id, "sarah");
  EXPECT_EQ(person->tenant, "acme");
  EXPECT_EQ(person->email, "s@one.test");
  EXPECT_THAT(person->roles, ElementsAre("lead", "sales"));
  EXPECT_THAT(person->scopes, ElementsAre("crm.*", "x.y"));
  EXPECT_EQ(person->expires, at(kNow + 600));
  EXPECT_EQ(person->not_before, at(1749999990));
  EXPECT_EQ(person->issued_at, at(1749999995));
  EXPECT_EQ(person->token_id, "id-1");
  EXPECT_EQ(person->token_digest.size(), 64u);
}

TEST_F(TokenVerifierTest, TheDigestNamesTheSignedPart) {
  const std::string text = claims(R"(,"jti":"a")");
  const std::string one = test::token(ec_key(), "ES256", "e", text);
  const std::string again = test::token(ec_key(), "ES256", "e", text);
  ASSERT_NE(one, again);  // ECDSA draws a new number each time
  EXPECT_EQ(verify(one)->token_digest, verify(again)->token_digest);
  EXPECT_NE(verify(one)->token_digest,
            verify(test::token(ec_key(), "ES256", "e", claims(R"(,"jti":"b")")))->token_digest);
}

TEST_F(TokenVerifierTest, RefusesNoneAndHmac) {
  const std::string unsigned_part = base64url(R"({"alg":"none"})") + '.' + base64url(claims());
  EXPECT_THAT(refusal(unsigned_part + '.'), HasSubstr("'none' is not allowed"));
  EXPECT_THAT(refusal(unsigned_part + ".AAAA"), HasSubstr("'none' is not allowed"));
  for (const char* alg : {"None", "NONE", "nOnE", "", "HS384", "RS512", "ES384", "rs256", "dir"}) {
    const std::string token = base64url(R"({"alg":")" + std::string(alg) + R"(","kid":"r"})") +
                              '.' + base64url(claims()) + ".AAAA";
    EXPECT_THAT(refusal(token), HasSubstr("is not allowed for issuer one")) << alg;
  }
  EXPECT_THAT(refusal(base64url(R"({"kid":"r"})") + '.' + base64url(claims()) + ".AAAA"),
              HasSubstr("'' is not allowed"));
  EXPECT_THAT(
      refusal(base64url(R"({"alg":["RS256"],"kid":"r"})") + '.' + base64url(claims()) + ".AAAA"),
      HasSubstr("'' is not allowed"));
  // The public key as the HMAC's secret, in the forms that verifiers were fooled with.
  for (const std::string& secret : {rsa_key().public_der(), rsa_key().jwk("r")}) {
    EXPECT_THAT(refusal(test::hs256_token(secret, R"({"alg":"HS256","kid":"r"})", claims())),
                HasSubstr("'HS256' is not allowed"));
    // The same MAC under an honest name.
    EXPECT_THAT(refusal(test::hs256_token(secret, R"({"alg":"RS256","kid":"r"})", claims())),
                HasSubstr("signature"));
  }
}

TEST_F(TokenVerifierTest, PinsTheAlgorithmToIssuerAndKey) {
  const std::string es = claims("", "https://es.test");
  EXPECT_EQ(refusal(test::token(ec_key(), "ES256", "e", es)), "");
  EXPECT_THAT(refusal(test::token(rsa_key(), "RS256", "r", es)),
              AllOf(HasSubstr("'RS256' is not allowed for issuer es"), HasSubstr("ES256")));
  const auto with_header = [&](const Key& key, const char* alg, const char* header) {
    return refusal(test::token(key, std::string_view(alg), header, std::string_view(claims())));
  };
  EXPECT_THAT(with_header(rsa_key(), "RS256", R"({"alg":"ES256","kid":"r"})"),
              HasSubstr("is not for that"));
  EXPECT_THAT(with_header(ec_key(), "ES256", R"({"alg":"RS256","kid":"e"})"),
              HasSubstr("is not for that"));
  EXPECT_THAT(with_header(ed_key(), "EdDSA", R"({"alg":"ES256","kid":"d"})"),
              HasSubstr("is not for that"));
  EXPECT_THAT(with_header(rsa_key(), "PS256", R"({"alg":"PS256","kid":"r-rs"})"),
              HasSubstr("is not for that"));
  // One name, another algorithm's signature.
  EXPECT_THAT(with_header(rsa_key(), "PS256", R"({"alg":"RS256","kid":"r"})"),
              HasSubstr("signature"));
  EXPECT_THAT(with_header(rsa_key(), "RS256", R"({"alg":"PS256","kid":"r"})"),
              HasSubstr("signature"));
}

TEST_F(TokenVerifierTest, VerifyRefusesAKeyThatDoesNotFit) {
  const std::string token = test::token(rsa_key(), "RS256", "r", claims());
  const auto read = verifier_.read(token);
  ASSERT_TRUE(read);
  const auto ec = keys_.find("e", Algorithm::kEs256);
  ASSERT_TRUE(ec);
  EXPECT_THAT(read->verify(**ec, at(kNow)).error().message, HasSubstr("is not for that"));
}

TEST_F(TokenVerifierTest, RefusesAnotherKeysSignature) {
  EXPECT_THAT(refusal(test::token(test::other_rsa_key(), "RS256", "r", claims())),
              HasSubstr("signature"));
  EXPECT_THAT(refusal(test::token(test::other_rsa_key(), "PS256", "r", claims())),
              HasSubstr("signature"));
  EXPECT_THAT(refusal(test::token(Key::ec(), "ES256", "e", claims())), HasSubstr("signature"));
  EXPECT_THAT(refusal(test::token(Key::ed25519(), "EdDSA", "d", claims())), HasSubstr("signature"));
  EXPECT_THAT(refusal(test::token(rsa_key(), "RS256", "x", claims())), HasSubstr("no key 'x'"));
}

TEST_F(TokenVerifierTest, RefusesEveryChangedCharacter) {
  for (const std::string& good : {test::token(ec_key(), "ES256", "e", claims()),
                                  test::token(ed_key(), "EdDSA", "d", claims()),
                                  test::token(rsa_key(), "RS256", "r", claims())}) {
    ASSERT_EQ(refusal(good), "");
    for (std::size_t i = 0; i < good.size(); ++i) {
      std::string changed = good;
      changed[i] = changed[i] == 'A' ? 'B' : 'A';
      EXPECT_NE(refusal(changed), "") << i;
    }
  }
}

TEST_F(TokenVerifierTest, RefusesEveryTruncation) {
  for (const std::string& good : {test::token(ec_key(), "ES256", "e", claims()),
                                  test::token(ed_key(), "EdDSA", "d", claims()),
                                  test::token(rsa_key(), "RS256", "r", claims())}) {
    for (std::size_t size = 0; size < good.size(); ++size) {
      EXPECT_NE(refusal(good.substr(0, size)), "") << size;
    }
    EXPECT_NE(refusal(good + "A"), "");
    EXPECT_NE(refusal(good + "AAAA"), "");
    EXPECT_NE(refusal(good + "."), "");
  }
}

TEST_F(TokenVerifierTest, RefusesEcdsaSignaturesOfAnotherForm) {
  const std::string text = base64url(R"({"alg":"ES256","kid":"e"})") + '.' + base64url(claims());
  const std::string good = ec_key().sign("ES256", text);
  EXPECT_EQ(refusal(text + '.' + base64url(good)), "");
  // Halved by its length, this would be the same two numbers.
  const std::string padded =
      std::string(2, '\0') + good.substr(0, 32) + std::string(2, '\0') + good.substr(32);
  EXPECT_THAT(refusal(text + '.' + base64url(padded)), HasSubstr("signature"));
  // CVE-2022-21449: r = s = 0.
  EXPECT_THAT(refusal(text + '.' + base64url(std::string(64, '\0'))), HasSubstr("signature"));
}

TEST_F(TokenVerifierTest, BoundsTheSize) {
  const std::string padding(TokenVerifier::kMaxTokenBytes, 'x');
  const std::string large =
      test::token(ec_key(), "ES256", "e", claims(R"(,"pad":")" + padding + '"'));
  EXPECT_THAT(refusal(large), HasSubstr("at most 16384 are read"));
  EXPECT_THAT(refusal(std::string(1u << 20, 'a')), HasSubstr("the token has 1048576 bytes"));
  EXPECT_THAT(refusal(std::string(1u << 20, '.')), HasSubstr("the token has 1048576 bytes"));
  const std::string fits =
      test::token(ec_key(), "ES256", "e", claims(R"(,"pad":")" + padding.substr(0, 11'000) + '"'));
  ASSERT_LE(fits.size(), TokenVerifier::kMaxTokenBytes);
  EXPECT_EQ(refusal(fits), "");
}

TEST_F(TokenVerifierTest, RefusesOtherForms) {
  EXPECT_THAT(refusal(""), HasSubstr("empty"));
  EXPECT_THAT(refusal("abc"), HasSubstr("three parts"));
  EXPECT_THAT(refusal("a.b"), HasSubstr("three parts"));
  EXPECT_THAT(refusal("a.b.c.d.e"), HasSubstr("three parts"));  // JWE
  EXPECT_THAT(refusal(R"({"payload":"x","signatures":[]})"), HasSubstr("three parts"));
  EXPECT_THAT(refusal(".."), HasSubstr("header is not JSON"));
  const std::string good = test::token(ec_key(), "ES256", "e", claims());
  EXPECT_THAT(refusal(good + "="), HasSubstr("base64url"));
  EXPECT_THAT(refusal(" " + good), HasSubstr("base64url"));
  EXPECT_THAT(refusal("Bearer " + good), HasSubstr("base64url"));
}

TEST_F(TokenVerifierTest, RefusesHeadersThatItDoesNotUnderstand) {
  const auto with_header = [&](const char* header) {
    return refusal(
        test::token(ec_key(), std::string_view("ES256"), header, std::string_view(claims())));
  };
  EXPECT_EQ(with_header(R"({"alg":"ES256","kid":"e"})"), "");
  EXPECT_EQ(with_header(R"({"alg":"ES256","kid":"e","typ":"at+JWT"})"), "");
  EXPECT_EQ(with_header(R"({"alg":"ES256","kid":"e","typ":"application/at+jwt"})"), "");
  EXPECT_EQ(with_header(R"({"alg":"ES256"})"), "");  // one key fits
  EXPECT_THAT(with_header(R"({"alg":"ES256","kid":"e","crit":["exp"]})"), HasSubstr("crit"));
  EXPECT_THAT(with_header(R"({"alg":"ES256","kid":"e","crit":[],"b64":false})"), HasSubstr("crit"));
  EXPECT_THAT(with_header(R"({"alg":"ES256","kid":"e","typ":"logout+jwt"})"), HasSubstr("type"));
  EXPECT_THAT(with_header(R"({"alg":"ES256","kid":"e","typ":"dpop+jwt"})"), HasSubstr("type"));
  EXPECT_THAT(with_header(R"({"alg":"ES256","kid":"e","typ":7})"), HasSubstr("type"));
  EXPECT_THAT(with_header(R"({"alg":"ES256","kid":7})"), HasSubstr("kid"));
  EXPECT_THAT(with_header(R"({"alg":"ES256","kid":""})"), HasSubstr("kid"));
  EXPECT_THAT(with_header(R"({"alg":"none","alg":"ES256","kid":"e"})"), HasSubstr("twice"));
  EXPECT_THAT(with_header(R"(["alg"])"), HasSubstr("not a JSON object"));
  // Two RSA keys take RS256.
  EXPECT_THAT(refusal(test::token(rsa_key(), std::string_view("RS256"), R"({"alg":"RS256"})",
                                  std::string_view(claims()))),
              HasSubstr("names no key"));
}

TEST_F(TokenVerifierTest, NeverUsesAKeyFromTheHeader) {
  const Key mine = Key::ec();
  const std::string header =
      R"({"alg":"ES256","kid":"e","jwk":)" + mine.jwk("e") + R"(,"jku":"https://evil.test/jwks"})";
  EXPECT_THAT(
      refusal(test::token(mine, std::string_view("ES256"), header, std::string_view(claims()))),
      HasSubstr("signature"));
}

TEST_F(TokenVerifierTest, RefusesRepeatedClaims) {
  EXPECT_THAT(refusal_of(claims(R"(,"sub":"diana")")), HasSubstr("twice"));
  EXPECT_THAT(refusal_of(claims(R"(,"s\u0075b":"diana")")), HasSubstr("twice"));
  EXPECT_THAT(refusal_of(claims(R"(,"realm_access":{"roles":["a"],"roles":["b"]})")),
              HasSubstr("twice"));
}

TEST_F(TokenVerifierTest, ChecksIssuerAndAudience) {
  EXPECT_THAT(refusal_of(claims("", "https://two.test")), HasSubstr("issuer 'https://two.test'"));
  EXPECT_THAT(refusal_of(claims("", "https://one.test/")), HasSubstr("is not known"));
  const auto with_aud = [&](const std::string& aud) {
    return refusal_of(R"({"iss":"https://one.test","sub":"s","exp":1750000600)" + aud + "}");
  };
  EXPECT_EQ(with_aud(R"(,"aud":"api")"), "");
  EXPECT_EQ(with_aud(R"(,"aud":["other","api"])"), "");
  EXPECT_THAT(with_aud(R"(,"aud":"other")"), HasSubstr("audience 'other'"));
  EXPECT_THAT(with_aud(R"(,"aud":"Writ")"), HasSubstr("audience 'Writ'"));
  EXPECT_THAT(with_aud(R"(,"aud":"writ2")"), HasSubstr("audience 'writ2'"));
  EXPECT_THAT(with_aud(R"(,"aud":"")"), HasSubstr("audience ''"));
  EXPECT_THAT(with_aud(R"(,"aud":[])"), HasSubstr("audience"));
  EXPECT_THAT(with_aud(R"(,"aud":["writ",7])"), HasSubstr("neither a text nor"));
  EXPECT_THAT(with_aud(R"(,"aud":{"writ":1})"), HasSubstr("neither a text nor"));
  EXPECT_THAT(with_aud(""), HasSubstr("names no audience"));
  EXPECT_THAT(with_aud(R"(,"aud":null)"), HasSubstr("names no audience"));
  EXPECT_THAT(refusal_of(R"({"sub":"s","aud":"writ","exp":1750000600})"), HasSubstr("`iss`"));
  EXPECT_THAT(refusal_of(R"({"iss":["https://one.test"],"aud":"writ"})"), HasSubstr("`iss`"));
}

TEST_F(TokenVerifierTest, ChecksTheTimesWithLeeway) {
  const auto n = [](std::int64_t offset) { return std::to_string(kNow + offset); };
  EXPECT_EQ(refusal_of(dated(R"(,"exp":)" + n(1))), "");
  EXPECT_EQ(refusal_of(dated(R"(,"exp":)" + n(-59))), "");
  EXPECT_THAT(refusal_of(dated(R"(,"exp":)" + n(-60))),
              HasSubstr("expired at 2025-06-15T15:05:40Z"));
  EXPECT_THAT(refusal_of(dated(R"(,"exp":0)")), HasSubstr("expired at 1970"));
  EXPECT_THAT(refusal_of(dated("")), HasSubstr("`exp`"));
  EXPECT_THAT(refusal_of(dated(R"(,"exp":null)")), HasSubstr("`exp`"));
  EXPECT_THAT(refusal_of(dated(R"(,"exp":"9999999999")")), HasSubstr("`exp` is not a date"));
  EXPECT_THAT(refusal_of(dated(R"(,"exp":-1)")), HasSubstr("`exp` is not a date"));
  EXPECT_THAT(refusal_of(dated(R"(,"exp":true)")), HasSubstr("`exp` is not a date"));
  EXPECT_EQ(refusal_of(dated(R"(,"exp":1750000000.5)")), "");
  EXPECT_EQ(refusal_of(dated(R"(,"exp":9999999999)")), "");
  EXPECT_EQ(refusal_of(dated(R"(,"exp":1e300)")), "");
  EXPECT_EQ(refusal_of(dated(R"(,"exp":18446744073709551615)")), "");
  const std::string exp = R"(,"exp":)" + n(600);
  EXPECT_EQ(refusal_of(dated(exp + R"(,"nbf":)" + n(60))), "");
  EXPECT_THAT(refusal_of(dated(exp + R"(,"nbf":)" + n(61))), HasSubstr("not valid before"));
  EXPECT_THAT(refusal_of(dated(exp + R"(,"nbf":1e300)")), HasSubstr("not valid before"));
  EXPECT_THAT(refusal_of(dated(exp + R"(,"nbf":"x")")), HasSubstr("`nbf`"));
  EXPECT_EQ(refusal_of(dated(exp + R"(,"iat":)" + n(60))), "");
  EXPECT_THAT(refusal_of(dated(exp + R"(,"iat":)" + n(61))), HasSubstr("issued in the future"));
  EXPECT_THAT(refusal_of(dated(exp + R"(,"iat":[])")), HasSubstr("`iat`"));
}

TEST_F(TokenVerifierTest, BoundsTheAgeWhereAsked) {
  const auto aged = [&](const std::string& iat) {
    return refusal_of(claims(iat, "https://aged.test"));
  };
  EXPECT_EQ(aged(R"(,"iat":)" + std::to_string(kNow - 3600)), "");
  EXPECT_THAT(aged(R"(,"iat":)" + std::to_string(kNow - 3601)), HasSubstr("over 3600 s ago"));
  EXPECT_THAT(aged(""), HasSubstr("when it was issued"));
}

TEST_F(TokenVerifierTest, RefusesTokensThatAreNotBearerTokensOfAPerson) {
  EXPECT_THAT(refusal_of(claims(R"(,"cnf":{"jkt":"x"})")), HasSubstr("cnf"));
  EXPECT_THAT(
      refusal_of(claims(R"(,"events":{"http://schemas.openid.net/event/backchannel-logout":{}})")),
      HasSubstr("security event"));
  EXPECT_THAT(refusal_of(R"({"iss":"https://one.test","aud":"writ","exp":1750000600})"),
              HasSubstr("`sub`"));
}

TEST_F(TokenVerifierTest, NoErrorEchoesTheToken) {
  const std::string secret = "c2VjcmV0LXBhcnQtb2YtdGhlLXRva2Vu";
  const std::string good = test::token(ec_key(), "ES256", "e", claims());
  const std::string signature = good.substr(good.rfind('.') + 1);
  for (const std::string& token :
       {secret, secret + ".b", secret + "." + secret + "." + secret, good + "." + secret,
        test::token(ec_key(), "ES256", "x", claims()),
        test::token(Key::ec(), "ES256", "e", claims()),
        test::token(ec_key(), "ES256", "e", dated(""))}) {
    const std::string why = refusal(token);
    EXPECT_NE(why, "");
    EXPECT_THAT(why, AllOf(Not(HasSubstr(secret)), Not(HasSubstr(signature)),
                           Not(HasSubstr(token.substr(0, 20)))));
  }
  // Names from the token are made printable.
  EXPECT_THAT(
      refusal(test::token(ec_key(), "ES256", "e", claims("", "https://x.test/\\u001b[31m\\n'"))),
      HasSubstr("'https://x.test/?[31m?"
                "?'"));
}

}  // namespace
}  // namespace writ::identity
