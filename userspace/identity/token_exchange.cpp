#include "identity/token_exchange.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>

#include "identity/compact_text.h"
#include "util/json_text.h"

namespace writ::identity {
namespace {

using Seconds = std::chrono::sys_seconds;

OAuthError refused(const char* code, std::string description) {
  return {.status = 400, .code = code, .description = std::move(description)};
}

// What the host says of a token or writ, in the codes of OAuth.
OAuthError refused(const Error& error) {
  switch (error.code) {
    case ErrorCode::kInvalid:
    case ErrorCode::kDenied:
    case ErrorCode::kNotFound:
      return refused("invalid_request", error.message);
    case ErrorCode::kUnavailable:
      return {.status = 503, .code = "temporarily_unavailable", .description = error.message};
    case ErrorCode::kCorrupt:
    case ErrorCode::kIo:
    case ErrorCode::kInternal:
      break;
  }
  return {.status = 500,
          .code = "server_error",
          .description = "writd could not do it; its journal says why"};
}

Result<std::string> random_id() {
  std::array<unsigned char, 16> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1)
    return fail(ErrorCode::kInternal, "OpenSSL has no random numbers");
  return encode_base64url({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

std::string joined(const Scopes& scopes) {
  std::string text;
  for (const std::string& scope : scopes) {
    if (!text.empty()) text += ' ';
    text += scope;
  }
  return text;
}

// RFC 8693 section 4.1: the one who acts outermost, in it who acted before.
std::string act_claim(const std::vector<std::string>& chain) {
  std::string act;
  for (const std::string& agent : chain) {
    act =
        fmt::format("{{\"sub\":{}{}{}}}", json_string(agent), act.empty() ? "" : ",\"act\":", act);
  }
  return act;
}

// RFC 7519 section 4.1.3: one audience stands alone.
std::string aud_claim(const std::vector<std::string>& audience) {
  if (audience.size() == 1) return json_string(audience.front());
  std::string list;
  for (const std::string& one : audience) list += (list.empty() ? "" : ",") + json_string(one);
  return "[" + list + "]";
}

std::string claims_of(const ExchangeEvent& event, const std::string& issuer, Seconds from,
                      Seconds to) {
  const std::string& client = event.client.empty() ? event.agent.id : event.client;
  const auto unix_time = [](Seconds time) { return time.time_since_epoch().count(); };
  return fmt::format(
      R"({{"iss":{},"sub":{},"aud":{},"client_id":{},"scope":{},"act":{},"tenant":{},)"
      R"("iat":{},"nbf":{},"exp":{},"jti":{}}})",
      json_string(issuer), json_string(event.user.id), aud_claim(event.audience),
      json_string(client), json_string(joined(event.scopes)), act_claim(event.chain),
      json_string(event.tenant), unix_time(from), unix_time(from), unix_time(to),
      json_string(event.jti));
}

}  // namespace

std::string detail_of(const ExchangeEvent& event) {
  std::string text = "token " + event.jti + " for";
  for (const std::string& audience : event.audience) text += " " + audience;
  return text;
}

TokenResponse to_response(const OAuthError& error) {
  // RFC 6749 section 5.2: %x20-21 / %x23-5B / %x5D-7E.
  std::string description = error.description;
  for (char& c : description) {
    if (c == '"') c = '\'';
    if (c < ' ' || c > '~' || c == '\\') c = '?';
  }
  return {.status = error.status,
          .body = fmt::format(R"({{"error":{},"error_description":{}}})", json_string(error.code),
                              json_string(description)),
          .error = error.code};
}

void TokenExchange::run(ExchangeRequest request, Done done) {
  // First what costs little and needs no waiting, so that only who acts for somebody can make writd
  // ask an identity provider. Looked at again once the person is known: a writ can be revoked
  // meanwhile.
  const ActorOrError actor = find_actor(request, host_.now());
  if (const auto* error = std::get_if<OAuthError>(&actor)) return done(to_response(*error));
  auto kept = std::make_shared<ExchangeRequest>(std::move(request));
  host_.verify_subject(kept->subject_token,
                       [this, kept, done = std::move(done)](const Result<ExchangePerson>& person) {
                         done(finish(*kept, person));
                       });
}

// In constant time, also for a client that does not exist.
const ExchangeClient* TokenExchange::authenticate(const ClientCredential& credential) const {
  Sha256 given{};
  SHA256(reinterpret_cast<const unsigned char*>(credential.secret.data()), credential.secret.size(),
         given.data());
  const auto found = config_.clients.find(credential.id);
  const Sha256 nobody{};
  const Sha256& expected = found == config_.clients.end() ? nobody : found->second.secret;
  const bool same = CRYPTO_memcmp(given.data(), expected.data(), given.size()) == 0;
  return same && found != config_.clients.end() ? &found->second : nullptr;
}

TokenExchange::ActorOrError TokenExchange::find_actor(const ExchangeRequest& request,
                                                      TimePoint now) const {
  Actor actor;
  const ExchangeClient* client = nullptr;
  if (request.client) {
    client = authenticate(*request.client);
    if (client == nullptr) {
      return OAuthError{.status = 401,
                        .code = "invalid_client",
                        .description =
                            "no such client, or another secret (clients are in "
                            "exchange.yaml)"};
    }
    actor.client = client->id;
  }
  if (!request.writ.empty()) {
    auto writ = host_.active_writ(request.writ, now);
    if (!writ) {
      if (writ.error().code == ErrorCode::kNotFound)
        return refused("invalid_request", "there is no such writ (writ grant issues one)");
      return refused(writ.error());
    }
    if (client != nullptr && (client->agent != writ->agent.id || client->tenant != writ->tenant))
      return refused("invalid_request", "the writ is of another agent than the client");
    if (writ->chain.empty() || writ->chain.size() > kMaxActors) {
      return refused("invalid_request",
                     fmt::format("the writ's chain has more than {} agents", kMaxActors));
    }
    actor.agent = writ->agent;
    actor.chain = writ->chain;
    actor.scopes = writ->effective;
    actor.writ = std::move(*writ);
    return actor;
  }
  if (client == nullptr) return refused("invalid_request", "nobody acts: send a writ");
  auto agent = host_.agent(client->tenant, client->agent);
  if (!agent)
    return refused("invalid_request", "the client's agent is not in agents.yaml any more");
  actor.chain = {agent->id};
  actor.scopes = agent->scopes;
  actor.agent = std::move(*agent);
  return actor;
}

TokenResponse TokenExchange::finish(const ExchangeRequest& request,
                                    const Result<ExchangePerson>& person) const {
  if (!person) return to_response(refused(person.error()));
  const TimePoint now = host_.now();
  const ActorOrError actor = find_actor(request, now);
  if (const auto* error = std::get_if<OAuthError>(&actor)) return to_response(*error);
  return issue_token(request, std::get<Actor>(actor), *person, now);
}

TokenResponse TokenExchange::issue_token(const ExchangeRequest& request, const Actor& actor,
                                         const ExchangePerson& person, TimePoint now) const {
  if (person.user.tenant != actor.agent.tenant)
    return to_response(refused("invalid_request", "the subject token is of another tenant"));
  if (actor.writ &&
      (person.user.id != actor.writ->user.id || person.user.tenant != actor.writ->tenant)) {
    return to_response(
        refused("invalid_request", "the subject token is of another person than the writ"));
  }

  if (request.targets.empty())
    return to_response(refused("invalid_target", "name the service: audience or resource"));
  const auto& allowed = config_.audiences_of(actor.agent.tenant, actor.agent.id);
  for (const std::string& target : request.targets) {
    if (std::find(allowed.begin(), allowed.end(), target) == allowed.end()) {
      return to_response(refused("invalid_target",
                                 "this agent may have no token for that audience or resource (they "
                                 "are listed in exchange.yaml)"));
    }
  }

  const Scopes granted = intersect(actor.scopes, person.user.scopes);
  if (request.scopes && !missing(granted, *request.scopes).empty()) {
    return to_response(refused("invalid_scope",
                               "more is asked for than the person and the agent both have (leave "
                               "scope out to get all there is)"));
  }
  Scopes scopes = request.scopes.value_or(granted);
  // A token without scope would be one without bounds to a service that does not look.
  if (scopes.empty()) {
    return to_response(
        refused("invalid_scope", "the person and the agent have no permission in common"));
  }

  const Seconds from = std::chrono::floor<std::chrono::seconds>(now);
  TimePoint end = std::min(later(now, config_.token_ttl), person.expires);
  if (actor.writ && actor.writ->not_after) end = std::min(end, *actor.writ->not_after);
  const Seconds to = std::chrono::floor<std::chrono::seconds>(end);
  if (to <= from) {
    return to_response(
        refused("invalid_request", "the subject token or the writ ends within this second"));
  }

  auto jti = random_id();
  if (!jti) return to_response(refused(jti.error()));
  const ExchangeEvent event{.jti = std::move(*jti),
                            .audience = request.targets,
                            .scopes = std::move(scopes),
                            .tenant = actor.agent.tenant,
                            .user = person.user,
                            .agent = actor.agent,
                            .chain = actor.chain,
                            .writ = actor.writ,
                            .client = actor.client,
                            .issuer = person.issuer,
                            .token_digest = person.token_digest,
                            .issued = from,
                            .expires = to};
  const auto token = keys_.sign("at+jwt", claims_of(event, config_.issuer, from, to), now);
  if (!token) return to_response(refused(token.error()));
  if (Status recorded = host_.record(event); !recorded) {
    return to_response({.status = 503,
                        .code = "temporarily_unavailable",
                        .description = "the exchange could not be recorded, so there is no token "
                                       "(try again later)"});
  }
  return {
      .status = 200,
      .body = fmt::format(R"({{"access_token":"{}","issued_token_type":"{}","token_type":"Bearer",)"
                          R"("expires_in":{},"scope":{}}})",
                          *token, request.as_jwt ? kTypeJwt : kTypeAccessToken, (to - from).count(),
                          json_string(joined(event.scopes))),
      .error = ""};
}

std::string server_metadata(std::string_view issuer) {
  const std::string base(issuer);
  return fmt::format(
      R"({{"issuer":{},"token_endpoint":{},"jwks_uri":{},"grant_types_supported":[{}],)"
      R"("response_types_supported":[],)"
      R"("token_endpoint_auth_methods_supported":["none","client_secret_basic","client_secret_post"]}})",
      json_string(base), json_string(base + "/token"), json_string(base + "/.well-known/jwks.json"),
      json_string(kGrantTokenExchange));
}

}  // namespace writ::identity
