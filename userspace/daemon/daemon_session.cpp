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
constexpr std::chrono::seconds kLinger{30};
// How long the end's record waits for the exit code that `writ run` sends.
constexpr std::chrono::milliseconds kExitCodePatience{300};
constexpr std::size_t kMaxSessions = 4096;  // MAX_SESSIONS in bpf/maps.bpf.h
constexpr std::size_t kMaxRecordedWords = 64;

std::uint64_t unix_ns() {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                        std::chrono::system_clock::now().time_since_epoch())
                                        .count());
}

}  // namespace

Result<identity::Writ> Daemon::issue_writ(const Peer& peer, const v1::RunRequest& request) const {
  const identity::Agent* agent = directory_.agent(request.agent());
  if (agent == nullptr) {
    return fail(ErrorCode::kNotFound, "there is no agent '{}' (known agents are in {})",
                printable(request.agent()), settings_.agents_path());
  }
  const identity::User* user = nullptr;
  if (!request.user().empty()) {
    if (peer.uid != 0) {
      return fail(ErrorCode::kDenied,
                  "only root may run an agent for another user (leave out --user)");
    }
    user = directory_.user(request.user());
    if (user == nullptr) {
      return fail(ErrorCode::kNotFound, "there is no user '{}' (known users are in {})",
                  printable(request.user()), settings_.users_path());
    }
  } else {
    user = directory_.user_of_uid(peer.uid);
    if (user == nullptr) {
      return fail(
          ErrorCode::kDenied,
          "uid {} is no known user (add it to `unix:` of a user in {}, or, as root, say --user)",
          peer.uid, settings_.users_path());
    }
  }
  return identity::issue(*user, *agent, request.user().empty() ? "unix-peer" : "run --user",
                         std::chrono::system_clock::now());
}

Result<v1::RunResponse> Daemon::start_session(const Peer& peer, const v1::RunRequest& request) {
  if (sessions_.size() >= kMaxSessions) {
    return fail(ErrorCode::kUnavailable, "{} sessions are running, which is as many as can be",
                kMaxSessions);
  }
  auto writ = issue_writ(peer, request);
  if (!writ) return tl::unexpected(writ.error());
  if (!request.executable().empty()) {
    if (Status covered = coverage_->cover_executable(request.executable()); !covered) {
      return context(covered.error(), "put probes into the command");
    }
  }
  auto session = std::make_unique<Session>();
  session->id = writ->id.substr(0, 16);
  session->writ = std::move(*writ);
  // An observer is asked for by name; what is not said is enforced.
  session->mode = session->writ.agent.mode.value_or(identity::Mode::kEnforce);
  if (request.mode() == v1::MODE_ENFORCE) session->mode = identity::Mode::kEnforce;
  if (request.mode() == v1::MODE_OBSERVE) {
    if (peer.uid != 0 && session->mode == identity::Mode::kEnforce) {
      return fail(ErrorCode::kDenied,
                  "agent {} is enforced; only root may run it observed (or `mode: observe` in {})",
                  session->writ.agent.id, settings_.agents_path());
    }
    session->mode = identity::Mode::kObserve;
  }
  session->uid = peer.uid;
  session->started_unix_ns = unix_ns();
  for (const std::string& word : request.command()) {
    if (session->command.size() < kMaxRecordedWords) session->command.push_back(printable(word));
  }
  auto cgroup = kernel::SessionCgroup::create(cgroups_, session->id);
  if (!cgroup) return tl::unexpected(cgroup.error());
  session->cgroup = std::move(*cgroup);
  const auto undo = [&](const Error& error) {
    tap_->remove_session(session->cgroup.id());
    session->cgroup.remove();
    limits_.close_session(session->id, std::chrono::steady_clock::now());
    return tl::unexpected(error);
  };
  const identity::Writ& granted = session->writ;
  if (Status opened = limits_.open_session(session->id, granted.tenant + "/" + granted.user.id,
                                           {.max_tool_calls = granted.agent.max_tool_calls,
                                            .max_duration = granted.agent.max_duration,
                                            .calls_per_minute = granted.user.calls_per_minute},
                                           std::chrono::steady_clock::now());
      !opened) {
    return undo(opened.error());
  }
  const std::uint32_t mode = session->enforced() ? WRIT_MODE_ENFORCE : WRIT_MODE_OBSERVE;
  if (Status added = tap_->add_session(session->cgroup.id(), mode); !added) {
    return undo(added.error());
  }
  hands_.name_sockets(static_cast<std::uint32_t>(peer.pid));
  // Only a process that is still the one that asked: its number could have been given to another by
  // now.
  if (!is_alive(peer)) return undo({ErrorCode::kUnavailable, "the caller is gone"});
  if (Status moved = session->cgroup.add(peer.pid); !moved) return undo(moved.error());
  if (Status watched = watch(session->cgroup.events_fd(), EPOLLPRI, session->cgroup.id());
      !watched) {
    return undo(watched.error());
  }
  write_session(*session, "started");
  v1::RunResponse response;
  response.set_session_id(session->id);
  response.set_user(granted.user.id);
  response.set_mode(to_mode(session->mode));
  for (const std::string& scope : granted.effective) response.add_effective_scopes(scope);
  const std::uint64_t id = session->cgroup.id();
  sessions_[id] = std::move(session);
  return response;
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
      if (session.cgroup.populated()) {
        ++it;
        continue;
      }
      session.ended = true;
      session.ended_at = now;
      limits_.close_session(session.id, now);
    }
    // The last process can be on its way out for a moment longer.
    if (!session.removed) session.removed = session.cgroup.remove();
    const bool told = session.exit_code >= 0 || now - session.ended_at > kExitCodePatience;
    const bool quiet = flows_->connections_of(it->first) == 0;
    if (!told || ((!quiet || !session.removed) && now - session.ended_at < kLinger)) {
      ++it;
      continue;
    }
    if (!quiet) {
      flows_->for_each_channel([&](flow::Channel& channel) {
        if (channel.session == it->first) gatekeeper_->destroy_held(channel);
      });
    }
    flows_->forget_session(it->first);
    write_session(session, "ended");
    tap_->remove_session(it->first);
    it = sessions_.erase(it);
  }
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
  if (auto written = audit_->append(record); !written) {
    spdlog::error("session {} could not be recorded as {}: {}", session.id, what,
                  written.error().message);
  }
}

}  // namespace writ::daemon
