#include "identity/claim_checks.h"

#include <fmt/chrono.h>

#include <algorithm>

#include "identity/printable.h"
#include "identity/strict_json.h"

namespace writ::identity {
namespace {

using simdjson::dom::object;
using Time = std::chrono::system_clock::time_point;
using std::chrono::seconds;

constexpr double kEndOfTime = 8589934592;  // 2^33 s, the year 2242: within system_clock

std::string shown(Time time) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(time)));
}

// NumericDate (RFC 7519 section 2); beyond the end of time counts as the end.
Result<std::optional<Time>> time_of(const object& claims, std::string_view name) {
  const auto value = member(claims, name);
  if (!value) return std::optional<Time>();
  double date = 0;
  if (!value->is_number() || value->get(date) != simdjson::SUCCESS || date < 0) {
    return fail(ErrorCode::kDenied, "the token's `{}` is not a date in seconds", name);
  }
  return std::optional<Time>(Time(seconds(static_cast<std::int64_t>(std::min(date, kEndOfTime)))));
}

Status check_audience(const object& claims, const Issuer& issuer) {
  const auto value = member(claims, "aud");
  if (!value) {
    return fail(ErrorCode::kDenied,
                "the token names no audience (`aud`); ask for one that is meant for Writ");
  }
  bool ours = false;
  std::string first;
  const bool good = each_text(*value, [&](std::string_view audience) {
    if (first.empty()) first = std::string(audience);
    ours = ours || std::find(issuer.audiences.begin(), issuer.audiences.end(), audience) !=
                       issuer.audiences.end();
  });
  if (!good)
    return fail(ErrorCode::kDenied, "the token's `aud` is neither a text nor a list of texts");
  if (ours) return {};
  return fail(ErrorCode::kDenied, "the token is for audience {}, and Writ takes {} from issuer {}",
              printable(first), printable(issuer.audiences.front()), issuer.id);
}

Status check_times(const object& claims, const Issuer& issuer, Time now, VerifiedPerson& person) {
  auto expires = time_of(claims, "exp");
  if (!expires) return tl::unexpected(expires.error());
  if (!*expires) {
    return fail(ErrorCode::kDenied,
                "the token does not say when it expires (`exp`), so it is refused");
  }
  auto not_before = time_of(claims, "nbf");
  if (!not_before) return tl::unexpected(not_before.error());
  auto issued = time_of(claims, "iat");
  if (!issued) return tl::unexpected(issued.error());
  person.expires = **expires;
  person.not_before = *not_before;
  person.issued_at = *issued;
  if (now >= person.expires + issuer.leeway) {
    return fail(ErrorCode::kDenied, "the token expired at {} (get a new one)",
                shown(person.expires));
  }
  if (person.not_before && now + issuer.leeway < *person.not_before) {
    return fail(ErrorCode::kDenied,
                "the token is not valid before {} (is this host's clock right?)",
                shown(*person.not_before));
  }
  if (person.issued_at && now + issuer.leeway < *person.issued_at) {
    return fail(ErrorCode::kDenied,
                "the token was issued in the future, at {} (is this host's clock right?)",
                shown(*person.issued_at));
  }
  if (!issuer.max_token_age) return {};
  if (!person.issued_at)
    return fail(ErrorCode::kDenied, "the token does not say when it was issued (`iat`)");
  if (now > *person.issued_at + *issuer.max_token_age + issuer.leeway) {
    return fail(ErrorCode::kDenied,
                "the token was issued at {}, which is over {} s ago (get a new one)",
                shown(*person.issued_at), issuer.max_token_age->count());
  }
  return {};
}

}  // namespace

Status check_claims(const object& claims, const Issuer& issuer, Time now, VerifiedPerson& person) {
  const auto iss = member(claims, "iss");
  if (!iss || as_text(*iss) != issuer.issuer) {
    return fail(ErrorCode::kDenied, "the token is not from issuer {}", issuer.id);
  }
  if (Status audience = check_audience(claims, issuer); !audience) {
    return audience;
  }
  if (Status times = check_times(claims, issuer, now, person); !times) {
    return times;
  }
  // RFC 7800 section 3.1: such a token counts only together with a proof that Writ cannot ask for.
  if (member(claims, "cnf")) {
    return fail(ErrorCode::kDenied,
                "the token is bound to a key of its holder (`cnf`); ask for a bearer token");
  }
  if (member(claims, "events")) {  // RFC 8417 section 2.2, OpenID Connect Back-Channel Logout 2.4
    return fail(ErrorCode::kDenied, "this is a security event (`events`), not a token of a person");
  }
  return {};
}

}  // namespace writ::identity
