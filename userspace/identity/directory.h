// The users and agents that exist, as two YAML files name them.
//
//   users:                              # users.yaml
//     - id: sarah
//       tenant: acme                    # optional
//       email: sarah@example.test
//       roles: [sales]
//       scopes: [crm.*]
//       unix: [sarah, 1001]             # accounts or uids
//       limits: {calls_per_minute: 60}
//       admin: true                     # of its own tenant
//
//   agents:                             # agents.yaml
//     - id: sales-assistant
//       tenant: acme
//       scopes: [crm.contacts.read]
//       limits: {max_tool_calls: 20, max_duration: 1h, calls_per_minute: 30}
//       mode: enforce                   # optional
//       ttl: 30m                        # of a granted writ
//       max_depth: 2                    # delegations below it
//       match: [{unit: sales.service}]  # which processes are its own, see match.h
//
// Ids are unique within their tenant, so no lookup does without one. A unix account belongs to one
// user over all tenants, so that SO_PEERCRED names a person. An account that this host does not
// have is a warning, everything else that is wrong an error.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "identity/accounts.h"
#include "identity/limits.h"
#include "identity/match.h"
#include "identity/scope.h"
#include "util/diagnostic.h"
#include "util/result.h"

namespace writ::identity {

inline constexpr const char* kDefaultTenant = "default";

// Delegations in a row, at the most and when agents.yaml does not say.
inline constexpr std::uint32_t kMaxDepth = 8;
inline constexpr std::uint32_t kDefaultMaxDepth = 4;

enum class Mode { kObserve, kEnforce };

struct User {
  std::string id;
  std::string tenant = kDefaultTenant;
  std::string email;  // may be empty
  std::vector<std::string> roles;
  Scopes scopes;
  std::optional<std::uint32_t> calls_per_minute;  // over all of the user's agents and sessions
  bool admin = false;                             // see may_administer()
};

// An administrator is one of its own tenant and of no other.
inline bool may_administer(const User& user, std::string_view tenant) {
  return user.admin && user.tenant == tenant;
}

struct Agent {
  std::string id;
  std::string tenant = kDefaultTenant;
  Scopes scopes;
  Limits limits;                                 // of each of its writs
  std::optional<Mode> mode;                      // what `writ run` takes when not told
  std::optional<std::chrono::milliseconds> ttl;  // of a granted writ when not told
  std::uint32_t max_depth = kDefaultMaxDepth;    // delegations in a row below it; 0: none
};

// Immutable after loading, so readable from any thread.
class Directory {
 public:
  // nullopt when a file cannot be read or holds an error; `out` says what, and lists warnings too.
  static std::optional<Directory> load(const std::string& users_path,
                                       const std::string& agents_path, Diagnostics& out,
                                       const AccountLookup& accounts = system_account);

  // The same from memory; the paths only stand in the diagnostics.
  struct Source {
    std::string file;
    std::string text;
  };
  static std::optional<Directory> load_from_text(const Source& users, const Source& agents,
                                                 Diagnostics& out, const AccountLookup& accounts);

  // nullptr: there is none. Valid as long as the directory.
  [[nodiscard]] const User* user(std::string_view tenant, std::string_view id) const;
  [[nodiscard]] const User* user_of_uid(uid_t uid) const;
  [[nodiscard]] const Agent* agent(std::string_view tenant, std::string_view id) const;

  // For root alone, who is of no tenant: the one user of that id when `tenant` is empty. kNotFound:
  // there is none; kInvalid: several tenants have one, the message names them.
  [[nodiscard]] Result<const User*> find_user(std::string_view tenant, std::string_view id) const;
  [[nodiscard]] Result<const Agent*> find_agent(std::string_view tenant, std::string_view id) const;

  // In the order of the file. They point nowhere, and live as long as the directory.
  [[nodiscard]] const std::vector<MatchRule>& match_rules() const { return match_rules_; }

  struct Tenant {
    std::map<std::string, User, std::less<>> users;
    std::map<std::string, Agent, std::less<>> agents;
  };
  [[nodiscard]] const std::map<std::string, Tenant, std::less<>>& tenants() const {
    return tenants_;
  }

 private:
  friend class DirectoryReader;

  std::map<std::string, Tenant, std::less<>> tenants_;
  struct Owner {
    std::string tenant;
    std::string id;
  };
  std::map<uid_t, Owner> user_by_uid_;
  std::vector<MatchRule> match_rules_;
};

}  // namespace writ::identity
