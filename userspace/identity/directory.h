// The users and agents that exist, as two YAML files name them.
//
//   users.yaml                                    agents.yaml
//     users:                                        agents:
//       - id: sarah                                   - id: sales-assistant
//         tenant: default          # optional           scopes: [crm.contacts.read,
//         finance.revenue.read] email: sarah@example.test                     limits:
//         {max_tool_calls: 20, max_duration: 1h} roles: [sales] mode: enforce   # optional scopes:
//         [crm.*] unix: [sarah, 1001]      # accounts or uids limits: {calls_per_minute: 60}
//
// Ids are unique over all tenants. A unix account belongs to one user at most, so that SO_PEERCRED
// names a person. An account that this host does not have is a warning, everything else that is
// wrong an error.
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
#include "identity/scope.h"
#include "util/diagnostic.h"

namespace writ::identity {

inline constexpr const char* kDefaultTenant = "default";

enum class Mode { kObserve, kEnforce };

struct User {
  std::string id;
  std::string tenant = kDefaultTenant;
  std::string email;  // may be empty
  std::vector<std::string> roles;
  Scopes scopes;
  std::optional<std::uint32_t> calls_per_minute;  // over all of the user's agents and sessions
};

struct Agent {
  std::string id;
  std::string tenant = kDefaultTenant;
  Scopes scopes;
  std::optional<std::uint64_t> max_tool_calls;            // per session
  std::optional<std::chrono::milliseconds> max_duration;  // per session
  std::optional<Mode> mode;                               // what `writ run` takes when not told
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
  [[nodiscard]] const User* user(std::string_view id) const;
  [[nodiscard]] const User* user_of_uid(uid_t uid) const;
  [[nodiscard]] const Agent* agent(std::string_view id) const;

  [[nodiscard]] const std::map<std::string, User, std::less<>>& users() const { return users_; }
  [[nodiscard]] const std::map<std::string, Agent, std::less<>>& agents() const { return agents_; }

 private:
  friend class DirectoryReader;

  std::map<std::string, User, std::less<>> users_;
  std::map<std::string, Agent, std::less<>> agents_;
  std::map<uid_t, std::string> user_by_uid_;
};

}  // namespace writ::identity
