// Token exchange (RFC 8693): a person's token and an agent's writ become a token for one service.
//
//   TokenExchange exchange(config, keys, host);
//   exchange.run(request, [](TokenResponse response) { … });
//
//   sub    = the person              scope  = asked ∩ writ's (or agent's) ∩ person's
//   act    = the agent, and in it who it acts for, down to the first agent of the chain
//   aud    = asked, each of them in exchange.yaml
//   exp    = min(now + token_ttl, the writ's end, the person's token's end)
//
// The result is a JWT access token (RFC 9068) with `jti`, `client_id` and `tenant`. The actor is a
// writ, whose person must be the one of the subject token, or a client of exchange.yaml, or both,
// which then must name the same agent.
//
// Codes: invalid_request (malformed, no actor, or a token or writ that is not good, or of another
// person or tenant: RFC 8693 section 2.2.2), invalid_client, invalid_scope, invalid_target,
// unsupported_grant_type; temporarily_unavailable (503) and server_error (500) when the fault is
// here.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "identity/directory.h"
#include "identity/exchange_config.h"
#include "identity/exchange_request.h"
#include "identity/signing_keys.h"
#include "identity/writ.h"
#include "util/result.h"

namespace writ::identity {

// Whom a subject token speaks of, once it is verified.
struct ExchangePerson {
  User user;
  std::string issuer;        // of the token
  std::string token_digest;  // never the token itself
  TimePoint expires;         // of the token
};

// What the record keeps: WritEvent of include/writ/record.proto, what = "exchanged".
struct ExchangeEvent {
  std::string jti;
  std::vector<std::string> audience;
  Scopes scopes;  // of the token
  std::string tenant;
  User user;
  Agent agent;
  std::vector<std::string> chain;  // ends with agent.id
  std::optional<Writ> writ;        // none: a client alone
  std::string client;              // empty: a writ alone
  std::string issuer;              // of the subject token
  std::string token_digest;
  TimePoint issued;
  TimePoint expires;
};
// "token <jti> for <audience> <audience>": the event's WritEvent.detail.
std::string detail_of(const ExchangeEvent& event);

struct TokenResponse {
  int status = 200;
  std::string body;   // JSON
  std::string error;  // its code; empty: a token was issued
};
TokenResponse to_response(const OAuthError& error);

// The daemon's side. Everything on one thread.
class ExchangeHost {
 public:
  using Verified = std::function<void(Result<ExchangePerson>)>;
  virtual ~ExchangeHost() = default;

  // Calls `done` once, inside or later. kInvalid: it is not a token; kDenied: it is not good here;
  // kUnavailable: this cannot be known now. `token` is valid during the call only.
  virtual void verify_subject(std::string_view token, Verified done) = 0;
  // By its whole id, if it counts at this instant. kNotFound, or kDenied with what it is: revoked,
  // expired, not yet.
  virtual Result<Writ> active_writ(std::string_view id, TimePoint now) = 0;
  // As the directory has it now; nullopt: there is none.
  virtual std::optional<Agent> agent(std::string_view tenant, std::string_view id) = 0;
  // The token leaves only after this succeeded.
  virtual Status record(const ExchangeEvent& event) = 0;
  virtual TimePoint now() = 0;
};

// Owner: the daemon; one thread. All three arguments must outlive it, and it must outlive every
// `done` that the host still holds.
class TokenExchange {
 public:
  using Done = std::function<void(TokenResponse)>;
  // Agents of one chain at most: the first one and kMaxDepth delegations.
  static constexpr std::size_t kMaxActors = kMaxDepth + 1;

  TokenExchange(const ExchangeConfig& config, const SigningKeys& keys, ExchangeHost& host)
      : config_(config), keys_(keys), host_(host) {}

  // Calls `done` once, inside or when the host has verified the subject.
  void run(ExchangeRequest request, Done done);

  // The JWKS document of now.
  [[nodiscard]] std::string jwks() const { return keys_.jwks(host_.now()); }

 private:
  // Who acts, from the directory and the book as they are at one instant.
  struct Actor {
    std::optional<Writ> writ;
    Agent agent;
    std::vector<std::string> chain;
    Scopes scopes;
    std::string client;  // empty: none
  };
  using ActorOrError = std::variant<Actor, OAuthError>;

  ActorOrError find_actor(const ExchangeRequest& request, TimePoint now) const;
  [[nodiscard]] const ExchangeClient* authenticate(const ClientCredential& credential) const;
  TokenResponse finish(const ExchangeRequest& request, const Result<ExchangePerson>& person) const;
  TokenResponse issue_token(const ExchangeRequest& request, const Actor& actor,
                            const ExchangePerson& person, TimePoint now) const;

  const ExchangeConfig& config_;
  const SigningKeys& keys_;
  ExchangeHost& host_;
};

// RFC 8414: where things are, for stock clients. `issuer` as in exchange.yaml.
std::string server_metadata(std::string_view issuer);

}  // namespace writ::identity
