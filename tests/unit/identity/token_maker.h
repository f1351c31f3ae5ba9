// Keys and signed tokens for tests, made with OpenSSL alone: not with the code that checks them.
#pragma once

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace writ::identity::test {

inline std::string base64url(std::string_view bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                   reinterpret_cast<const unsigned char*>(bytes.data()),
                                   static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  while (!text.empty() && text.back() == '=') text.pop_back();
  for (char& c : text) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return text;
}

struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};

// A private key. The maker's own mistakes abort.
class Key {
 public:
  static Key rsa(unsigned bits) { return Key(EVP_RSA_gen(bits)); }
  static Key ec(const char* curve = "P-256") { return Key(EVP_EC_gen(curve)); }
  static Key ed25519() { return Key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")); }

  [[nodiscard]] EVP_PKEY* get() const { return key_.get(); }

  // The members of the public JWK, without braces: "kty":…
  [[nodiscard]] std::string jwk_members() const {
    if (EVP_PKEY_is_a(get(), "RSA")) {
      return R"("kty":"RSA","n":")" + base64url(number(OSSL_PKEY_PARAM_RSA_N)) + R"(","e":")" +
             base64url(number(OSSL_PKEY_PARAM_RSA_E)) + '"';
    }
    if (EVP_PKEY_is_a(get(), "EC")) {
      char curve[32] = "";
      require(EVP_PKEY_get_utf8_string_param(get(), OSSL_PKEY_PARAM_GROUP_NAME, curve, sizeof curve,
                                             nullptr) == 1);
      const bool p256 = std::string_view(curve) == "prime256v1";
      const int width = p256 ? 32 : 48;
      return std::string(R"("kty":"EC","crv":")") + (p256 ? "P-256" : "P-384") + R"(","x":")" +
             base64url(number(OSSL_PKEY_PARAM_EC_PUB_X, width)) + R"(","y":")" +
             base64url(number(OSSL_PKEY_PARAM_EC_PUB_Y, width)) + '"';
    }
    std::string raw(32, '\0');
    std::size_t size = raw.size();
    require(EVP_PKEY_get_raw_public_key(get(), reinterpret_cast<unsigned char*>(raw.data()),
                                        &size) == 1);
    return R"("kty":"OKP","crv":"Ed25519","x":")" + base64url(raw) + '"';
  }

  // {"kid":…,…}; `more` begins with a comma, or is empty.
  [[nodiscard]] std::string jwk(const std::string& kid, const std::string& more = "") const {
    return R"({"kid":")" + kid + R"(",)" + jwk_members() + more + "}";
  }

  // What the algorithm's signature of `text` is in JOSE.
  [[nodiscard]] std::string sign(std::string_view algorithm, std::string_view text) const {
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                          EVP_MD_CTX_free);
    EVP_PKEY_CTX* options = nullptr;
    const EVP_MD* digest = algorithm == "EdDSA" ? nullptr : EVP_sha256();
    require(EVP_DigestSignInit(context.get(), &options, digest, nullptr, get()) == 1);
    if (algorithm == "PS256") {
      require(EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1);
      require(EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) == 1);
    }
    const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
    std::size_t size = 0;
    require(EVP_DigestSign(context.get(), nullptr, &size, bytes, text.size()) == 1);
    std::string signature(size, '\0');
    require(EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                           bytes, text.size()) == 1);
    signature.resize(size);
    return algorithm == "ES256" ? r_and_s(signature) : signature;
  }

  // The public key as PEM is what the HMAC confusion of RFC 8725 section 2.1 signs with.
  [[nodiscard]] std::string public_der() const {
    unsigned char* der = nullptr;
    const int size = i2d_PUBKEY(get(), &der);
    require(size > 0);
    std::string bytes(reinterpret_cast<char*>(der), static_cast<std::size_t>(size));
    OPENSSL_free(der);
    return bytes;
  }

 private:
  explicit Key(EVP_PKEY* key) : key_(key) { require(key != nullptr); }

  static void require(bool holds) {
    if (!holds) std::abort();
  }

  [[nodiscard]] std::string number(const char* name, int width = 0) const {
    BIGNUM* value = nullptr;
    require(EVP_PKEY_get_bn_param(get(), name, &value) == 1);
    if (width == 0) width = BN_num_bytes(value);
    std::string bytes(static_cast<std::size_t>(width), '\0');
    require(BN_bn2binpad(value, reinterpret_cast<unsigned char*>(bytes.data()), width) == width);
    BN_free(value);
    return bytes;
  }

  // RFC 7518 section 3.4.
  static std::string r_and_s(const std::string& der) {
    const auto* from = reinterpret_cast<const unsigned char*>(der.data());
    ECDSA_SIG* parsed = d2i_ECDSA_SIG(nullptr, &from, static_cast<long>(der.size()));
    require(parsed != nullptr);
    std::string bytes(64, '\0');
    auto* to = reinterpret_cast<unsigned char*>(bytes.data());
    require(BN_bn2binpad(ECDSA_SIG_get0_r(parsed), to, 32) == 32);
    require(BN_bn2binpad(ECDSA_SIG_get0_s(parsed), to + 32, 32) == 32);
    ECDSA_SIG_free(parsed);
    return bytes;
  }

  std::unique_ptr<EVP_PKEY, FreeKey> key_;
};

inline std::string jwks(const std::vector<std::string>& keys) {
  std::string list;
  for (const std::string& key : keys) list += (list.empty() ? "" : ",") + key;
  return R"({"keys":[)" + list + "]}";
}

// A compact JWS over any header, with the signature that `algorithm` makes.
inline std::string token(const Key& key, std::string_view algorithm, std::string_view header,
                         std::string_view claims) {
  const std::string text = base64url(header) + '.' + base64url(claims);
  return text + '.' + base64url(key.sign(algorithm, text));
}

// The common case: {"alg":…,"kid":…,"typ":"JWT"}.
inline std::string token(const Key& key, const std::string& algorithm, const std::string& kid,
                         const std::string& claims) {
  return token(key, std::string_view(algorithm),
               R"({"alg":")" + algorithm + R"(","kid":")" + kid + R"(","typ":"JWT"})",
               std::string_view(claims));
}

inline std::string hs256_token(std::string_view secret, std::string_view header,
                               std::string_view claims) {
  const std::string text = base64url(header) + '.' + base64url(claims);
  unsigned char mac[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
           reinterpret_cast<const unsigned char*>(text.data()), text.size(), mac,
           &size) == nullptr) {
    std::abort();
  }
  return text + '.' + base64url({reinterpret_cast<char*>(mac), size});
}

// Made once: RSA keys take a while.
inline const Key& rsa_key() {
  static const Key key = Key::rsa(2048);
  return key;
}
inline const Key& other_rsa_key() {
  static const Key key = Key::rsa(2048);
  return key;
}
inline const Key& ec_key() {
  static const Key key = Key::ec();
  return key;
}
inline const Key& ed_key() {
  static const Key key = Key::ed25519();
  return key;
}

}  // namespace writ::identity::test
