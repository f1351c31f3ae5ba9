// What the kernel says of a process that nobody announced.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "util/result.h"

namespace writ::kernel {

inline constexpr std::size_t kMaxEnvironment = 256u << 10;  // bytes that are read of it

struct ProcessFacts {
  pid_t pid = 0;
  uid_t uid = static_cast<uid_t>(-1);  // the real one
  // Of the login session it descends from, proc(5) loginuid: sudo and su leave it as it is. None in
  // services and containers.
  std::optional<uid_t> login_uid;
  std::string cgroup;      // below the root of the v2 hierarchy: "/system.slice/agent.service"
  std::string executable;  // absolute, links resolved; empty for a kernel thread
  // KEY=VALUE, each with its NUL, as they were when the program was started. The process can change
  // what stands here: good for a hint that it gives of itself, for nothing else.
  std::string environment;
};

// kNotFound: it has ended. `proc` is /proc. The environment is read when it is asked for.
Result<ProcessFacts> facts_of(const std::string& proc, pid_t pid, bool with_environment);

}  // namespace writ::kernel
