#include "daemon/token_desk.h"

#include "daemon/call.h"

namespace writ::daemon {

Result<std::unique_ptr<TokenDesk>> TokenDesk::open(Parts parts, identity::ExchangeConfig config,
                                                   const std::string& keys_folder,
                                                   const std::string& socket_path) {
  std::unique_ptr<TokenDesk> desk(new TokenDesk(parts, std::move(config)));
  auto keys = identity::SigningKeys::open(keys_folder, {.rotate_every = desk->config_.rotate_every},
                                          desk->now());
  if (!keys) return context(keys.error(), "open the keys that sign tokens");
  desk->keys_ = std::move(*keys);
  desk->exchange_ = std::make_unique<identity::TokenExchange>(desk->config_, *desk->keys_, *desk);
  auto endpoint = TokenEndpoint::open(endpoint_options(desk->config_, socket_path), *desk);
  if (!endpoint) return context(endpoint.error(), "serve the token exchange");
  desk->endpoint_ = std::move(*endpoint);
  return desk;
}

Status TokenDesk::tick() { return keys_->tick(now()); }

void TokenDesk::exchange(identity::ExchangeRequest request, Done done) {
  exchange_->run(std::move(request), std::move(done));
}

std::string TokenDesk::jwks() { return exchange_->jwks(); }

void TokenDesk::verify_subject(std::string_view token, Verified done) {
  parts_.tokens.verify(
      token, [this, done = std::move(done)](const Result<identity::VerifiedPerson>& verified) {
        if (!verified) return done(tl::unexpected(verified.error()));
        done(identity::ExchangePerson{.user = parts_.desk.user_of(*verified),
                                      .issuer = verified->issuer_id,
                                      .token_digest = verified->token_digest,
                                      .expires = verified->expires});
      });
}

Result<identity::Writ> TokenDesk::active_writ(std::string_view id, identity::TimePoint now) {
  const auto handle = parts_.book.find(std::nullopt, id);
  const identity::Writ* writ = handle ? parts_.book.get(*handle) : nullptr;
  if (writ == nullptr || writ->id != id) return fail(ErrorCode::kNotFound, "there is no such writ");
  const auto state = parts_.book.state(*handle, now);
  if (state != identity::WritState::kActive) {
    return fail(ErrorCode::kDenied, "the writ is {}", identity::to_text(state));
  }
  return *writ;
}

std::optional<identity::Agent> TokenDesk::agent(std::string_view tenant, std::string_view id) {
  const identity::Agent* known = parts_.directory.agent(tenant, id);
  return known == nullptr ? std::nullopt : std::optional(*known);
}

Status TokenDesk::record(const identity::ExchangeEvent& event) {
  v1::Record record;
  v1::WritEvent& out = *record.mutable_writ();
  out.set_what("exchanged");
  if (event.writ) {
    out.set_writ_id(event.writ->id);
    out.set_parent_id(event.writ->parent);
    out.set_task(event.writ->task);
    out.set_tier(std::string(identity::to_text(event.writ->tier)));
    fill_limits(event.writ->limits, *out.mutable_limits());
  }
  out.set_tenant(event.tenant);
  out.mutable_user()->set_id(event.user.id);
  out.mutable_user()->set_email(event.user.email);
  out.mutable_user()->set_via("token");
  out.mutable_user()->set_strength(
      std::string(identity::to_text(identity::IdentityStrength::kToken)));
  out.mutable_user()->set_issuer(event.issuer);
  out.mutable_user()->set_token(event.token_digest);
  out.mutable_agent()->set_id(event.agent.id);
  for (const std::string& agent : event.chain) out.add_chain(agent);
  for (const std::string& scope : event.scopes) out.add_effective_scopes(scope);
  const auto ns = [](identity::TimePoint at) {
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(at.time_since_epoch()).count());
  };
  out.set_not_before_unix_ns(ns(event.issued));
  out.set_not_after_unix_ns(ns(event.expires));
  out.set_by(event.client.empty() ? "agent " + event.agent.id : "client " + event.client);
  out.set_detail(printable(identity::detail_of(event)));
  const auto written = parts_.audit.append(record);
  if (!written) return tl::unexpected(written.error());
  return parts_.audit.commit();
}

identity::TimePoint TokenDesk::now() { return std::chrono::system_clock::now(); }

}  // namespace writ::daemon
