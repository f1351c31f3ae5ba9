// How sessions begin and end.
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/epoll.h>

#include <algorithm>

#include "daemon/daemon.h"

namespace writ::daemon {
namespace {

// How long the connections of an ended session may take to close before what they hold is thrown
// away.
constexpr std::chrono::seconds kSessionLinger{30};
// How long the end's record waits for the exit code that `writ run` sends.
constexpr std::chrono::milliseconds kExitCodePatience{300};
constexpr std::size_t kMaxSessions = 4096;  // MAX_SESSIONS in bpf/maps.bpf.h

}  // namespace

// An observer is asked for by name; what is not said is enforced.
Result<identity::Mode> Daemon::mode_for(const Caller& caller, const identity::Writ& writ,
                                        v1::Mode asked) const {
  const identity::Mode given = writ.agent.mode.value_or(identity::Mode::kEnforce);
  if (asked == v1::MODE_ENFORCE) return identity::Mode::kEnforce;
  if (asked == v1::MODE_OBSERVE) {
    if (!caller.root() && given == identity::Mode::kEnforce) {
      return fail(ErrorCode::kDenied,
                  "agent {} is enforced; only root may run it observed (or `mode: observe` in {})",
                  writ.agent.id, settings_.agents_path());
    }
    return identity::Mode::kObserve;
  }
  return given;
}

Result<Session*> Daemon::open_session(SessionStart start) {
  if (sessions_.size() >= kMaxSessions) {
    if (start.cgroup) start.cgroup->remove();
    return fail(ErrorCode::kUnavailable, "{} sessions are running, which is as many as can be",
                kMaxSessions);
  }
  const identity::Writ* known = book_.get(start.handle);
  identity::Writ writ;
  if (known != nullptr) {
    writ = *known;
  } else {
    writ.tenant = start.agent->tenant;
    writ.agent = *start.agent;
    writ.chain = {start.agent->id};
  }
  auto session = std::make_unique<Session>();
  session->id = new_call_id().substr(0, 16);
  session->writ = writ;
  if (known != nullptr) session->writ.effective = still_held(writ);
  session->handle = start.handle;
  session->consults = pdp_ != nullptr;
  session->use(policies_->of(writ.tenant));
  session->mode = start.mode;
  session->uid = start.uid;
  session->bound_by = start.bound_by;
  session->started_unix_ns = unix_ns();
  session->command = start.command;
  if (!start.cgroup) {
    auto cgroup = kernel::SessionCgroup::create(cgroups_, session->id);
    if (!cgroup) return tl::unexpected(cgroup.error());
    start.cgroup = std::move(*cgroup);
  }
  session->cgroup = std::move(*start.cgroup);
  const auto undo = [&](const Error& error) {
    tap_->remove_session(session->cgroup.id());
    session->cgroup.remove();
    return tl::unexpected(error);
  };
  if (session->attributed()) {
    if (Status opened = desk_->open_limits(writ); !opened) return undo(opened.error());
  }
  if (Status watched = govern(*session); !watched) return undo(watched.error());
  write_session(*session, "started");
  if (session->attributed()) desk_->keep(session_row(*session));
  Session* raw = session.get();
  sessions_[session->cgroup.id()] = std::move(session);
  return raw;
}

// From here on the kernel side holds what the cgroup's processes send.
Status Daemon::govern(const Session& session) {
  if (Status told = tell_kernel(session); !told) return told;
  return watch(session.cgroup.events_fd(), EPOLLPRI, session.cgroup.id());
}

// Takes a session back that could not be filled.
void Daemon::undo_session(Session& session) {
  const std::uint64_t cgroup = session.cgroup.id();
  command_desk_->end(session);
  stdio_desk_->end(session);
  tap_->remove_session(cgroup);
  session.cgroup.remove();
  session.exit_code = 0;
  write_session(session, "ended");
  desk_->keep(identity::SessionGone{.id = session.id});
  sessions_.erase(cgroup);
}

void Daemon::run_ended(const Peer& peer, const v1::RunEnded& ended) {
  for (auto& [cgroup, session] : sessions_) {
    if (session->id == ended.session_id() && (peer.uid == 0 || peer.uid == session->uid)) {
      session->exit_code = ended.exit_code();
    }
  }
}

// A session is over when its last process is, and forgotten when its last connection is.
void Daemon::end_sessions() {
  const auto now = std::chrono::steady_clock::now();
  for (auto it = sessions_.begin(); it != sessions_.end();) {
    Session& session = *it->second;
    if (!session.ended) {
      if (session.alive()) {
        ++it;
        continue;
      }
      session.ended = true;
      session.ended_at = now;
    }
    // The last process can be on its way out for a moment longer.
    if (!session.removed) session.removed = session.cgroup.remove();
    const bool told = session.exit_code >= 0 || now - session.ended_at > kExitCodePatience ||
                      session.bound_by != "run";
    const bool quiet = flows_->connections_of(it->first) == 0;
    if (!told || ((!quiet || !session.removed) && now - session.ended_at < kSessionLinger)) {
      ++it;
      continue;
    }
    if (!quiet) {
      flows_->for_each_channel([&](flow::Channel& channel) {
        if (channel.session == it->first) gatekeeper_->destroy_held(channel);
      });
    }
    decide_desk_->end(session);
    command_desk_->end(session);
    stdio_desk_->end(session);
    flows_->forget_session(it->first);
    write_session(session, "ended");
    tap_->remove_session(it->first);
    // A writ without an end of its own was this session's.
    if (!session.writ.not_after || session.own_writ) desk_->end(session.handle);
    desk_->keep(identity::SessionGone{.id = session.id});
    it = sessions_.erase(it);
  }
}

identity::SessionRow Daemon::session_row(const Session& session) const {
  return {.id = session.id,
          .writ = session.writ.id,
          .cgroup = session.cgroup.path(),
          .cgroup_inode = session.cgroup.id(),
          .mode = session.mode,
          .uid = session.uid,
          .started = identity::TimePoint(std::chrono::duration_cast<identity::TimePoint::duration>(
              std::chrono::nanoseconds(session.started_unix_ns))),
          .command = session.command,
          .bound_by = session.bound_by};
}

void Daemon::write_session(const Session& session, const char* what) {
  v1::Record record;
  v1::SessionEvent& event = *record.mutable_session();
  event.set_session_id(session.id);
  event.set_what(what);
  event.set_tenant(session.writ.tenant);
  event.set_writ_id(session.writ.id);
  fill_user(session.writ, *event.mutable_user());
  fill_agent(session.writ, *event.mutable_agent());
  event.set_mode(to_mode(session.mode));
  for (const std::string& word : session.command) event.add_command(word);
  event.set_exit_code(session.exit_code);
  for (const std::string& scope : session.writ.effective) event.add_effective_scopes(scope);
  for (const std::string& agent : session.writ.chain) event.add_chain(agent);
  event.set_tier(std::string(identity::to_text(session.writ.tier)));
  event.set_task(session.writ.task);
  event.set_bound_by(session.bound_by);
  if (auto written = audit_->append(record); !written) {
    spdlog::error("session {} could not be recorded as {}: {}", session.id, what,
                  written.error().message);
  }
}

Status Daemon::write_gap(const std::string& session, const char* kind, std::string detail) {
  v1::Record record;
  record.mutable_gap()->set_session_id(session);
  record.mutable_gap()->set_kind(kind);
  record.mutable_gap()->set_count(1);
  record.mutable_gap()->set_detail(std::move(detail));
  if (auto written = audit_->append(record); !written) return tl::unexpected(written.error());
  return {};
}

}  // namespace writ::daemon
