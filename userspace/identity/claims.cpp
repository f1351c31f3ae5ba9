#include "identity/claims.h"

#include <algorithm>

#include "identity/claim_checks.h"
#include "identity/name.h"
#include "identity/printable.h"
#include "identity/strict_json.h"

namespace writ::identity {
namespace {

using simdjson::dom::object;
using Time = std::chrono::system_clock::time_point;

constexpr std::size_t kMaxSubject = 255;  // OpenID Connect Core 1.0 section 2
constexpr std::size_t kMaxText = 1024;
constexpr std::size_t kMaxTokenId = 128;

// The text at a path; empty when there is none.
Result<std::string> text_at(const object& claims, const ClaimPath& path) {
  const auto value = find_claim(claims, path);
  if (!value) return std::string();
  const auto text = as_text(*value);
  if (!text || !valid_text(*text, kMaxText)) {
    return fail(ErrorCode::kDenied, "the token's claim {} is not a plain text",
                printable(path.text()));
  }
  return std::string(*text);
}

// An address that the issuer says it has not verified names nobody. Some write "true" as text.
bool says_unverified(const object& claims) {
  const auto verified = member(claims, "email_verified");
  if (!verified) return false;
  bool yes = false;
  if (verified->get(yes) == simdjson::SUCCESS) return !yes;
  return as_text(*verified) != "true";
}

Status map_email(const object& claims, const Issuer& issuer, VerifiedPerson& person) {
  auto email = text_at(claims, issuer.claims.email);
  if (!email) return tl::unexpected(email.error());
  if (email->size() > kMaxEmail || email->find(' ') != std::string::npos) {
    return fail(ErrorCode::kDenied, "the token's email is not an address");
  }
  if (!says_unverified(claims)) person.email = std::move(*email);
  return {};
}

Status map_user(const object& claims, const Issuer& issuer, VerifiedPerson& person) {
  const ClaimPath& path = issuer.claims.user_id;
  const bool by_email =
      path.names() == issuer.claims.email.names() || path.names().back() == "email";
  if (by_email && says_unverified(claims)) {
    return fail(ErrorCode::kDenied,
                "the token's email is not verified, so it cannot say who this is");
  }
  auto id = text_at(claims, path);
  if (!id) return tl::unexpected(id.error());
  if (id->empty()) {
    return fail(ErrorCode::kDenied,
                "the token has no claim {}, which names the user (see "
                "`claims.user_id` of issuer {})",
                printable(path.text()), issuer.id);
  }
  for (const auto& [from, to] : issuer.claims.user_id_replace) {
    if (id->find(to) != std::string::npos) {
      // Else "a|b" and "a:b" would be one person.
      return fail(ErrorCode::kDenied,
                  "the token's user {} holds '{}', which `user_id_replace` of issuer "
                  "{} puts for '{}'",
                  printable(*id), to, issuer.id, from);
    }
  }
  for (const auto& [from, to] : issuer.claims.user_id_replace) {
    std::replace(id->begin(), id->end(), from, to);
  }
  if (!valid_name(*id)) {
    return fail(ErrorCode::kDenied,
                "the token's user {} cannot be a user's id here ({}; or see "
                "`claims.user_id` of issuer {})",
                printable(*id), kNameHint, issuer.id);
  }
  person.user_id = std::move(*id);
  return {};
}

Status map_tenant(const object& claims, const Issuer& issuer, VerifiedPerson& person) {
  person.tenant = issuer.tenant;
  if (!issuer.claims.tenant) return {};
  auto value = text_at(claims, *issuer.claims.tenant);
  if (!value) return tl::unexpected(value.error());
  const auto tenant = issuer.tenants.find(*value);
  if (tenant == issuer.tenants.end()) {
    return fail(ErrorCode::kDenied,
                "the token's tenant {} is not one that issuer {} may name (see its "
                "`tenants`)",
                printable(*value), issuer.id);
  }
  person.tenant = tenant->second;
  return {};
}

// The Writ scope that a token's scope stands for; nullopt: none. A wildcard counts only where the
// token itself holds it, never as what is left of a prefix.
std::optional<std::string> writ_scope(std::string_view scope, const Issuer& issuer) {
  if (issuer.scope_prefixes.empty()) {
    if (!valid_scope(scope)) return std::nullopt;
    return std::string(scope);
  }
  const std::pair<const std::string, std::string>* longest = nullptr;
  for (const auto& prefix : issuer.scope_prefixes) {
    if (scope.starts_with(prefix.first) &&
        (longest == nullptr || prefix.first.size() > longest->first.size())) {
      longest = &prefix;
    }
  }
  if (longest == nullptr) return std::nullopt;
  std::string mapped = longest->second + std::string(scope.substr(longest->first.size()));
  if (!valid_scope(mapped) || has_wildcard(mapped)) return std::nullopt;
  return mapped;
}

void map_scopes(const object& claims, const Issuer& issuer, VerifiedPerson& person) {
  const auto add = [&](std::string_view scope) {
    if (auto mapped = writ_scope(scope, issuer)) {
      person.scopes.push_back(std::move(*mapped));
    } else {
      ++person.dropped_scopes;
    }
  };
  for (const ClaimPath& path : issuer.claims.scopes) {
    const auto value = find_claim(claims, path);
    if (!value) continue;
    if (const auto text = as_text(*value)) {  // RFC 6749 section 3.3
      std::string_view rest = *text;
      while (!rest.empty()) {
        const std::string_view one = rest.substr(0, rest.find(' '));
        if (!one.empty()) add(one);
        rest.remove_prefix(std::min(one.size() + 1, rest.size()));
      }
    } else if (!each_text(*value, add)) {
      ++person.dropped_scopes;
    }
  }
}

void map_roles(const object& claims, const Issuer& issuer, VerifiedPerson& person) {
  for (const ClaimPath& path : issuer.claims.roles) {
    const auto value = find_claim(claims, path);
    if (!value) continue;
    const bool good = each_text(*value, [&](std::string_view role) {
      const auto granted = issuer.role_scopes.find(role);
      if (granted != issuer.role_scopes.end() && person.scopes.size() <= kMaxScopes) {
        person.scopes.insert(person.scopes.end(), granted->second.begin(), granted->second.end());
      }
      if (valid_name(role)) {
        person.roles.emplace_back(role);
      } else if (granted == issuer.role_scopes.end()) {
        ++person.dropped_roles;
      }
    });
    if (!good) ++person.dropped_roles;
  }
  std::sort(person.roles.begin(), person.roles.end());
  person.roles.erase(std::unique(person.roles.begin(), person.roles.end()), person.roles.end());
}

}  // namespace

Result<VerifiedPerson> person_from_claims(const object& claims, const Issuer& issuer, Time now) {
  VerifiedPerson person{.issuer_id = issuer.id};
  if (Status good = check_claims(claims, issuer, now, person); !good) {
    return tl::unexpected(good.error());
  }
  const auto sub = member(claims, "sub");
  const auto subject = sub ? as_text(*sub) : std::nullopt;
  if (!subject || subject->empty() || !valid_text(*subject, kMaxSubject)) {
    return fail(ErrorCode::kDenied,
                "the token's `sub` is missing or not a plain text of up to 255 bytes");
  }
  person.subject = std::string(*subject);
  for (const auto map : {map_email, map_user, map_tenant}) {
    if (Status mapped = map(claims, issuer, person); !mapped) return tl::unexpected(mapped.error());
  }
  map_scopes(claims, issuer, person);
  map_roles(claims, issuer, person);
  if (person.scopes.size() > kMaxScopes) {
    return fail(ErrorCode::kDenied, "the token grants more than {} scopes (ask for fewer)",
                kMaxScopes);
  }
  person.scopes = minimal(std::move(person.scopes));
  const auto jti = member(claims, "jti");
  const std::string_view token_id = jti ? as_text(*jti).value_or("") : "";
  const bool plain =
      std::all_of(token_id.begin(), token_id.end(), [](char c) { return c > ' ' && c <= '~'; });
  if (plain && token_id.size() <= kMaxTokenId) person.token_id = std::string(token_id);
  return person;
}

}  // namespace writ::identity
