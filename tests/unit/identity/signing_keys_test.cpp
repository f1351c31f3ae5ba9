#include "identity/signing_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <set>

#include "identity/exchange_support.h"

namespace writ::identity {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::HasSubstr;

constexpr const char* kClaims = R"({"sub":"sarah"})";

class SigningKeysTest : public testing::Test {
 protected:
  std::unique_ptr<SigningKeys> open(SigningKeysOptions options = {}, TimePoint now = kNow) {
    auto keys = SigningKeys::open(path(), options, now);
    if (!keys) ADD_FAILURE() << keys.error().message;
    return keys ? std::move(*keys) : nullptr;
  }
  Error refusal() {
    const auto keys = SigningKeys::open(path(), {}, kNow);
    EXPECT_FALSE(keys);
    return keys ? Error{} : keys.error();
  }
  [[nodiscard]] std::string path() const { return folder_ / "keys"; }
  [[nodiscard]] std::set<std::string> files() const {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(path()))
      names.insert(entry.path());
    return names;
  }
  static std::string sign(const SigningKeys& keys, TimePoint now) {
    auto token = keys.sign("at+jwt", kClaims, now);
    if (!token) ADD_FAILURE() << token.error().message;
    return token.value_or("");
  }
  static std::string read(const std::string& file) {
    std::ifstream in(file);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  static void write(const std::string& file, const std::string& text) {
    std::ofstream(file, std::ios::trunc) << text;
  }

  Folder folder_;
};

TEST_F(SigningKeysTest, FirstUseMakesAPrivateKeyThatStays) {
  const auto keys = open();
  const std::string token = sign(*keys, kNow);
  const auto names = files();
  ASSERT_EQ(names.size(), 1u);
  struct stat info {};
  ASSERT_EQ(::stat(names.begin()->c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777u, 0600u);
  ASSERT_EQ(::stat(path().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777u, 0700u);
  const auto again = open({}, kNow + hours(1));
  EXPECT_EQ(files(), names);
  const auto jwt = check_jwt(token, again->jwks(kNow));
  ASSERT_TRUE(jwt);
  EXPECT_EQ(jwt->header.size(), 3u);
  EXPECT_EQ(jwt->claims["sub"].as<std::string>(), "sarah");
  EXPECT_EQ(jwt->header["kid"].as<std::string>(), keys->signing_kid(kNow));
}

TEST_F(SigningKeysTest, TheJwksHoldsPublicPartsAlone) {
  const auto keys = open();
  const YAML::Node jwks = YAML::Load(keys->jwks(kNow));
  ASSERT_EQ(jwks["keys"].size(), 1u);
  const YAML::Node key = jwks["keys"][0];
  EXPECT_FALSE(key["d"]);
  EXPECT_EQ(key.size(), 7u);
  EXPECT_EQ(key["kty"].as<std::string>(), "EC");
  EXPECT_EQ(key["crv"].as<std::string>(), "P-256");
  EXPECT_EQ(key["alg"].as<std::string>(), "ES256");
  EXPECT_EQ(key["use"].as<std::string>(), "sig");
  EXPECT_EQ(key["x"].as<std::string>().size(), 43u);
}

// RFC 7517 appendix A.1's P-256 key as PEM; its thumbprint by the steps of RFC 7638, with
// sha256sum.
TEST_F(SigningKeysTest, TheKidIsTheThumbprint) {
  constexpr const char* kPem =
      "-----BEGIN PRIVATE KEY-----\n"
      "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg870MB6gfuTJ4HtUn\n"
      "UvYMyJpr5eUZNP4Bk43bVdj3eAGhRANCAAQwoEJM0hwpRIOKLXXJKzfnbqINnwCJ\n"
      "OjtO7oo8Cq/sPuBLZekkVtmIi1Kzeb371R7oae8fD8ZbZllpW2zOCBcj\n"
      "-----END PRIVATE KEY-----\n";
  const auto key = SigningKey::from_pem(kPem);
  ASSERT_TRUE(key) << key.error().message;
  EXPECT_THAT(key->public_jwk(),
              HasSubstr("\"x\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\",\"y\":"
                        "\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\""));
  EXPECT_EQ(key->kid(), "cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s");
}

TEST_F(SigningKeysTest, ANewKeyIsPublishedBeforeItSignsAndAnOldOneUntilItsTokensAreGone) {
  const SigningKeysOptions options{.publish_ahead = seconds(60), .keep_for = minutes(65)};
  auto keys = open(options);
  const std::string old_kid = keys->signing_kid(kNow);
  const TimePoint rotated = kNow + hours(1);
  ASSERT_TRUE(keys->rotate(rotated));
  EXPECT_EQ(keys->size(), 2u);
  EXPECT_EQ(keys->signing_kid(rotated + seconds(59)), old_kid);
  const std::string last_old = sign(*keys, rotated + seconds(59));
  const TimePoint switched = rotated + seconds(60);
  const std::string new_kid = keys->signing_kid(switched);
  EXPECT_NE(new_kid, old_kid);
  const std::string first_new = sign(*keys, switched);
  // Whoever fetched the JWKS at any time since the rotation knows both.
  EXPECT_TRUE(check_jwt(first_new, keys->jwks(rotated)));
  for (const bool restart : {false, true}) {
    if (restart) keys = open(options, switched);
    const TimePoint gone = switched + minutes(65);
    EXPECT_TRUE(check_jwt(last_old, keys->jwks(gone - milliseconds(1))));
    EXPECT_TRUE(check_jwt(first_new, keys->jwks(gone - milliseconds(1))));
    EXPECT_FALSE(check_jwt(last_old, keys->jwks(gone)));
    EXPECT_TRUE(check_jwt(first_new, keys->jwks(gone)));
    ASSERT_TRUE(keys->prune(gone - milliseconds(1)));
    EXPECT_EQ(files().size(), 2u);
    if (!restart) continue;
    ASSERT_TRUE(keys->prune(gone));
    EXPECT_EQ(files().size(), 1u);
    EXPECT_EQ(keys->size(), 1u);
    EXPECT_EQ(keys->signing_kid(gone), new_kid);
    EXPECT_TRUE(check_jwt(first_new, keys->jwks(gone)));
  }
}

TEST_F(SigningKeysTest, EveryTokenCanBeVerifiedForAsLongAsItIsGood) {
  const auto keys = open({.rotate_every = minutes(20)});
  std::vector<std::pair<std::string, TimePoint>> tokens;
  for (TimePoint now = kNow; now < kNow + hours(8); now += minutes(3)) {
    ASSERT_TRUE(keys->tick(now));
    tokens.emplace_back(sign(*keys, now), now + kMaxTokenTtl);
    const std::string jwks = keys->jwks(now);
    for (const auto& [token, end] : tokens) {
      ASSERT_TRUE(now > end || check_jwt(token, jwks));
    }
    ASSERT_LE(keys->size(), 6u);  // and old ones do go
  }
}

TEST_F(SigningKeysTest, ARotationWaitsForTheOneBefore) {
  const auto keys = open();
  ASSERT_TRUE(keys->rotate(kNow + seconds(1)));
  const Status again = keys->rotate(kNow + seconds(60));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::kUnavailable);
  EXPECT_TRUE(keys->rotate(kNow + seconds(61)));
}

TEST_F(SigningKeysTest, RotationsAreBounded) {
  const auto keys = open({.publish_ahead = milliseconds(0)});
  TimePoint now = kNow;
  Status rotated;
  for (std::size_t i = 0; i <= SigningKeys::kMaxKeys && rotated; ++i)
    rotated = keys->rotate(now += seconds(1));
  ASSERT_FALSE(rotated);
  EXPECT_EQ(rotated.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(files().size(), SigningKeys::kMaxKeys);
}

TEST_F(SigningKeysTest, AClockThatWasSetBackDoesNotReorderKeys) {
  const auto keys = open({.publish_ahead = milliseconds(0)});
  const std::string first = keys->signing_kid(kNow);
  ASSERT_TRUE(keys->rotate(kNow - hours(1)));
  const TimePoint later_on = kNow + seconds(1);
  const std::string second = keys->signing_kid(later_on);
  EXPECT_NE(second, first);
  EXPECT_EQ(open({.publish_ahead = milliseconds(0)})->signing_kid(later_on), second);
}

TEST_F(SigningKeysTest, OthersMustNotHaveBeenAbleToReadAKey) {
  open();
  const std::string file = *files().begin();
  for (const mode_t mode : {0640u, 0604u, 0620u, 0601u}) {
    ASSERT_EQ(::chmod(file.c_str(), mode), 0);
    const Error error = refusal();
    EXPECT_EQ(error.code, ErrorCode::kDenied);
    EXPECT_THAT(error.message, HasSubstr(file));
    EXPECT_THAT(error.message, HasSubstr("chmod it to 0600"));
  }
  ASSERT_EQ(::chmod(file.c_str(), 0600), 0);
  EXPECT_TRUE(open());
  ASSERT_EQ(::chmod(path().c_str(), 0750), 0);
  EXPECT_THAT(refusal().message, HasSubstr("chmod it to 0700"));
}

TEST_F(SigningKeysTest, WhatIsNotTheKeyIsNamed) {
  open();
  const std::string file = *files().begin();
  const std::string good = read(file);
  Folder other_folder;
  auto other = SigningKeys::open(other_folder / "keys", {}, kNow);
  ASSERT_TRUE(other);
  const std::string foreign =
      read(std::filesystem::directory_iterator(other_folder / "keys")->path());
  const std::string p384 = []() {
    EVP_PKEY* key = EVP_EC_gen("P-384");
    BIO* bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PKCS8PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
    char* bytes = nullptr;
    const long size = BIO_get_mem_data(bio, &bytes);
    std::string pem(bytes, static_cast<std::size_t>(size));
    BIO_free(bio);
    EVP_PKEY_free(key);
    return pem;
  }();
  const std::pair<std::string, const char*> cases[] = {
      {"", "not a private key as PEM"},
      {"hello", "not a private key as PEM"},
      {good.substr(0, good.size() / 2), "not a private key as PEM"},
      {std::string(5000, 'x'), "longer than"},
      {foreign, "another key than its name says"},
      {p384, "not an EC key on P-256"},
  };
  for (const auto& [text, says] : cases) {
    write(file, text);
    const Error error = refusal();
    EXPECT_THAT(error.message, HasSubstr(says));
    EXPECT_THAT(error.message, HasSubstr(file));
  }
  // One changed letter of the private or the public half is noticed; they begin behind 36 bytes of
  // frame and the line of PEM. Between them stands frame (a1 44 03 42 00 04) in which another
  // letter may name the same key: bits of a last byte that are said to be unused, and are 0 anyway.
  for (std::size_t at = 28 + 52; at < good.size() - 30; at += 3) {
    if (at >= 119 && at <= 127) continue;
    std::string bad = good;
    bad[at] = bad[at] == 'A' ? 'B' : 'A';
    if (bad == good) continue;
    write(file, bad);
    EXPECT_FALSE(SigningKeys::open(path(), {}, kNow)) << at;
  }
  write(file, good);
  EXPECT_TRUE(open());
}

TEST_F(SigningKeysTest, LinksAndStrangeNamesAreRefusedAndDraftsRemoved) {
  open();
  const std::string file = *files().begin();
  write(path() + "/notes.txt", "not ours");
  write(file + ".new", "half a k");
  EXPECT_TRUE(open());
  EXPECT_FALSE(std::filesystem::exists(file + ".new"));
  write(path() + "/mine.pem", read(file));
  EXPECT_THAT(refusal().message, HasSubstr("mine.pem"));
  std::filesystem::remove(path() + "/mine.pem");
  std::filesystem::rename(file, folder_ / "moved");
  std::filesystem::create_symlink(folder_ / "moved", file);
  EXPECT_THAT(refusal().message, HasSubstr("is a link"));
}

TEST_F(SigningKeysTest, AFolderThatCannotBeMadeIsNamed) {
  const auto keys = SigningKeys::open(folder_ / "not/there", {}, kNow);
  ASSERT_FALSE(keys);
  EXPECT_THAT(keys.error().message, HasSubstr("not/there"));
  write(path(), "a file");
  EXPECT_THAT(refusal().message, HasSubstr("no folder"));
}

}  // namespace
}  // namespace writ::identity
