// Who is behind a process that a `match` rule bound: the declared sources, one after the other.
#pragma once

#include <optional>
#include <string>

#include "identity/directory.h"
#include "identity/match.h"
#include "kernel/process_facts.h"
#include "util/result.h"

namespace writ::daemon {

// Either a token, which still has to be verified, or a user of the directory.
struct FoundPerson {
  std::string token;
  const identity::User* user = nullptr;
  std::string via;  // "token-file", "unit", "login", "account", "agents.yaml"
  identity::IdentityStrength strength = identity::IdentityStrength::kNone;
  std::string task;  // of the unit
};

struct PersonQuestion {
  const identity::MatchRule& rule;
  std::string unit;                               // "agent.service"; empty: in no unit
  const kernel::ProcessFacts* process = nullptr;  // nullptr: the cgroup has none as yet
  const identity::Directory& directory;
  std::string root;        // of the unit files
  std::string tokens_dir;  // of the orchestrator's token files, one for each unit
};

// The first source that says anything decides, so that a token that is no good is never replaced by
// something weaker. nullopt: none says anything. An error says which source names nobody whom Writ
// knows, or cannot be trusted.
Result<std::optional<FoundPerson>> find_person(const PersonQuestion& question);

}  // namespace writ::daemon
