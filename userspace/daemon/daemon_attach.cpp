// How a process that runs already becomes a session.
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "daemon/daemon.h"

namespace writ::daemon {
namespace {

// Rounds after which a process that forks all the time is given up.
constexpr int kMaxRounds = 16;

}  // namespace

// Whether the caller may bind the process, and whether it can be bound.
Status Daemon::check_target(const Caller& caller, pid_t pid) {
  struct stat info = {};
  if (pid <= 1 || pid == getpid()) {
    return fail(ErrorCode::kInvalid, "process {} cannot be governed", pid);
  }
  if (stat(fmt::format("/proc/{}", pid).c_str(), &info) != 0) {
    return fail(ErrorCode::kNotFound, "there is no process {}", pid);
  }
  if (!caller.root() && info.st_uid != caller.uid) {
    return fail(ErrorCode::kDenied, "process {} is not yours (only root may attach it)", pid);
  }
  const auto where = kernel::cgroup_of(cgroups_, pid);
  if (!where) return tl::unexpected(where.error());
  for (const auto& [cgroup, session] : sessions_) {
    const std::string& path = session->cgroup.path();
    if (*where == path || where->starts_with(path + "/")) {
      return fail(ErrorCode::kDenied, "process {} is governed already, in session {}", pid,
                  session->id);
    }
  }
  return {};
}

void Daemon::attach_session(const Caller& caller, const v1::AttachRequest& request,
                            ConnectionId id) {
  if (caller.session != nullptr) {
    return answer(id, error_response({ErrorCode::kDenied, "a governed agent may attach nobody"}));
  }
  if (Status fit = check_target(caller, request.pid()); !fit) {
    return answer(id, error_response(fit.error()));
  }
  // So that a number that is given to another process meanwhile hits nobody else.
  auto target = std::make_shared<Peer>();
  target->pid = request.pid();
  target->pidfd.reset(static_cast<int>(syscall(SYS_pidfd_open, request.pid(), 0)));
  obtain_writ(caller, request.terms(), request.writ(),
              [this, caller, target, request, id](const Result<identity::WritHandle>& handle) {
                if (!handle) return answer(id, error_response(handle.error()));
                const auto bound = bind(caller, *target, request, *handle);
                if (!bound) {
                  if (request.writ().empty()) desk_->end(*handle);
                  return answer(id, error_response(bound.error()));
                }
                v1::ControlResponse response;
                *response.mutable_run() = *bound;
                answer_when_kept(id, std::move(response));
              });
}

Result<v1::RunResponse> Daemon::bind(const Caller& caller, const Peer& target,
                                     const v1::AttachRequest& request,
                                     identity::WritHandle handle) {
  if (!is_alive(target)) return fail(ErrorCode::kNotFound, "process {} has ended", target.pid);
  if (Status fit = check_target(caller, target.pid); !fit) return tl::unexpected(fit.error());
  const auto mode = mode_for(caller, *book_.get(handle), request.mode());
  if (!mode) return tl::unexpected(mode.error());
  const std::string executable = executable_link(static_cast<std::uint32_t>(target.pid));
  if (executable.empty()) return fail(ErrorCode::kNotFound, "there is no process {}", target.pid);
  const auto where = kernel::cgroup_of(cgroups_, target.pid);
  if (!where) return tl::unexpected(where.error());
  auto cgroup = kernel::SessionCgroup::create_below(cgroups_, *where, new_call_id().substr(0, 16));
  if (!cgroup) return tl::unexpected(cgroup.error());
  const auto session = open_session({.handle = handle,
                                     .mode = *mode,
                                     .uid = caller.uid,
                                     .command = {printable(executable)},
                                     .bound_by = "attach",
                                     .cgroup = std::move(*cgroup)});
  if (!session) return tl::unexpected(session.error());
  (*session)->own_writ = request.writ().empty();
  const auto moved = move_tree(**session, target);
  if (!moved) {
    // fail closed: whoever was moved stays governed, under a writ that ends with this error.
    if (!(*session)->cgroup.populated()) undo_session(**session);
    return tl::unexpected(moved.error());
  }
  v1::RunResponse response;
  fill_run(**session, response);
  response.set_processes(*moved);
  return response;
}

// Moves a process and its descendants. A child that is forked meanwhile lands where its parent was,
// so it is looked again until nobody is left outside.
Result<std::uint32_t> Daemon::move_tree(const Session& session, const Peer& target,
                                        std::uint64_t arrival) {
  std::uint32_t moved = 0;
  for (int round = 0; round < kMaxRounds; ++round) {
    bool all_inside = true;
    auto processes = kernel::process_tree(target.pid);
    if (arrival != 0) {
      // What it forked whose parent has ended since stands in no tree.
      const auto more = tap_->arriving(arrival);
      processes.insert(processes.end(), more.begin(), more.end());
    }
    for (const pid_t pid : processes) {
      const auto where = kernel::cgroup_of(cgroups_, pid);
      if (!where || *where == session.cgroup.path()) continue;
      all_inside = false;
      if (Status covered = coverage_->cover_process(static_cast<std::uint32_t>(pid)); !covered) {
        spdlog::warn("process {}: {}; what it encrypts stays held as opaque", pid,
                     covered.error().message);
      }
      adopt_connections(session.cgroup.id(), session.mode, pid);
      if (Status added = session.cgroup.add(pid); !added) {
        if (!is_alive(target)) return fail(ErrorCode::kNotFound, "process {} ended", target.pid);
        if (pid == target.pid) return tl::unexpected(added.error());
        continue;  // a descendant that ended
      }
      // Once more: what it opened between the look and the move.
      adopt_connections(session.cgroup.id(), session.mode, pid);
      ++moved;
    }
    if (all_inside) return moved;
  }
  return fail(ErrorCode::kUnavailable,
              "process {} starts children faster than they can be bound (try again)", target.pid);
}

// Connections that are older than their session belong to another cgroup; the gate has to be told
// of each.
void Daemon::adopt_connections(std::uint64_t cgroup, identity::Mode mode, pid_t pid) {
  const std::uint32_t kept =
      mode == identity::Mode::kEnforce ? WRIT_MODE_ENFORCE : WRIT_MODE_OBSERVE;
  for (const kernel::OpenSocket& socket : hands_.sockets_of(static_cast<std::uint32_t>(pid))) {
    if (Status adopted = tap_->adopt(socket.cookie, cgroup, kept, socket.inbound); !adopted) {
      spdlog::error("a connection of process {} could not be bound: {}", pid,
                    adopted.error().message);
    }
  }
}

}  // namespace writ::daemon
