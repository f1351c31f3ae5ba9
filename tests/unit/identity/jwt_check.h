// Reads and checks an ES256 JWT with OpenSSL alone, and nothing of the code under test.
#pragma once

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <yaml-cpp/yaml.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace writ::identity {

inline std::string unbase64url(std::string_view text) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string out;
  unsigned bits = 0;
  int count = 0;
  for (const char c : text) {
    bits = (bits << 6) | static_cast<unsigned>(kAlphabet.find(c) & 63u);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out += static_cast<char>((bits >> count) & 0xffu);
  }
  return out;
}

struct CheckedJwt {
  YAML::Node header;  // JSON is YAML
  YAML::Node claims;
};

// nullopt: not three parts, no key of that kid in the JWKS, or the signature is not that key's.
inline std::optional<CheckedJwt> check_jwt(const std::string& token, const std::string& jwks) {
  const std::size_t first = token.find('.');
  const std::size_t second = token.find('.', first + 1);
  if (first == token.npos || second == token.npos) return std::nullopt;
  CheckedJwt jwt{YAML::Load(unbase64url(token.substr(0, first))),
                 YAML::Load(unbase64url(token.substr(first + 1, second - first - 1)))};
  const YAML::Node keys = YAML::Load(jwks)["keys"];
  std::string point;
  for (const auto& key : keys) {
    if (key["kid"].as<std::string>() != jwt.header["kid"].as<std::string>()) continue;
    point =
        "\x04" + unbase64url(key["x"].as<std::string>()) + unbase64url(key["y"].as<std::string>());
  }
  if (point.size() != 65) return std::nullopt;

  const std::unique_ptr<OSSL_PARAM_BLD, decltype(&OSSL_PARAM_BLD_free)> builder(
      OSSL_PARAM_BLD_new(), OSSL_PARAM_BLD_free);
  OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0);
  OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                   point.size());
  const std::unique_ptr<OSSL_PARAM, decltype(&OSSL_PARAM_free)> params(
      OSSL_PARAM_BLD_to_param(builder.get()), OSSL_PARAM_free);
  const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> from(
      EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr), EVP_PKEY_CTX_free);
  EVP_PKEY* raw = nullptr;
  if (EVP_PKEY_fromdata_init(from.get()) != 1 ||
      EVP_PKEY_fromdata(from.get(), &raw, EVP_PKEY_PUBLIC_KEY, params.get()) != 1)
    return std::nullopt;
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(raw, EVP_PKEY_free);

  const std::string signature = unbase64url(token.substr(second + 1));
  if (signature.size() != 64) return std::nullopt;
  const auto* bytes = reinterpret_cast<const unsigned char*>(signature.data());
  const std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)> parts(ECDSA_SIG_new(),
                                                                    ECDSA_SIG_free);
  ECDSA_SIG_set0(parts.get(), BN_bin2bn(bytes, 32, nullptr), BN_bin2bn(bytes + 32, 32, nullptr));
  unsigned char der[80];
  unsigned char* end = der;
  const int length = i2d_ECDSA_SIG(parts.get(), &end);
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> verify(EVP_MD_CTX_new(),
                                                                       EVP_MD_CTX_free);
  if (EVP_DigestVerifyInit(verify.get(), nullptr, EVP_sha256(), nullptr, key.get()) != 1 ||
      EVP_DigestVerify(verify.get(), der, static_cast<std::size_t>(length),
                       reinterpret_cast<const unsigned char*>(token.data()), second) != 1)
    return std::nullopt;
  return jwt;
}

}  // namespace writ::identity
