#include "identity/jwks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "identity/token_maker.h"

namespace writ::identity {
namespace {

using test::base64url;
using test::ec_key;
using test::ed_key;
using test::Key;
using test::rsa_key;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

// Why a key is not taken, "" when it is.
std::string why_not(const std::string& key) {
  // Beside a good one, so that the set as a whole is good.
  const auto set = Jwks::parse(test::jwks({ec_key().jwk("good"), key}));
  if (!set) return set.error().message;
  return set->refused().empty() ? "" : set->refused().front().why;
}

TEST(Jwks, TakesTheThreeKindsOfKeys) {
  const auto set =
      Jwks::parse(test::jwks({rsa_key().jwk("r", R"(,"use":"sig","alg":"RS256","x5c":["zzz"])"),
                              ec_key().jwk("e", R"(,"key_ops":["verify"])"), ed_key().jwk("d")}));
  ASSERT_TRUE(set) << set.error().message;
  ASSERT_THAT(set->keys(), SizeIs(3));
  EXPECT_THAT(set->refused(), IsEmpty());
  EXPECT_EQ(set->keys()[0].type(), KeyType::kRsa);
  EXPECT_TRUE(set->keys()[0].fits(Algorithm::kRs256));
  EXPECT_FALSE(set->keys()[0].fits(Algorithm::kPs256));  // its `alg`
  EXPECT_FALSE(set->keys()[0].fits(Algorithm::kEs256));
  EXPECT_TRUE(set->keys()[1].fits(Algorithm::kEs256));
  EXPECT_TRUE(set->keys()[2].fits(Algorithm::kEdDsa));
  EXPECT_FALSE(set->keys()[2].fits(Algorithm::kEs256));
}

TEST(Jwks, LeavesOutWhatCannotBeUsedAndSaysWhy) {
  const std::string zeros = base64url(std::string(32, '\0'));
  EXPECT_THAT(why_not(R"({"kty":"oct","kid":"s","k":"c2VjcmV0"})"), HasSubstr("symmetric"));
  EXPECT_THAT(why_not(rsa_key().jwk("s", R"(,"k":"c2VjcmV0")")), HasSubstr("symmetric"));
  EXPECT_THAT(why_not(ec_key().jwk("s", R"(,"d":")" + zeros + '"')), HasSubstr("private"));
  EXPECT_THAT(why_not(Key::rsa(1024).jwk("weak")), HasSubstr("RSA key of 1024 bits"));
  EXPECT_THAT(why_not(Key::ec("P-384").jwk("c")), HasSubstr("not P-256"));
  EXPECT_THAT(why_not(R"({"kty":"EC","crv":"P-256","x":")" + zeros + R"(","y":")" + zeros + "\"}"),
              HasSubstr("not a point"));
  EXPECT_THAT(why_not(R"({"kty":"EC","crv":"P-256","x":"AA","y":"AA"})"), HasSubstr("32 bytes"));
  EXPECT_THAT(why_not(R"({"kty":"OKP","crv":"X25519","x":")" + zeros + "\"}"),
              HasSubstr("not Ed25519"));
  EXPECT_THAT(why_not(R"({"kty":"OKP","crv":"Ed25519","x":"AA"})"), HasSubstr("32 bytes"));
  EXPECT_THAT(why_not(ec_key().jwk("enc", R"(,"use":"enc")")), HasSubstr("use"));
  EXPECT_THAT(why_not(ec_key().jwk("ops", R"(,"key_ops":["encrypt"])")), HasSubstr("key_ops"));
  EXPECT_THAT(why_not(ec_key().jwk("ops", R"(,"key_ops":"verify")")), HasSubstr("key_ops"));
  EXPECT_THAT(why_not(ec_key().jwk("alg", R"(,"alg":"RS256")")), HasSubstr("alg"));
  EXPECT_THAT(why_not(rsa_key().jwk("alg", R"(,"alg":"RSA-OAEP")")), HasSubstr("alg"));
  EXPECT_THAT(why_not(rsa_key().jwk("alg", R"(,"alg":"HS256")")), HasSubstr("alg"));
  EXPECT_THAT(why_not(R"({"kty":"AKP","kid":"pq"})"), HasSubstr("'AKP'"));
  EXPECT_THAT(why_not(R"({"kid":"nothing"})"), HasSubstr("type"));
  EXPECT_THAT(why_not(R"({"kid":7,"kty":"RSA"})"), HasSubstr("kid"));
  EXPECT_THAT(why_not(R"({"kty":"RSA","e":"AQAB"})"), HasSubstr("`n`"));
  EXPECT_THAT(why_not(R"({"kty":"RSA","n":"!!","e":"AQAB"})"), HasSubstr("`n`"));
  EXPECT_THAT(why_not(R"({"kty":"RSA","n":"AA","e":"AQAB"})"), HasSubstr("of 0 bits"));
}

TEST(Jwks, RefusesRsaExponentsThatMakeForgingEasy) {
  const std::string odd = base64url(std::string(256, '\xff'));
  const auto with = [&](const std::string& n, const std::string& e) {
    return why_not(R"({"kty":"RSA","n":")" + n + R"(","e":")" + e + "\"}");
  };
  EXPECT_EQ(with(odd, "AQAB"), "");
  EXPECT_THAT(with(odd, "AQ"), HasSubstr("exponent"));   // 1: any text is its own signature
  EXPECT_THAT(with(odd, "AAE"), HasSubstr("exponent"));  // 1, written longer
  EXPECT_THAT(with(odd, "Ag"), HasSubstr("exponent"));   // 2
  EXPECT_THAT(with(odd, "AA"), HasSubstr("exponent"));   // 0
  EXPECT_THAT(with(odd, odd), HasSubstr("exponent"));    // as large as the modulus
  EXPECT_THAT(with(base64url(std::string(255, '\xff') + '\xfe'), "AQAB"), HasSubstr("modulus"));
  EXPECT_THAT(with(base64url(std::string(255, '\xff')), "AQAB"), HasSubstr("2040 bits"));
  EXPECT_THAT(with(base64url('\0' + std::string(255, '\xff')), "AQAB"), HasSubstr("2040 bits"));
  EXPECT_THAT(with(base64url('\x7f' + std::string(255, '\xff')), "AQAB"), HasSubstr("2047 bits"));
  EXPECT_THAT(with(base64url(std::string(1025, '\xff')), "AQAB"), HasSubstr("8200 bits"));
}

TEST(Jwks, RefusesWhatIsNoSet) {
  const auto why = [](const std::string& text) {
    const auto set = Jwks::parse(text);
    return set ? "" : set.error().message;
  };
  EXPECT_THAT(why(""), HasSubstr("not JSON"));
  EXPECT_THAT(why("{}"), HasSubstr("no list"));
  EXPECT_THAT(why(R"({"keys":{}})"), HasSubstr("no list"));
  EXPECT_THAT(why(R"({"keys":[1]})"), HasSubstr("not a key"));
  EXPECT_THAT(why(R"({"keys":[]})"), HasSubstr("no key that can be used"));
  EXPECT_THAT(why(R"({"keys":[{"kty":"oct","kid":"s","k":"AA"}]})"), HasSubstr("symmetric"));
  EXPECT_THAT(why(R"({"keys":[],"keys":[]})"), HasSubstr("twice"));
  std::vector<std::string> many(kMaxJwksKeys, ec_key().jwk("k"));
  EXPECT_EQ(why(test::jwks(many)), "");
  many.push_back(ec_key().jwk("k"));
  EXPECT_THAT(why(test::jwks(many)), HasSubstr("more than 64"));
  const std::string set = test::jwks({ec_key().jwk("k")});
  EXPECT_EQ(why(set + std::string(kMaxJwksBytes - set.size(), ' ')), "");
  EXPECT_THAT(why(set + std::string(kMaxJwksBytes - set.size() + 1, ' ')), HasSubstr("256 KiB"));
}

TEST(Jwks, FindsTheOneKeyThatFits) {
  const auto set =
      Jwks::parse(test::jwks({rsa_key().jwk("r"), ec_key().jwk("e"), Key::rsa(1024).jwk("weak")}));
  ASSERT_TRUE(set);
  const auto r = set->find("r", Algorithm::kPs256);
  ASSERT_TRUE(r);
  EXPECT_EQ((*r)->kid(), "r");
  EXPECT_EQ((*set->find(std::nullopt, Algorithm::kEs256))->kid(), "e");
  const auto unknown = set->find("x", Algorithm::kRs256);
  EXPECT_EQ(unknown.error().code, ErrorCode::kNotFound);
  const auto misfit = set->find("e", Algorithm::kRs256);
  EXPECT_EQ(misfit.error().code, ErrorCode::kDenied);
  EXPECT_THAT(misfit.error().message, HasSubstr("EC P-256"));
  const auto weak = set->find("weak", Algorithm::kRs256);
  EXPECT_EQ(weak.error().code, ErrorCode::kDenied);
  EXPECT_THAT(weak.error().message, HasSubstr("1024 bits"));
  EXPECT_EQ(set->find(std::nullopt, Algorithm::kEdDsa).error().code, ErrorCode::kNotFound);
}

TEST(Jwks, ARepeatedKidIsUsedOnlyWhereItIsClear) {
  // The same kid for two types is allowed (RFC 7517 section 4.5): the algorithm decides.
  const auto types = Jwks::parse(test::jwks({rsa_key().jwk("k"), ec_key().jwk("k")}));
  ASSERT_TRUE(types);
  EXPECT_EQ((*types->find("k", Algorithm::kRs256))->type(), KeyType::kRsa);
  EXPECT_EQ((*types->find("k", Algorithm::kEs256))->type(), KeyType::kEcP256);
  const auto twice = Jwks::parse(test::jwks({ec_key().jwk("k"), Key::ec().jwk("k")}));
  ASSERT_TRUE(twice);
  EXPECT_EQ(twice->find("k", Algorithm::kEs256).error().code, ErrorCode::kDenied);
  EXPECT_THAT(twice->find("k", Algorithm::kEs256).error().message, HasSubstr("twice"));
  EXPECT_THAT(twice->find(std::nullopt, Algorithm::kEs256).error().message,
              HasSubstr("more than one"));
}

}  // namespace
}  // namespace writ::identity
