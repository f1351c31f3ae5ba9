// What can change while writd runs: people, agents, policies. Read and checked as one: all of it,
// or nothing.
#pragma once

#include <memory>
#include <optional>

#include "daemon/settings.h"
#include "identity/directory.h"
#include "policy/policy_set.h"

namespace writ::daemon {

struct Configuration {
  identity::Directory directory;
  std::shared_ptr<const policy::PolicySet> policies;
};

// nullopt with errors in `out`, which lists warnings too. May take seconds; any thread.
std::optional<Configuration> read_configuration(const Settings& settings, Diagnostics& out);

}  // namespace writ::daemon
