// The token desk gives the token exchange what it needs of the daemon: who a token speaks of, which
// writs count, and the record.
//
// Owner: the daemon; loop thread only. Everything handed in must outlive it.
#pragma once

#include <memory>
#include <string>

#include "audit/writer.h"
#include "daemon/token_endpoint.h"
#include "daemon/writ_desk.h"
#include "identity/exchange_config.h"
#include "identity/signing_keys.h"
#include "identity/token_exchange.h"

namespace writ::daemon {

class TokenDesk final : public TokenHandler, public identity::ExchangeHost {
 public:
  struct Parts {
    const identity::Directory& directory;
    const identity::WritBook& book;
    WritDesk& desk;
    audit::Writer& audit;
    identity::TokenService& tokens;
  };
  // `keys_folder` and `socket_path` as Settings says.
  static Result<std::unique_ptr<TokenDesk>> open(Parts parts, identity::ExchangeConfig config,
                                                 const std::string& keys_folder,
                                                 const std::string& socket_path);

  [[nodiscard]] int fd() const { return endpoint_->fd(); }
  void on_ready() { endpoint_->on_ready(); }
  // Rotates and removes keys. Now and then.
  Status tick();
  [[nodiscard]] TokenEndpointCounters counters() const { return endpoint_->counters(); }

  void exchange(identity::ExchangeRequest request, Done done) override;
  std::string jwks() override;

  void verify_subject(std::string_view token, Verified done) override;
  Result<identity::Writ> active_writ(std::string_view id, identity::TimePoint now) override;
  std::optional<identity::Agent> agent(std::string_view tenant, std::string_view id) override;
  Status record(const identity::ExchangeEvent& event) override;
  identity::TimePoint now() override;

 private:
  TokenDesk(Parts parts, identity::ExchangeConfig config)
      : parts_(parts), config_(std::move(config)) {}

  Parts parts_;
  const identity::ExchangeConfig config_;
  std::unique_ptr<identity::SigningKeys> keys_;
  std::unique_ptr<identity::TokenExchange> exchange_;
  std::unique_ptr<TokenEndpoint> endpoint_;  // goes first
};

}  // namespace writ::daemon
