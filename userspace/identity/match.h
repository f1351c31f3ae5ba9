// Which processes are an agent's without anybody having said so: the `match` rules of agents.yaml.
//
//   agents:
//     - id: sales-assistant
//       match:
//         - unit: sales-*.service            # a systemd service or scope of the system
//           person: [token, unit, login]     # who it is for: the first source that names somebody
//         - cgroup: /kubepods.slice/*/sales  # or any cgroup, by its path
//           user: sarah                      # when no source names anybody
//         - executable: /opt/agents/sales    # or a program,
//           environment: WRIT_AGENT=sales    # or a variable it was started with
//           tier: interactive
//
// What one rule says must all hold; `*`, `?` and [..] are shell patterns that stop at a slash, as
// in glob(7). The first rule of the file that fits decides. A rule with unit or cgroup alone makes
// that cgroup one session, from before its first process on; every other rule makes one session of
// each program that fits, with what it starts. A program or a variable is something that anybody
// can bring along: such a rule binds who wants to be bound, and names no person by itself.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "identity/standing.h"
#include "util/yaml.h"

namespace writ::identity {

// Where the person behind a matched process is looked for.
enum class PersonSource {
  kToken,    // "token": /run/writ/tokens/<unit>, which the orchestrator writes
  kUnit,     // "unit": User= in the section [X-Writ] of the unit's file, see unit_file.h
  kLogin,    // "login": the account of its login session, where systemd-logind knows of that one
  kAccount,  // "account": the account that it runs as
};
std::string_view to_text(PersonSource source);

struct MatchRule {
  std::string tenant;
  std::string agent;
  std::string unit;         // pattern; empty: not asked for
  std::string cgroup;       // pattern
  std::string executable;   // pattern
  std::string environment;  // "NAME" or "NAME=VALUE", VALUE a pattern
  std::vector<PersonSource> person = {PersonSource::kToken, PersonSource::kUnit,
                                      PersonSource::kLogin};
  std::string user;  // of the agent's tenant; tried last
  Tier tier = Tier::kBackground;
  int line = 0;  // in agents.yaml

  // The cgroup itself is the session.
  [[nodiscard]] bool whole_cgroup() const { return executable.empty() && environment.empty(); }
};

// One element of an agent's `match:`.
MatchRule read_match_rule(const YAML::Node& node, const std::string& file, Diagnostics& out);

// A process, or a cgroup without one as yet.
struct Candidate {
  std::string_view cgroup;       // "/system.slice/agent.service", below the root of the hierarchy
  std::string_view executable;   // empty: a cgroup
  std::string_view started_as;   // what was given to execve(2): a script's own path; may be empty
  std::string_view environment;  // KEY=VALUE, each with its NUL
};

struct Match {
  const MatchRule* rule = nullptr;
  // What unit or cgroup of the rule fit: of `candidate.cgroup` the part from its beginning. Without
  // either the unit that the process is in, else empty.
  std::string cgroup;
};

// The unit of a cgroup: the path up to the first service or scope in it, where only slices lie
// above. What a user manager or a container calls its own units lies below one, so nobody can take
// a system unit's name. Empty: none.
std::string_view unit_cgroup(std::string_view cgroup);
// "agent.service" of that.
std::string_view unit_name(std::string_view cgroup);

// nullopt: no rule fits.
std::optional<Match> find_match(const std::vector<MatchRule>& rules, const Candidate& candidate);

}  // namespace writ::identity
