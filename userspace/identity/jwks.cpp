#include "identity/jwks.h"

#include <fmt/format.h>

#include "identity/printable.h"
#include "identity/strict_json.h"

namespace writ::identity {

using simdjson::dom::array;
using simdjson::dom::object;

Result<Jwks> Jwks::parse(std::string_view document) {
  if (document.size() > kMaxJwksBytes) {
    return fail(ErrorCode::kInvalid, "the key set is larger than {} KiB", kMaxJwksBytes >> 10);
  }
  std::string text(document);
  StrictJson json;
  const auto top = json.read(text, "the key set");
  if (!top) return tl::unexpected(top.error());
  const auto list = member(*top, "keys");
  array entries;
  if (!list || list->get(entries) != simdjson::SUCCESS) {
    return fail(ErrorCode::kInvalid, "the key set has no list `keys`");
  }
  if (entries.size() > kMaxJwksKeys) {
    return fail(ErrorCode::kInvalid, "the key set lists more than {} keys", kMaxJwksKeys);
  }
  Jwks set;
  for (const Json entry : entries) {
    object one;
    if (entry.get(one) != simdjson::SUCCESS) {
      return fail(ErrorCode::kInvalid, "the key set lists something that is not a key");
    }
    if (auto key = Jwk::from_json(one)) {
      set.keys_.push_back(std::move(*key));
    } else {
      const auto kid = member(one, "kid");
      set.refused_.push_back(
          {std::string(kid ? as_text(*kid).value_or("") : ""), key.error().message});
    }
  }
  if (set.keys_.empty()) {
    return fail(ErrorCode::kInvalid, "the key set holds no key that can be used{}",
                set.refused_.empty() ? ""
                                     : fmt::format(" (key {}: {})", printable(set.refused_[0].kid),
                                                   set.refused_[0].why));
  }
  return set;
}

Result<const Jwk*> Jwks::find(const std::optional<std::string>& kid, Algorithm algorithm) const {
  const Jwk* found = nullptr;
  const Jwk* misfit = nullptr;
  for (const Jwk& key : keys_) {
    if (kid && key.kid() != *kid) continue;
    if (!key.fits(algorithm)) {
      misfit = &key;
      continue;
    }
    if (found != nullptr) {
      return kid ? fail(ErrorCode::kDenied,
                        "the issuer lists key {} twice (it must name each once)", printable(*kid))
                 : fail(ErrorCode::kDenied,
                        "the token names no key (kid), and more than one of the issuer fits {}",
                        name_of(algorithm));
    }
    found = &key;
  }
  if (found != nullptr) return found;
  if (kid && misfit != nullptr) {
    return fail(ErrorCode::kDenied,
                "the token is signed with {}, and its key {} ({}) is not for that",
                name_of(algorithm), printable(*kid), name_of(misfit->type()));
  }
  if (kid) {
    for (const Refused& refused : refused_) {
      if (refused.kid != *kid) continue;
      return fail(ErrorCode::kDenied, "the token's key {} cannot be used: {}", printable(*kid),
                  refused.why);
    }
    return fail(ErrorCode::kNotFound, "the issuer has no key {}", printable(*kid));
  }
  return fail(ErrorCode::kNotFound, "the token names no key (kid), and none of the issuer fits {}",
              name_of(algorithm));
}

}  // namespace writ::identity
