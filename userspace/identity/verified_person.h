// Who a verified token speaks of, in Writ's own terms.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "identity/scope.h"

namespace writ::identity {

struct VerifiedPerson {
  std::string issuer_id;           // Issuer::id
  std::string subject;             // `sub` as it is, up to 255 bytes without control characters
  std::string user_id;             // a valid name (name.h)
  std::string tenant;              // a valid name
  std::string email;               // empty: none, or `email_verified` says it is not
  std::vector<std::string> roles;  // valid names, sorted, unique
  Scopes scopes;                   // minimal; of the token and of its roles
  // Can lie in the past by up to the issuer's leeway.
  std::chrono::system_clock::time_point expires;
  std::optional<std::chrono::system_clock::time_point> not_before;
  std::optional<std::chrono::system_clock::time_point> issued_at;
  // For the record, which never holds the token itself.
  std::string token_id;      // `jti`; empty when there is none, or one over 128 plain characters
  std::string token_digest;  // SHA-256 of the signed part (header and claims), 64 hex digits
  // What the token names and Writ has no way to write; granted to nobody.
  std::size_t dropped_scopes = 0;
  std::size_t dropped_roles = 0;
};

}  // namespace writ::identity
