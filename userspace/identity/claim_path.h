// Where in a token's claims a value stands: names with dots between them.
//
//   path := name { "." name }
//   name := characters without "." and quotes, or any text in '…' or "…"
//
// `realm_access.roles` is the member `roles` of the object `realm_access` (Keycloak). A name that
// holds dots is quoted: `"https://acme.test/roles"` (Auth0). A quote cannot stand inside its own
// kind.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "util/result.h"

namespace writ::identity {

class ClaimPath {
 public:
  ClaimPath() = default;  // no names: finds nothing
  // kInvalid: empty, an empty name, an open quote, or over kMaxNames names.
  static Result<ClaimPath> parse(std::string_view text);

  static constexpr std::size_t kMaxNames = 8;

  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }
  // As it was written.
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
  std::vector<std::string> names_;
};

}  // namespace writ::identity
