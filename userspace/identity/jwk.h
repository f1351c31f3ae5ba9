// One public key of an issuer, ready to check signatures (RFC 7517, 7518 section 6, 8037).
#pragma once

#include <cjose/jwk.h>
#include <openssl/evp.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "identity/algorithm.h"
#include "util/result.h"

namespace simdjson::dom {
class object;
}

namespace writ::identity {

// A signed token, cut at its dots; all of it points into the caller's bytes.
struct SignedText {
  std::string_view compact;      // the whole
  std::string_view signed_part;  // header and claims, with the dot between them
  std::string_view signature;    // decoded
};

// Movable. One thread at a time, since cjose counts references without locks.
class Jwk {
 public:
  static constexpr int kMinRsaBits = 2048;
  static constexpr std::size_t kMaxKid = 256;  // bytes
  static constexpr int kMaxRsaBits = 8192;     // beyond, one check costs milliseconds

  // kInvalid, with the reason: symmetric, private, weak, of an unknown type or curve, not a point
  // of its curve, or not for checking signatures (`use`, `key_ops`, `alg`).
  static Result<Jwk> from_json(const simdjson::dom::object& json);

  [[nodiscard]] const std::string& kid() const { return kid_; }  // empty: has none
  [[nodiscard]] KeyType type() const { return type_; }
  // Whether the key's type and its own `alg`, if it names one, allow the algorithm.
  [[nodiscard]] bool fits(Algorithm algorithm) const;

  // REQUIRES: fits(algorithm), and the token's header names that algorithm once (cjose reads it
  // again). kDenied: the signature is not this key's.
  Status check(Algorithm algorithm, const SignedText& token) const;

 private:
  struct FreeCjose {
    void operator()(cjose_jwk_t* key) const { (void)cjose_jwk_release(key); }
  };
  struct FreeEvp {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  };

  Jwk() = default;
  Status load_rsa(const simdjson::dom::object& json);
  Status load_ec(const simdjson::dom::object& json);
  Status load_okp(const simdjson::dom::object& json);
  Status check_ed25519(const SignedText& token) const;

  std::string kid_;
  KeyType type_ = KeyType::kRsa;
  std::optional<Algorithm> algorithm_;
  std::unique_ptr<cjose_jwk_t, FreeCjose> cjose_;  // RSA and EC
  std::unique_ptr<EVP_PKEY, FreeEvp> evp_;         // Ed25519, which cjose 0.6 does not know
};

}  // namespace writ::identity
