#include "kernel/command_hold.h"

#include <bpf/bpf.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>

#include "util/unique_fd.h"

namespace writ::kernel {
namespace {

bool send_signal(const UniqueFd& process, int signal) {
  return syscall(SYS_pidfd_send_signal, process.get(), signal, nullptr, 0) == 0;
}

UniqueFd open_process(std::uint32_t pid) {
  return UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
}

}  // namespace

bool CommandHold::waits(const CommandId& command) const {
  std::uint64_t started = 0;
  return bpf_map_lookup_elem(held_, &command.pid, &started) == 0 && started == command.started_ns;
}

// The kernel side takes the entry away as the process ends. So the one that was opened before the
// entry was seen is the one that waits.
bool CommandHold::go_on(const CommandId& command) {
  const UniqueFd process = open_process(command.pid);
  if (!process || !waits(command)) return false;
  // Before it runs: what runs with an entry is killed. Who deletes it decides.
  if (bpf_map_delete_elem(held_, &command.pid) != 0) return false;
  return send_signal(process, SIGCONT);
}

bool CommandHold::end(const CommandId& command) {
  const UniqueFd process = open_process(command.pid);
  // The entry stays: should anybody continue it now, it still does not run.
  return process && waits(command) && send_signal(process, SIGKILL);
}

bool CommandHold::end_running(std::uint32_t pid, const std::string& executable) {
  const UniqueFd process = open_process(pid);
  std::error_code error;
  const auto now = std::filesystem::read_symlink(fmt::format("/proc/{}/exe", pid), error);
  return process && now.native() == executable && send_signal(process, SIGKILL);
}

bool CommandHold::noted(std::uint32_t pid) const {
  std::uint64_t started = 0;
  return bpf_map_lookup_elem(held_, &pid, &started) == 0;
}

Status CommandHold::take(const CommandId& command) {
  if (bpf_map_update_elem(held_, &command.pid, &command.started_ns, BPF_ANY) != 0) {
    return fail_errno(errno, "note a command that waits");
  }
  return {};
}

Status CommandHold::pass(const writ_program& program, std::uint64_t until_ns) {
  if (bpf_map_update_elem(passed_, &program, &until_ns, BPF_ANY) != 0) {
    return fail_errno(errno, "note a program that needs no stop");
  }
  return {};
}

}  // namespace writ::kernel
