// Sessions: an agent's processes in one cgroup, under one writ.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "daemon/address_names.h"
#include "daemon/asked_tools.h"
#include "identity/match.h"
#include "identity/writ_book.h"
#include "kernel/cgroup.h"
#include "policy/policy.h"
#include "policy/session_facts.h"

namespace writ::daemon {

struct Session {
  std::string id;
  identity::Writ writ;
  identity::WritHandle handle;  // of the writ in the book, which says whether it still counts
  std::shared_ptr<const policy::Policy> policy;  // of the writ's tenant; see use()
  policy::SessionFacts facts;                    // what it did so far
  // What models asked it to do. Shared with the calls to them, which may end after it.
  std::shared_ptr<AskedTools> asked = std::make_shared<AskedTools>();
  AddressNames names;         // of where it connects to
  bool consults = false;      // a decision point is asked about its calls
  bool reads_bodies = false;  // somebody reads the arguments of its calls
  identity::Mode mode = identity::Mode::kEnforce;
  kernel::SessionCgroup cgroup;
  uid_t uid = 0;  // who started it
  std::uint64_t started_unix_ns = 0;
  std::string bound_by;  // what made the processes a session: "run", "attach", "match unit ..."
  const identity::MatchRule* rule = nullptr;  // that bound it, of the directory
  bool resolving = false;            // who is behind it is being found out; what it sends waits
  std::string unattributed_because;  // what was told last
  std::vector<std::string> command;
  int exit_code = -1;
  bool ended = false;      // no process is left; its connections may still be closing
  bool removed = false;    // its cgroup's folder is gone
  bool own_writ = false;   // issued for this session, and over with it
  bool withdrawn = false;  // its writ does not count any more; what was held is denied
  std::chrono::steady_clock::time_point ended_at;
  std::uint64_t calls = 0;
  std::uint64_t denied = 0;
  std::uint32_t held = 0;

  void use(std::shared_ptr<const policy::Policy> newer) {
    policy = std::move(newer);
    reads_bodies = consults || policy->catalog().knows_mcp() || policy->reads_arguments();
  }
  [[nodiscard]] bool enforced() const { return mode == identity::Mode::kEnforce; }
  // Somebody is known behind it. If not, `writ` holds the tenant, the agent and nothing else.
  [[nodiscard]] bool attributed() const { return !writ.id.empty(); }
  [[nodiscard]] const identity::Writ* known_writ() const { return attributed() ? &writ : nullptr; }
  // Processes can be in it.
  [[nodiscard]] bool alive() const {
    return cgroup.foreign() ? cgroup.exists() : cgroup.populated();
  }
};

// All sessions by cgroup id, as the kernel side names them.
using Sessions = std::map<std::uint64_t, std::unique_ptr<Session>>;

}  // namespace writ::daemon
