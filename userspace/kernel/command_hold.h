// The commands that wait for a verdict at exec (bpf/command.bpf.c): lets them go on, or ends them.
//
// A command is a process and the time at which it was started, so that a process which ended and
// whose number was given to another is never meant.
//
// Owner: the tap; loop thread only.
#pragma once

#include <cstdint>
#include <string>

#include "util/result.h"
#include "writ/abi.h"

namespace writ::kernel {

struct CommandId {
  std::uint32_t pid = 0;
  std::uint64_t started_ns = 0;  // CLOCK_MONOTONIC, of its event
};

class CommandHold {
 public:
  // Descriptors of the maps `held` and `passed` (writ/abi.h), which must outlive it.
  CommandHold(int held, int passed) : held_(held), passed_(passed) {}

  // False: it does not wait any more. It has ended, or was killed because somebody continued it.
  bool go_on(const CommandId& command);
  bool end(const CommandId& command);

  // One that never waited, or does not any more; `executable` as /proc shows it. False: it does not
  // run that.
  static bool end_running(std::uint32_t pid, const std::string& executable);

  // The kernel side has noted the process, and tells of it.
  [[nodiscard]] bool noted(std::uint32_t pid) const;
  // Notes a process that is stopped at exec since before this writd.
  Status take(const CommandId& command);

  // Until then (CLOCK_BOOTTIME) the program starts without a stop.
  Status pass(const writ_program& program, std::uint64_t until_ns);

 private:
  [[nodiscard]] bool waits(const CommandId& command) const;

  int held_;
  int passed_;
};

}  // namespace writ::kernel
