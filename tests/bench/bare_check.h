// The bare signature check: OpenSSL over bytes that are ready, with a key that is loaded.
//
// No verification of a token can cost less, so it is the floor of what a token may cost. Nothing is
// decoded, parsed or looked up, and the digest is fetched once.
#pragma once

#include <openssl/evp.h>

#include <string>
#include <string_view>

namespace writ::bench {

class BareCheck {
 public:
  // Of a compact JWS. `key` and `token` must outlive the check.
  BareCheck(EVP_PKEY* key, std::string_view algorithm, std::string_view token);

  [[nodiscard]] bool good() const;

 private:
  EVP_PKEY* key_;
  const EVP_MD* digest_;  // nullptr: the algorithm brings its own
  bool pss_;
  std::string_view text_;  // what is signed
  std::string signature_;  // as OpenSSL wants it
};

}  // namespace writ::bench
