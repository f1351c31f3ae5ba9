#include "identity/signing_key.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/sha.h>

#include <array>
#include <vector>

#include "identity/compact_text.h"
#include "util/json_text.h"

namespace writ::identity {
namespace {

constexpr const char* kCurve = "P-256";
constexpr const char* kOpensslCurve = "prime256v1";
constexpr int kCoordinateBytes = 32;

template <auto Function>
struct FreeBy {
  template <class T>
  void operator()(T* object) const {
    Function(object);
  }
};
using Bio = std::unique_ptr<BIO, FreeBy<BIO_free>>;
using BigNumber = std::unique_ptr<BIGNUM, FreeBy<BN_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, FreeBy<EVP_MD_CTX_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, FreeBy<EVP_PKEY_CTX_free>>;
using Signature = std::unique_ptr<ECDSA_SIG, FreeBy<ECDSA_SIG_free>>;

// What stays in OpenSSL's queue would be taken for the next failure.
tl::unexpected<Error> openssl_failed(const char* what) {
  ERR_clear_error();
  return fail(ErrorCode::kInternal, "OpenSSL could not {}", what);
}

tl::unexpected<Error> no_key(const char* why) {
  ERR_clear_error();
  return fail(ErrorCode::kCorrupt, "{}", why);
}

// One coordinate of the public point as base64url of 32 bytes (RFC 7518 section 6.2.1.2).
Result<std::string> coordinate(const EVP_PKEY* key, const char* name) {
  BIGNUM* raw = nullptr;
  if (EVP_PKEY_get_bn_param(key, name, &raw) != 1) return openssl_failed("read a public key");
  const BigNumber number(raw);
  std::array<unsigned char, kCoordinateBytes> bytes{};
  if (BN_bn2binpad(number.get(), bytes.data(), kCoordinateBytes) != kCoordinateBytes)
    return openssl_failed("write a coordinate");
  return encode_base64url({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

// A password for a key that is not encrypted: without this, OpenSSL would ask the terminal.
int no_password(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*context*/) { return -1; }

}  // namespace

Result<SigningKey> SigningKey::adopt(Handle key) {
  const auto x = coordinate(key.get(), OSSL_PKEY_PARAM_EC_PUB_X);
  const auto y = coordinate(key.get(), OSSL_PKEY_PARAM_EC_PUB_Y);
  if (!x) return tl::unexpected(x.error());
  if (!y) return tl::unexpected(y.error());
  // RFC 7638 section 3: the required members in this order, without blanks.
  const std::string required =
      fmt::format(R"({{"crv":"{}","kty":"EC","x":"{}","y":"{}"}})", kCurve, *x, *y);
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(required.data()), required.size(), digest.data());
  SigningKey made;
  made.key_ = std::move(key);
  made.kid_ = encode_base64url({reinterpret_cast<const char*>(digest.data()), digest.size()});
  made.jwk_ = fmt::format(
      R"({{"kty":"EC","crv":"{}","x":"{}","y":"{}","kid":"{}","use":"sig","alg":"ES256"}})", kCurve,
      *x, *y, made.kid_);
  return made;
}

Result<SigningKey> SigningKey::generate() {
  Handle key(EVP_EC_gen(kCurve));
  if (!key) return openssl_failed("make a key");
  return adopt(std::move(key));
}

Result<SigningKey> SigningKey::from_pem(std::string_view pem) {
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  if (!bio) return openssl_failed("read memory");
  Handle key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr));
  if (!key) return no_key("it is not a private key as PEM without a password");
  std::array<char, 64> curve{};
  std::size_t length = 0;
  if (EVP_PKEY_get_group_name(key.get(), curve.data(), curve.size(), &length) != 1 ||
      std::string_view(curve.data(), length) != kOpensslCurve)
    return no_key("it is not an EC key on P-256");
  const KeyContext check(EVP_PKEY_CTX_new(key.get(), nullptr));
  if (!check || EVP_PKEY_check(check.get()) != 1)
    return no_key("its private and public halves do not belong together");
  return adopt(std::move(key));
}

Result<std::string> SigningKey::to_pem() const {
  const Bio bio(BIO_new(BIO_s_secmem()));
  if (!bio || PEM_write_bio_PKCS8PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0, nullptr,
                                            nullptr) != 1)
    return openssl_failed("write a key");
  char* bytes = nullptr;
  const long length = BIO_get_mem_data(bio.get(), &bytes);
  return std::string(bytes, static_cast<std::size_t>(length));
}

Result<std::string> SigningKey::sign(std::string_view type, std::string_view claims) const {
  const std::string header =
      fmt::format(R"({{"alg":"ES256","kid":"{}","typ":{}}})", kid_, json_string(type));
  std::string token = encode_base64url(header) + '.' + encode_base64url(claims);

  const DigestContext context(EVP_MD_CTX_new());
  std::array<unsigned char, 128> der{};  // ECDSA-Sig-Value of P-256: 72 bytes at the most
  std::size_t length = der.size();
  if (!context ||
      EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get()) != 1 ||
      EVP_DigestSign(context.get(), der.data(), &length,
                     reinterpret_cast<const unsigned char*>(token.data()), token.size()) != 1)
    return openssl_failed("sign");

  // JOSE wants the two numbers side by side (RFC 7518 section 3.4), not as DER.
  const unsigned char* at = der.data();
  const Signature parts(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(length)));
  std::array<unsigned char, std::size_t{2} * kCoordinateBytes> raw{};
  if (!parts || BN_bn2binpad(ECDSA_SIG_get0_r(parts.get()), raw.data(), kCoordinateBytes) < 0 ||
      BN_bn2binpad(ECDSA_SIG_get0_s(parts.get()), raw.data() + kCoordinateBytes, kCoordinateBytes) <
          0)
    return openssl_failed("write a signature");
  token += '.';
  token += encode_base64url({reinterpret_cast<const char*>(raw.data()), raw.size()});
  return token;
}

}  // namespace writ::identity
