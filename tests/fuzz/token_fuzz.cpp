// Any bytes as a token, as a key set, and as claims that are signed well: nothing is granted that a
// key of the set did not sign, and what is granted can be written down.
#include <openssl/evp.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "../unit/identity/token_maker.h"
#include "identity/jwks.h"
#include "identity/name.h"
#include "identity/token_verifier.h"

namespace {

using namespace writ;
using namespace writ::identity;

void require(bool holds) {
  if (!holds) __builtin_trap();
}

const Issuers& issuers() {
  static const Issuers all = [] {
    Diagnostics out;
    auto loaded = Issuers::load_from_text("fuzz.yaml", R"(
issuers:
  - {id: one, issuer: "https://one.test", audience: writ, tenant: acme}
  - id: two
    issuer: "https://two.test"
    audience: [writ, api]
    tenants: {t: globex}
    claims:
      user_id: sub
      user_id_replace: {"|": ":"}
      tenant: tid
      roles: [realm_access.roles, groups]
      scopes: [scope, scp]
    role_scopes: {admin: [ops.*]}
    scope_prefixes: {"w:": ""}
)",
                                          out);
    require(loaded.has_value());
    return std::move(*loaded);
  }();
  return all;
}

void check(const VerifiedPerson& person) {
  require(valid_name(person.user_id) && valid_name(person.tenant));
  require(person.tenant == (person.issuer_id == "one" ? "acme" : "globex"));
  for (const std::string& role : person.roles) require(valid_name(role));
  for (const std::string& scope : person.scopes) {
    require(valid_scope(scope));
    // Only role_scopes holds a wildcard there.
    if (person.issuer_id == "two") require(!has_wildcard(scope) || scope == "ops.*");
  }
  require(person.scopes.size() <= kMaxScopes && person.token_digest.size() == 64);
}

Result<VerifiedPerson> verify(std::string_view token, const Jwks& keys) {
  const TokenVerifier verifier(issuers());
  const auto read = verifier.read(token);
  if (!read) return tl::unexpected(read.error());
  const auto key = keys.find(read->kid(), read->algorithm());
  if (!key) return tl::unexpected(key.error());
  return read->verify(**key,
                      std::chrono::system_clock::time_point(std::chrono::seconds(1'750'000'000)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Jwks keys = *Jwks::parse(
      test::jwks({test::rsa_key().jwk("r"), test::ec_key().jwk("e"), test::ed_key().jwk("d")}));
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t cut = text.find('\n');
  const std::string_view first = text.substr(0, cut);
  const std::string_view rest = cut == std::string_view::npos ? "" : text.substr(cut + 1);
  switch (data[0] % 4) {
    case 0:  // a token: no fuzzer signs
      require(!verify(text, keys));
      break;
    case 1: {  // header and claims in plain text, with a signature that is none
      const std::string token = test::base64url(first) + '.' + test::base64url(rest) + ".AAAA";
      require(!verify(token, keys));
      break;
    }
    case 2: {  // claims that the issuer did sign
      const std::string token =
          test::token(test::ed_key(), std::string("EdDSA"), "d", std::string(text));
      if (const auto person = verify(token, keys)) check(*person);
      break;
    }
    default: {  // a key set, asked about a token that none of its keys signed
      const auto set = Jwks::parse(text);
      if (!set) break;
      require(!set->keys().empty() && set->keys().size() <= kMaxJwksKeys);
      static const std::string kToken =
          test::token(test::ed_key(), std::string("EdDSA"), "d",
                      R"({"iss":"https://one.test","sub":"s","aud":"writ","exp":1750000600})");
      static const std::string kOwn = test::ed_key().jwk_members();
      static const std::string kX = kOwn.substr(kOwn.find("\"x\":\"") + 5, 43);
      if (text.find(kX) == std::string_view::npos && text.find('\\') == std::string_view::npos) {
        require(!verify(kToken, *set));
      }
      break;
    }
  }
  return 0;
}
