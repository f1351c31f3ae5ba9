// Commands, and MCP over stdio: which sessions' are governed, and what is left of an earlier run.
#include <spdlog/spdlog.h>

#include "daemon/daemon.h"
#include "kernel/left_command.h"

namespace writ::daemon {
namespace {

constexpr const char* kProcFolder = "/proc";

}  // namespace

// What the kernel side has to know of a session. Called again, what was passed before counts no
// more.
Status Daemon::tell_kernel(const Session& session) {
  const policy::Network& network = session.policy->network();
  writ_session told = {};
  told.mode = session.enforced() ? WRIT_MODE_ENFORCE : WRIT_MODE_OBSERVE;
  if (network.quic == policy::Quic::kAllow) told.network |= WRIT_NETWORK_QUIC;
  if (network.dns == policy::Dns::kAny) told.network |= WRIT_NETWORK_DNS_ANY;
  if (session.policy->governs_commands()) {
    if (Status watched = tap_->watch_commands(*command_desk_); !watched) {
      return context(watched.error(), "govern commands");
    }
    told.programs = ++programs_;
  }
  if (session.policy->governs_stdio()) {
    if (Status watched = tap_->watch_stdio(*stdio_desk_); !watched) {
      return context(watched.error(), "govern MCP over stdio");
    }
    told.stdio = 1;
  }
  return tap_->add_session(session.cgroup.id(), session.cgroup.level(), told);
}

void Daemon::tell_kernel_anew(const Session& session) {
  if (Status told = tell_kernel(session); !told) {
    spdlog::error("session {}: {}", session.id, told.error().message);
  }
}

// Those that an earlier writd had stopped when it was killed.
void Daemon::adopt_commands(Session& session) {
  for (const pid_t pid : session.cgroup.processes()) {
    if (session.policy->governs_stdio()) kernel::end_left_reader(kProcFolder, pid);
    auto left = kernel::left_command(kProcFolder, pid);
    if (!left || tap_->commands().noted(static_cast<std::uint32_t>(pid))) continue;
    left->event.head.session = session.cgroup.id();
    left->event.program.session = session.cgroup.id();
    const kernel::CommandId id{.pid = static_cast<std::uint32_t>(pid),
                               .started_ns = left->event.head.time_ns};
    if (Status taken = tap_->commands().take(id); !taken) {
      spdlog::error("process {} is stopped at its start: {}", pid, taken.error().message);
      kernel::end_left_command(kProcFolder, pid);
      continue;
    }
    command_desk_->on_command(left->event, left->arguments);
  }
}

// fail closed: nobody is there any more, or not yet, who could judge them.
void Daemon::end_left_commands(const std::vector<pid_t>& processes) {
  for (const pid_t pid : processes) kernel::end_left_command(kProcFolder, pid);
}

// The same, of an earlier run: MCP servers that are stopped behind a read, too.
void Daemon::end_left_processes(const std::vector<pid_t>& processes) {
  end_left_commands(processes);
  for (const pid_t pid : processes) kernel::end_left_reader(kProcFolder, pid);
}

}  // namespace writ::daemon
