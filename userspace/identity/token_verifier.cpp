#include "identity/token_verifier.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>

#include "identity/base64url.h"
#include "identity/claims.h"
#include "identity/printable.h"
#include "identity/strict_json.h"

namespace writ::identity {
namespace {

using simdjson::dom::object;

bool same_word(std::string_view a, std::string_view lower) {
  return a.size() == lower.size() &&
         std::equal(a.begin(), a.end(), lower.begin(), [](char x, char y) {
           return (x >= 'A' && x <= 'Z' ? static_cast<char>(x - 'A' + 'a') : x) == y;
         });
}

// RFC 8725 section 3.11: a JWT of another kind (a logout token, a DPoP proof) is not one of these.
Status check_type(const object& header) {
  const auto typ = member(header, "typ");
  if (!typ) return {};
  const std::string_view type = as_text(*typ).value_or("");
  for (const char* good : {"jwt", "at+jwt", "application/jwt", "application/at+jwt"}) {
    if (same_word(type, good)) return {};
  }
  return fail(ErrorCode::kDenied,
              "the token's type {} is not that of an access or ID token (JWT, at+jwt)",
              printable(type));
}

Result<Algorithm> pinned_algorithm(std::string_view name, const Issuer& issuer) {
  const auto algorithm = algorithm_named(name);
  if (algorithm && std::find(issuer.algorithms.begin(), issuer.algorithms.end(), *algorithm) !=
                       issuer.algorithms.end()) {
    return *algorithm;
  }
  std::string allowed;
  for (const Algorithm one : issuer.algorithms) {
    allowed += (allowed.empty() ? "" : ", ") + std::string(name_of(one));
  }
  return fail(ErrorCode::kDenied,
              "the token's algorithm {} is not allowed for issuer {} (it is: {})", printable(name),
              issuer.id, allowed);
}

std::string sha256_hex(std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  // Static: fetching an algorithm by name takes longer than hashing a token.
  static const EVP_MD* const kSha256 = EVP_sha256();
  if (EVP_Digest(text.data(), text.size(), digest.data(), &size, kSha256, nullptr) != 1) return "";
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string hex;
  hex.reserve(std::size_t{size} * 2);
  for (unsigned i = 0; i < size; ++i) {
    hex += kHex[digest[i] >> 4];
    hex += kHex[digest[i] & 15];
  }
  return hex;
}

}  // namespace

struct UnverifiedToken::Parts {
  std::string_view compact;
  std::string_view signed_part;
  std::string header_text;
  std::string claims_text;
  std::string signature;
  StrictJson header_json;
  StrictJson claims_json;
  object claims;
  const Issuer* issuer = nullptr;
  Algorithm algorithm = Algorithm::kRs256;
  std::optional<std::string> kid;
};

UnverifiedToken::UnverifiedToken(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
UnverifiedToken::UnverifiedToken(UnverifiedToken&&) noexcept = default;
UnverifiedToken& UnverifiedToken::operator=(UnverifiedToken&&) noexcept = default;
UnverifiedToken::~UnverifiedToken() = default;

const Issuer& UnverifiedToken::issuer() const { return *parts_->issuer; }
Algorithm UnverifiedToken::algorithm() const { return parts_->algorithm; }
const std::optional<std::string>& UnverifiedToken::kid() const { return parts_->kid; }

Result<UnverifiedToken> TokenVerifier::read(std::string_view token) const {
  if (token.empty()) return fail(ErrorCode::kInvalid, "the token is empty");
  if (token.size() > max_) {
    return fail(ErrorCode::kInvalid, "the token has {} bytes, and at most {} are read",
                token.size(), max_);
  }
  const std::size_t first = token.find('.');
  const std::size_t second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos) {
    return fail(ErrorCode::kInvalid,
                "this is not a signed token: three parts with dots between them (is it an opaque "
                "or encrypted token, or cut short?)");
  }
  auto parts = std::make_unique<UnverifiedToken::Parts>();
  parts->compact = token;
  parts->signed_part = token.substr(0, second);
  if (!decode_base64url(token.substr(0, first), parts->header_text) ||
      !decode_base64url(token.substr(first + 1, second - first - 1), parts->claims_text) ||
      !decode_base64url(token.substr(second + 1), parts->signature)) {
    return fail(ErrorCode::kInvalid, "the token is not base64url (is it cut short?)");
  }
  const auto header = parts->header_json.read(parts->header_text, "the token's header");
  if (!header) return tl::unexpected(header.error());
  if (member(*header, "crit")) {
    return fail(ErrorCode::kDenied,
                "the token demands extensions (`crit`) that Writ does not know");
  }
  if (Status type = check_type(*header); !type) return tl::unexpected(type.error());
  const auto claims = parts->claims_json.read(parts->claims_text, "the token's claims part");
  if (!claims) return tl::unexpected(claims.error());
  parts->claims = *claims;
  const auto iss = member(*claims, "iss");
  const auto issuer_name = iss ? as_text(*iss) : std::nullopt;
  if (!issuer_name) return fail(ErrorCode::kDenied, "the token does not say who issued it (`iss`)");
  parts->issuer = issuers_.find(*issuer_name);
  if (parts->issuer == nullptr) {
    return fail(ErrorCode::kDenied, "the token's issuer {} is not known here (see issuers.yaml)",
                printable(*issuer_name));
  }
  const auto alg = member(*header, "alg");
  const auto algorithm = pinned_algorithm(alg ? as_text(*alg).value_or("") : "", *parts->issuer);
  if (!algorithm) return tl::unexpected(algorithm.error());
  parts->algorithm = *algorithm;
  if (const auto kid = member(*header, "kid")) {
    const auto text = as_text(*kid);
    if (!text || text->empty() || text->size() > Jwk::kMaxKid) {
      return fail(ErrorCode::kInvalid, "the token's `kid` is not a text of 1 to {} bytes",
                  Jwk::kMaxKid);
    }
    parts->kid = std::string(*text);
  }
  if (parts->signature.empty()) return fail(ErrorCode::kDenied, "the token is not signed");
  return UnverifiedToken(std::move(parts));
}

Result<VerifiedPerson> UnverifiedToken::verify(const Jwk& key,
                                               std::chrono::system_clock::time_point now) const {
  const Parts& parts = *parts_;
  if (!key.fits(parts.algorithm)) {
    return fail(ErrorCode::kDenied, "the token is signed with {}, and its key is not for that",
                name_of(parts.algorithm));
  }
  if (Status good = key.check(parts.algorithm, {.compact = parts.compact,
                                                .signed_part = parts.signed_part,
                                                .signature = parts.signature});
      !good) {
    return fail(ErrorCode::kDenied,
                "the token's signature is not that of issuer {} (was it changed or cut?)",
                parts.issuer->id);
  }
  auto person = person_from_claims(parts.claims, *parts.issuer, now);
  if (person) person->token_digest = sha256_hex(parts.signed_part);
  return person;
}

}  // namespace writ::identity
