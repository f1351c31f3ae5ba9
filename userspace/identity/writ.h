// A writ: the scoped, expiring delegation under which an agent acts for a person.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "identity/directory.h"
#include "identity/scope.h"
#include "util/result.h"

namespace writ::identity {

// A snapshot: it stays what it was issued as when the directory is reloaded.
struct Writ {
  std::string id;  // 32 hex digits, random
  std::string tenant;
  User user;
  Agent agent;
  std::vector<std::string> chain;  // delegation chain, outermost agent first; ends with agent.id
  Scopes effective;                // user ∩ agent, minimal; empty grants nothing
  std::string via;                 // how the user is known: "unix-peer", "run --user"
  // From the agent's max_duration; none: as long as the session lives.
  std::optional<std::chrono::system_clock::time_point> not_after;
};

// Delegates from `user` to `agent`. kDenied: they are of different tenants.
Result<Writ> issue(const User& user, const Agent& agent, std::string via,
                   std::chrono::system_clock::time_point now);

}  // namespace writ::identity
