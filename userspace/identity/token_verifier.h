// Checks a person's token: a JWT (RFC 7519) as compact JWS, by the rules of RFC 8725.
//
//   auto token = verifier.read(text);                       // says who it claims to be from
//   auto key = keys.find(token->kid(), token->algorithm());   // keys of token->issuer()
//   auto person = token->verify(**key, now);
//
// In order: size, form, strict base64url, JSON without repeated names, `crit`, `typ`, issuer by
// exact `iss`, algorithm by the issuer's list; key; signature; then aud, exp, nbf, iat, and the
// mapping of the claims. Keys and addresses inside the header (jwk, jku, x5c, x5u) are never used.
// Tokens bound to a key of their holder (`cnf`) and security events (`events`) are refused: Writ
// cannot check the binding, and the latter grant nothing.
//
// Errors: kInvalid: it is not a token. kDenied: it is one, and not good here. Each message names
// what is wrong and what to do, and holds no part of the token but names and times, made printable.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "identity/algorithm.h"
#include "identity/issuers.h"
#include "identity/jwk.h"
#include "identity/verified_person.h"
#include "util/result.h"

namespace writ::identity {

// A token that is well-formed and claims to come from a known issuer. Nothing in it is true yet.
class UnverifiedToken {
 public:
  UnverifiedToken(UnverifiedToken&&) noexcept;
  UnverifiedToken& operator=(UnverifiedToken&&) noexcept;
  ~UnverifiedToken();

  [[nodiscard]] const Issuer& issuer() const;
  [[nodiscard]] Algorithm algorithm() const;
  [[nodiscard]] const std::optional<std::string>& kid() const;

  // `key` must be one of issuer()'s.
  [[nodiscard]] Result<VerifiedPerson> verify(const Jwk& key,
                                              std::chrono::system_clock::time_point now) const;

 private:
  friend class TokenVerifier;
  struct Parts;
  explicit UnverifiedToken(std::unique_ptr<Parts> parts);

  std::unique_ptr<Parts> parts_;
};

class TokenVerifier {
 public:
  static constexpr std::size_t kMaxTokenBytes = 16u << 10;

  // `issuers` must outlive the verifier and what it reads.
  explicit TokenVerifier(const Issuers& issuers, std::size_t max_token_bytes = kMaxTokenBytes)
      : issuers_(issuers), max_(max_token_bytes) {}

  // `token` (without blanks around it) must outlive the result.
  [[nodiscard]] Result<UnverifiedToken> read(std::string_view token) const;

 private:
  const Issuers& issuers_;
  std::size_t max_;
};

}  // namespace writ::identity
