// Where writd finds and keeps its things, and what writ.yaml says. All paths lie below one root.
//
//   ROOT/etc/writ/{writ,users,agents}.yaml, policies/*.yaml, rules/*.yaml
//   ROOT/etc/writ/{issuers,exchange,prices}.yaml (optional)
//   ROOT/var/lib/writ/{audit,keys,writs.db}     ROOT/run/writ/{control,token}.sock
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "audit/writer.h"
#include "pdp/config.h"
#include "util/diagnostic.h"

namespace writ::daemon {

struct Settings {
  std::string root = "/";
  // writ.yaml; all of it is optional.
  std::uint64_t hold_max = 16u << 20;  // a call is held whole up to this many bytes
  // What a compressed body may decode to; of a result no more is scanned, a request is denied.
  std::uint64_t message_max = 16u << 20;
  std::uint32_t ring_bytes = 16u << 20;  // event ring buffer; a power of two
  audit::Durability durability = audit::Durability::kGroup;
  std::optional<pdp::PdpConfig> decision;  // an external decision point, beside the rules

  [[nodiscard]] std::string path(const char* below) const;
  [[nodiscard]] std::string audit_dir() const { return path("var/lib/writ/audit"); }
  [[nodiscard]] std::string state_path() const { return path("var/lib/writ/writs.db"); }
  [[nodiscard]] std::string keys_dir() const { return path("var/lib/writ/keys"); }
  [[nodiscard]] std::string token_socket_path() const { return path("run/writ/token.sock"); }
  // An orchestrator's: one token a unit.
  [[nodiscard]] std::string tokens_dir() const { return path("run/writ/tokens"); }
  [[nodiscard]] std::string exchange_path() const { return path("etc/writ/exchange.yaml"); }
  [[nodiscard]] std::string issuers_path() const { return path("etc/writ/issuers.yaml"); }
  [[nodiscard]] std::string socket_path() const { return path("run/writ/control.sock"); }
  [[nodiscard]] std::string users_path() const { return path("etc/writ/users.yaml"); }
  [[nodiscard]] std::string agents_path() const { return path("etc/writ/agents.yaml"); }
  [[nodiscard]] std::string prices_path() const { return path("etc/writ/prices.yaml"); }
  // Sorted; empty when the folder is not there.
  [[nodiscard]] std::vector<std::string> policy_files() const;
  [[nodiscard]] std::vector<std::string> rule_files() const;
};

// nullopt with an error in `out`. A missing writ.yaml is fine.
std::optional<Settings> load_settings(const std::string& root, Diagnostics& out);

}  // namespace writ::daemon
