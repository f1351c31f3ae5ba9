// Processes that an earlier writd left stopped, at exec or behind a read: who they are, from /proc
// alone.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "writ/abi.h"

namespace writ::kernel {

struct LeftCommand {
  writ_event_command event = {};  // HELD, of now; what the kernel side alone knows is not set
  std::string arguments;          // each with its NUL
};

// nullopt: the process is not stopped, or was stopped later than at exec. `proc` is /proc.
std::optional<LeftCommand> left_command(const std::string& proc, pid_t pid);

// SIGKILL, when it is one.
void end_left_command(const std::string& proc, pid_t pid);

// SIGKILL, when it is stopped behind a read of its standard input (stdio_hold.h): what it has read
// was not judged. One that somebody else has stopped while it waited for its input looks the same.
void end_left_reader(const std::string& proc, pid_t pid);

}  // namespace writ::kernel
