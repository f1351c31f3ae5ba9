#include "identity/key_source.h"

#include <algorithm>

#include "identity/http_url.h"
#include "identity/printable.h"
#include "identity/strict_json.h"

namespace writ::identity {
namespace {

using std::chrono::duration_cast;
using std::chrono::seconds;

// OpenID Connect Discovery 1.0 section 4.1.
std::string discovery_url(std::string issuer) {
  if (issuer.ends_with('/')) issuer.pop_back();
  return issuer + "/.well-known/openid-configuration";
}

}  // namespace

KeySource::Age KeySource::age(Time now) const {
  if (!keys_) return Age::kNone;
  const auto old = now - fetched_at_;
  if (old >= issuer_.keys_valid_for) return Age::kNone;
  if (old >= fresh_for_) return Age::kStale;
  return old * 5 >= fresh_for_ * 4 ? Age::kDue : Age::kFresh;
}

const Jwks* KeySource::keys(Time now) const { return age(now) == Age::kNone ? nullptr : &*keys_; }

std::optional<FetchRequest> KeySource::begin(Reason reason, Time now) {
  if (fetching() || now < failed_at_ + retry_after_) return std::nullopt;
  if (reason == Reason::kUnknownKid) {
    if (unknown_kid_at_ && now < *unknown_kid_at_ + kUnknownKidEvery) return std::nullopt;
    unknown_kid_at_ = now;
  }
  began_at_ = now;
  step_ = issuer_.jwks_uri.empty() ? Step::kDiscovery : Step::kKeys;
  return FetchRequest{
      .url = step_ == Step::kKeys ? issuer_.jwks_uri : discovery_url(issuer_.issuer),
      .ca_file = issuer_.ca_file};
}

std::optional<FetchRequest> KeySource::on_fetched(const Result<FetchedDocument>& result, Time now) {
  const Step step = std::exchange(step_, Step::kIdle);
  if (step == Step::kIdle) return std::nullopt;
  if (!result) {
    failed(result.error(), now);
    return std::nullopt;
  }
  if (step == Step::kDiscovery) {
    auto url = read_discovery(result->body);
    if (!url) {
      failed(url.error(), now);
      return std::nullopt;
    }
    step_ = Step::kKeys;
    return FetchRequest{.url = std::move(*url), .ca_file = issuer_.ca_file};
  }
  if (Status taken = take_keys(*result, now); !taken) failed(taken.error(), now);
  return std::nullopt;
}

Result<std::string> KeySource::read_discovery(const std::string& body) const {
  std::string text = body;
  StrictJson json;
  const auto document = json.read(text, "the discovery document");
  if (!document) return tl::unexpected(document.error());
  const auto issuer = member(*document, "issuer");
  const std::string_view name = issuer ? as_text(*issuer).value_or("") : "";
  if (name != issuer_.issuer) {  // OpenID Connect Discovery 1.0 section 4.3
    return fail(ErrorCode::kInvalid, "the discovery document is of issuer {}, not of {}",
                printable(name), printable(issuer_.issuer));
  }
  const auto uri = member(*document, "jwks_uri");
  std::string url(uri ? as_text(*uri).value_or("") : "");
  const auto parsed = parse_http_url(url);
  if (!parsed) return context(parsed.error(), "`jwks_uri` of the discovery document");
  // Another host may hold the keys, but not more openly than the issuer answers.
  const auto own = parse_http_url(issuer_.issuer);
  if (!parsed->https && (!own || own->https)) {
    return fail(ErrorCode::kInvalid, "the discovery document names keys at {}, which is not https",
                printable(url));
  }
  return url;
}

Status KeySource::take_keys(const FetchedDocument& document, Time now) {
  auto keys = Jwks::parse(document.body);
  if (!keys) return tl::unexpected(keys.error());
  keys_ = std::move(*keys);
  asked_at_ = began_at_;
  fetched_at_ = now;
  fresh_for_ =
      document.max_age ? std::clamp(*document.max_age, kFreshMin, kFreshMax) : kFreshDefault;
  retry_after_ = seconds(0);
  last_error_.clear();
  return {};
}

void KeySource::failed(const Error& error, Time now) {
  last_error_ = error.message;
  failed_at_ = now;
  retry_after_ = std::clamp(retry_after_ * 2, kRetryMin, kRetryMax);
}

Error KeySource::trouble(Time now) const {
  if (!last_error_.empty()) {
    const auto ago = duration_cast<seconds>(now - failed_at_).count();
    return {ErrorCode::kUnavailable,
            fmt::format("the keys of issuer {} cannot be fetched: {} (tried {} s ago)", issuer_.id,
                        last_error_, ago)};
  }
  const auto next = unknown_kid_at_ ? *unknown_kid_at_ + kUnknownKidEvery - now : Time::duration(0);
  const auto wait = std::max<std::int64_t>(duration_cast<seconds>(next).count(), 0);
  return {ErrorCode::kUnavailable,
          fmt::format("newer keys of issuer {} can be asked for in {} s", issuer_.id, wait)};
}

}  // namespace writ::identity
