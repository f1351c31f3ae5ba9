// Stands between a shell and a child that owns the terminal, so that the shell sees one job.
//
// The child stays in our process group: what the terminal sends (^C, ^\, ^Z, hang-up, resize)
// reaches it without us, and is not sent a second time. What a process sends to us alone is passed
// on. When the child stops for job control, so do we; when we are continued, so is it.
#pragma once

#include <sys/types.h>

#include <csignal>
#include <string>

#include "util/result.h"
#include "util/unique_fd.h"

namespace writ::cli {

// Blocks what the supervisor waits for, and makes sure that children can be waited for. Block
// before fork(); the child calls restore() at once, so that it runs with the signals its caller
// had.
class SignalBlock {
 public:
  static Result<SignalBlock> block();
  void restore() const;
  [[nodiscard]] int fd() const { return fd_.get(); }  // a signalfd

 private:
  SignalBlock() = default;
  sigset_t before_{};
  struct sigaction child_before_ {};
  UniqueFd fd_;
};

struct Ended {
  int wait_status = 0;
  std::string report;  // all that came through `report_pipe`
};

// Waits until `child` has ended and reads `report_pipe` (whose other end only the child has) to its
// end, at most kMaxFrameBytes of it.
Result<Ended> supervise(pid_t child, const SignalBlock& signals, UniqueFd report_pipe);

// The exit code for a wait status: the child's own, or 128 + n.
int exit_code_of_status(int wait_status);

// Dies of the signal that the child died of, so that the shell says so; returns only if it did not
// die of one. Leaves no second core file.
void die_like(int wait_status);

}  // namespace writ::cli
