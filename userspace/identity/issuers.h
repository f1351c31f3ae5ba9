// The identity providers whose tokens name people, as ROOT/etc/writ/issuers.yaml lists them.
//
//   issuers:
//     - id: okta                                 # stands in records
//       issuer: https://acme.okta.com/oauth2/default   # equals the token's `iss`, byte by byte
//       audience: [api://writ]                   # the token's `aud` holds one of them
//       jwks_uri: https://…/keys                 # optional; else OIDC discovery finds it
//       algorithms: [RS256, ES256]               # optional; of RS256, PS256, ES256, EdDSA
//       tenant: acme                             # all its people; or claims.tenant and tenants:
//       tenants: {<claim's value>: <tenant>}     # or a list, when value and tenant are the same
//       claims:                                  # optional; paths as in claim_path.h
//         user_id: sub
//         user_id_replace: {"|": ":"}            # characters that a Writ name cannot hold; an id
//                                                # that holds the new one already is refused
//         email: email
//         tenant: tid
//         roles: [roles]                         # several are united
//         scopes: [scope, scp]                   # text with blanks, or an array
//       role_scopes: {sales: [crm.*]}            # what a role grants
//       scope_prefixes: {"api://writ/": ""}      # only these count, with the prefix exchanged
//       leeway: 60s                              # for exp, nbf, iat
//       max_token_age: 12h                       # optional; by iat, which is then required
//       keys_valid_for: 24h                      # how long cached keys survive an outage
//       ca_file: /etc/writ/idp-ca.pem            # optional; instead of the system's CAs
//
// policies/identity/issuers.yaml shows it for five products.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "identity/algorithm.h"
#include "identity/claim_path.h"
#include "identity/scope.h"
#include "util/diagnostic.h"

namespace writ::identity {

struct ClaimMapping {
  ClaimPath user_id;
  std::map<char, char> user_id_replace;
  ClaimPath email;
  std::optional<ClaimPath> tenant;
  std::vector<ClaimPath> roles;
  std::vector<ClaimPath> scopes;
};

struct Issuer {
  std::string id;
  std::string issuer;
  std::string jwks_uri;  // empty: discovery
  std::vector<std::string> audiences;
  Algorithms algorithms;
  std::string tenant;                                       // empty: claims.tenant decides
  std::map<std::string, std::string, std::less<>> tenants;  // claim's value → tenant
  ClaimMapping claims;
  std::map<std::string, Scopes, std::less<>> role_scopes;
  std::map<std::string, std::string, std::less<>> scope_prefixes;
  std::chrono::seconds leeway{60};
  std::optional<std::chrono::seconds> max_token_age;
  std::chrono::seconds keys_valid_for{24 * 3600};
  std::string ca_file;
};

// Immutable after loading. Ids and issuer addresses are unique.
class Issuers {
 public:
  static constexpr std::size_t kMax = 64;

  // None: every token is refused.
  Issuers() = default;

  // nullopt when the file cannot be read or holds an error; `out` says what, all at once.
  static std::optional<Issuers> load(const std::string& path, Diagnostics& out);
  // The same from memory; `file` only stands in the diagnostics.
  static std::optional<Issuers> load_from_text(const std::string& file, const std::string& text,
                                               Diagnostics& out);

  // By the exact value of `iss`; nullptr: there is none. Valid as long as the issuers.
  [[nodiscard]] const Issuer* find(std::string_view iss) const;
  [[nodiscard]] const std::vector<Issuer>& all() const { return all_; }

 private:
  std::vector<Issuer> all_;
};

}  // namespace writ::identity
