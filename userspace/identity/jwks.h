// The public keys of one issuer, as its JWKS document lists them (RFC 7517 section 5).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "identity/algorithm.h"
#include "identity/jwk.h"
#include "util/result.h"

namespace writ::identity {

inline constexpr std::size_t kMaxJwksBytes = 256u << 10;
inline constexpr std::size_t kMaxJwksKeys = 64;

class Jwks {
 public:
  // Keys that cannot be used are left out and remembered with the reason; a real JWKS lists
  // encryption keys too. kInvalid: not a JWKS, over the bounds, or nothing in it can be used.
  static Result<Jwks> parse(std::string_view document);

  // The one key for a token's header. Valid as long as the set.
  // kNotFound: no key has that kid (fetch newer ones). kDenied: the key is there and cannot be
  // used for this, or more than one would fit (a repeated kid, or a token without one).
  [[nodiscard]] Result<const Jwk*> find(const std::optional<std::string>& kid,
                                        Algorithm algorithm) const;

  [[nodiscard]] const std::vector<Jwk>& keys() const { return keys_; }

  struct Refused {
    std::string kid;  // may be empty
    std::string why;
  };
  [[nodiscard]] const std::vector<Refused>& refused() const { return refused_; }

 private:
  Jwks() = default;

  std::vector<Jwk> keys_;
  std::vector<Refused> refused_;
};

}  // namespace writ::identity
