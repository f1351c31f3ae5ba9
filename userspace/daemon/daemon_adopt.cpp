// A restarted writd takes over what an earlier one left: writs, revocations, sessions.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <set>

#include "audit/calls.h"
#include "daemon/daemon.h"

namespace writ::daemon {
namespace {

// Calls that were allowed under each writ and below it, since the record began.
std::map<std::string, std::uint64_t> count_calls(const std::string& dir, const audit::Key& key,
                                                 const std::set<std::string>& writs) {
  std::map<std::string, std::uint64_t> used;
  const audit::CallFilter filter{.visible = [&](const v1::Decision& decision) {
    if (decision.verdict() == v1::VERDICT_DENY) return false;
    for (const std::string& writ : decision.chain_writs()) {
      if (writs.contains(writ)) ++used[writ];
    }
    return false;  // counted; nothing is handed out
  }};
  // A damaged place loses counts, never denials; the damage itself is told by the writer's
  // recovery.
  (void)audit::each_call(dir, key, filter, [](v1::Call&&) {});
  return used;
}

}  // namespace

Status Daemon::open_state() {
  const std::string path = settings_.state_path();
  auto store = identity::WritStore::open(path);
  if (!store) return context(store.error(), "open the state file");
  if (Status pruned = (*store)->prune(std::chrono::system_clock::now()); !pruned) {
    return context(pruned.error(), "prune the state file");
  }
  auto stored = (*store)->load();
  if (!stored) return context(stored.error(), "read the state file");
  book_.restore(std::move(*stored), std::chrono::system_clock::now());
  auto sessions = (*store)->sessions();
  if (!sessions) return context(sessions.error(), "read the state file");
  left_ = std::move(*sessions);
  auto keeper = StateKeeper::start(std::move(*store));
  if (!keeper) return tl::unexpected(keeper.error());
  keeper_ = std::move(*keeper);
  return {};
}

// Sessions whose processes still run go on under their writs; what they did meanwhile nobody saw.
Status Daemon::adopt_sessions() {
  std::set<std::string> writs;
  for (const identity::SessionRow& row : left_) {
    if (const auto handle = book_.find(std::nullopt, row.writ)) {
      const auto& chain = book_.get(*handle)->chain_writs;
      writs.insert(chain.begin(), chain.end());
    }
  }
  std::map<std::string, std::uint64_t> used;
  if (!writs.empty()) used = count_calls(settings_.audit_dir(), audit_->key(), writs);
  std::set<std::string> known;
  for (const identity::SessionRow& row : left_) {
    if (Status adopted = adopt_session(row, used); adopted) {
      known.insert(row.cgroup);
    } else {
      spdlog::info("session {} is over: {}", row.id, adopted.error().message);
      end_left_processes(kernel::processes_in(row.cgroup));
      desk_->keep(identity::SessionGone{.id = row.id});
    }
  }
  left_.clear();
  for (const std::string& path : kernel::left_sessions(cgroups_, known)) {
    end_left_processes(kernel::processes_in(path));
    spdlog::warn("processes of an earlier run go on ungoverned in {}: end them, or attach them",
                 path);
    if (Status told = write_gap(
            {}, "ungoverned",
            "processes of an earlier run were found in " + path + "; writd has no state of them");
        !told) {
      return told;
    }
  }
  return {};
}

Status Daemon::adopt_session(const identity::SessionRow& row,
                             const std::map<std::string, std::uint64_t>& used) {
  const auto handle = book_.find(std::nullopt, row.writ);
  if (!handle) return tl::unexpected(handle.error());
  auto cgroup = kernel::SessionCgroup::reopen(cgroups_, row.cgroup, row.cgroup_inode);
  if (!cgroup) return tl::unexpected(cgroup.error());
  auto session = std::make_unique<Session>();
  session->id = row.id;
  session->writ = *book_.get(*handle);
  session->writ.effective = still_held(session->writ);
  session->handle = *handle;
  session->consults = pdp_ != nullptr;
  session->use(policies_->of(session->writ.tenant));
  session->own_writ = !session->writ.not_after;
  session->mode = row.mode;
  session->uid = row.uid;
  session->bound_by = row.bound_by;
  session->command = row.command;
  session->started_unix_ns = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(row.started.time_since_epoch()).count());
  session->cgroup = std::move(*cgroup);
  if (!session->alive()) {
    session->cgroup.remove();
    if (session->own_writ) desk_->end(*handle);
    return fail(ErrorCode::kNotFound, "its last process has ended");
  }
  // Outermost first, so that each account finds the one above it.
  for (const std::string& id : session->writ.chain_writs) {
    const auto above = book_.find(std::nullopt, id);
    if (!above) continue;
    const auto count = used.find(id);
    if (Status opened =
            desk_->open_limits(*book_.get(*above), count == used.end() ? 0 : count->second);
        !opened) {
      return opened;
    }
  }
  if (Status governed = govern(*session); !governed) return governed;
  for (const pid_t pid : session->cgroup.processes()) {
    adopt_connections(session->cgroup.id(), session->mode, pid);
    if (Status covered = coverage_->cover_process(static_cast<std::uint32_t>(pid)); !covered) {
      spdlog::warn("process {}: {}; what it encrypts stays held as opaque", pid,
                   covered.error().message);
    }
  }
  write_session(*session, "adopted");
  if (Status told = write_gap(session->id, "ungoverned", "writd was not there for a while");
      !told) {
    return told;
  }
  Session& adopted = *session;
  sessions_[session->cgroup.id()] = std::move(session);
  adopt_commands(adopted);
  return {};
}

}  // namespace writ::daemon
