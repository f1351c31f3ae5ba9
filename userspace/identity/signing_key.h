// One key of this host that signs tokens: ES256 (RFC 7518 section 3.4), an EC key on P-256.
#pragma once

#include <openssl/evp.h>

#include <memory>
#include <string>
#include <string_view>

#include "util/result.h"

namespace writ::identity {

// Movable. One thread at a time.
class SigningKey {
 public:
  static Result<SigningKey> generate();
  // PKCS #8 or SEC 1 as PEM, not encrypted. kCorrupt: it is none, on another curve, or its two
  // halves do not belong together.
  static Result<SigningKey> from_pem(std::string_view pem);

  // PKCS #8. The caller wipes it (OPENSSL_cleanse).
  [[nodiscard]] Result<std::string> to_pem() const;

  // A compact JWS (RFC 7515 section 7.1) over `claims` (a JSON object), with the header
  // {"alg":"ES256","kid":…,"typ":type}.
  [[nodiscard]] Result<std::string> sign(std::string_view type, std::string_view claims) const;

  // RFC 7638 thumbprint (SHA-256, base64url): 43 characters.
  [[nodiscard]] const std::string& kid() const { return kid_; }
  // The public part as a JWK (RFC 7517), with kid, use and alg.
  [[nodiscard]] const std::string& public_jwk() const { return jwk_; }

 private:
  struct Free {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  };
  using Handle = std::unique_ptr<EVP_PKEY, Free>;
  static Result<SigningKey> adopt(Handle key);

  Handle key_;
  std::string kid_;
  std::string jwk_;
};

}  // namespace writ::identity
