// What ROOT/etc/writ/exchange.yaml says about the token exchange. Without that file there is none.
//
//   listen: 127.0.0.1:8460           # or "[::1]:8460", or "unix" for ROOT/run/writ/token.sock
//   socket: {mode: "0660", group: agents}   # optional, with "unix"; default mode: "0666"
//   issuer: https://writ.acme.test   # `iss` of its tokens; default: http:// and the listen address
//   token_ttl: 5m                    # at most 1 h
//   rotate_every: 720h               # a new signing key
//   audiences: [https://crm.acme.test]      # for agents without a list of their own
//   agents:
//     - {id: sales-assistant, tenant: acme, audiences: [https://crm.acme.test]}
//   clients:                         # programs that prove with a secret which agent they are
//     - id: sales-backend
//       agent: sales-assistant
//       tenant: acme
//       secret_sha256: <64 hex digits>      # or secret_file: sales-backend.secret (mode 0600)
//
// A target that is in no list is refused. policies/identity/exchange.yaml is a whole one.
#pragma once

#include <sys/types.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "util/diagnostic.h"

namespace writ::identity {

using Sha256 = std::array<unsigned char, 32>;

// By SHA-256, since the secret must be as hard to guess as a key: `openssl rand -hex 32`.
struct ExchangeClient {
  std::string id;
  std::string agent;
  std::string tenant;
  Sha256 secret;
};

struct ExchangeConfig {
  bool unix_socket = false;
  std::string host = "127.0.0.1";  // numeric, of the loopback interface
  std::uint16_t port = 0;
  mode_t socket_mode = 0666;
  std::string socket_group;  // empty: the daemon's
  std::string issuer;        // without a path
  std::chrono::milliseconds token_ttl = std::chrono::minutes(5);
  std::chrono::milliseconds rotate_every = std::chrono::hours(30 * 24);
  std::vector<std::string> audiences;
  std::map<std::pair<std::string, std::string>, std::vector<std::string>> agents;  // tenant, id
  std::map<std::string, ExchangeClient, std::less<>> clients;

  // What tokens of that agent may be for; empty: nothing.
  [[nodiscard]] const std::vector<std::string>& audiences_of(const std::string& tenant,
                                                             const std::string& agent) const;
};

// nullopt when the file cannot be read or holds an error; `out` says what, all at once. Secret
// files lie beside the file, unless named by a whole path.
std::optional<ExchangeConfig> load_exchange_config(const std::string& path, Diagnostics& out);
// The same from memory; secret files lie beside `path`.
std::optional<ExchangeConfig> exchange_config_from_text(const std::string& path,
                                                        const std::string& text, Diagnostics& out);

// Whether a numeric address is of the loopback interface: 127.0.0.0/8 or ::1.
bool is_loopback(const std::string& host);

// What may stand as an audience: 1 to 512 printable characters without blanks, quotes, backslashes.
bool valid_audience(std::string_view text);

}  // namespace writ::identity
