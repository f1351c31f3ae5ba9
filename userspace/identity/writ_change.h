// What is written down about writs and sessions, as values: the book makes them on the loop thread,
// a worker gives them to the store.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "identity/writ.h"
#include "util/result.h"

namespace writ::identity {

// A writ was revoked. For ever: what is once revoked stays it.
struct Revocation {
  std::string writ;
  TimePoint at;
  std::string by;     // "user sarah", "root"
  std::string cause;  // the writ above it that was revoked; empty: this one itself
  bool operator==(const Revocation&) const = default;
};

// A writ is over before its time, or at last: its session has ended.
struct Ending {
  std::string writ;
  TimePoint at;
};

// What a restarted writd needs to take a running session over.
struct SessionRow {
  std::string id;
  std::string writ;
  std::string cgroup;              // path below the cgroup2 mount, as the daemon names it
  std::uint64_t cgroup_inode = 0;  // the kernel's id of it: another folder of that name is another
  Mode mode = Mode::kEnforce;
  uid_t uid = 0;  // who started it
  TimePoint started;
  std::vector<std::string> command;
  std::string bound_by;  // what made the processes a session: "run", "attach"
  bool operator==(const SessionRow&) const = default;
};

struct SessionGone {
  std::string id;
};

using Change = std::variant<Writ, Revocation, Ending, SessionRow, SessionGone>;

// Where changes become durable; WritStore, or a test's faulty one. Called from one thread at a
// time.
class ChangeSink {
 public:
  virtual ~ChangeSink() = default;
  // All of them or none, durable on return. The same changes may be given again: none counts twice.
  virtual Status apply(std::span<const Change> changes) = 0;
  // Forgets what nobody will ask for any more. Now and then.
  virtual Status prune(TimePoint now) = 0;
};

}  // namespace writ::identity
