// Requests that need a writ: run, grant, and what ends one.
#include <fcntl.h>
#include <unistd.h>

#include "daemon/daemon.h"

namespace writ::daemon {
namespace {

constexpr std::size_t kMaxRecordedWords = 64;

std::vector<std::string> recorded(const google::protobuf::RepeatedPtrField<std::string>& command) {
  std::vector<std::string> words;
  for (const std::string& word : command) {
    if (words.size() < kMaxRecordedWords) words.push_back(printable(word));
  }
  return words;
}

}  // namespace

void Daemon::obtain_writ(const Caller& caller, const v1::WritTerms& terms, const std::string& writ,
                         WritDesk::Granted then) {
  if (!writ.empty()) return then(desk_->find_granted(caller, writ));
  desk_->issue(caller, terms, identity::Lifetime::kSession, std::move(then));
}

void Daemon::grant(const Caller& caller, const v1::GrantRequest& request, ConnectionId id) {
  desk_->issue(caller, request.terms(), identity::Lifetime::kGrant,
               [this, id](const Result<identity::WritHandle>& handle) {
                 if (!handle) return answer(id, error_response(handle.error()));
                 v1::ControlResponse response;
                 *response.mutable_writ() = desk_->info(*handle);
                 answer_when_kept(id, std::move(response));
               });
}

void Daemon::revoke(const Caller& caller, const v1::RevokeRequest& request, ConnectionId id) {
  const auto revoked = desk_->revoke(caller, request);
  if (!revoked) return answer(id, error_response(revoked.error()));
  v1::ControlResponse response;
  response.mutable_revoke()->mutable_revoked()->Assign(revoked->ids.begin(), revoked->ids.end());
  response.mutable_revoke()->set_denied(withdraw_ended());
  answer_when_kept(id, std::move(response));
}

// Denies what is held under writs that do not count any more.
std::uint32_t Daemon::withdraw_ended() {
  std::uint32_t denied = 0;
  const auto now = std::chrono::system_clock::now();
  for (auto& [cgroup, session] : sessions_) {
    const bool waits = session->resolving || !session->attributed();
    if (!waits && !session->withdrawn && !book_.active(session->handle, now)) {
      session->withdrawn = true;
      tell_kernel_anew(*session);
      denied += gatekeeper_->withdraw(*flows_, cgroup);
    }
  }
  return denied;
}

void Daemon::run_session(const Peer& peer, const Caller& caller, const v1::RunRequest& request,
                         ConnectionId id) {
  // Kept for later: the token's issuer may have to be asked first.
  auto asker = std::make_shared<Peer>();
  asker->pid = peer.pid;
  asker->uid = peer.uid;
  asker->gid = peer.gid;
  asker->pidfd.reset(::fcntl(peer.pidfd.get(), F_DUPFD_CLOEXEC, 0));
  Caller later = caller;
  later.session = nullptr;
  if (request.as_child()) {
    const auto handle = desk_->delegate(caller, request.terms(), request.parent());
    if (!handle) return answer(id, error_response(handle.error()));
    if (caller.session->enforced() && request.mode() == v1::MODE_OBSERVE) {
      desk_->end(*handle);
      return answer(
          id, error_response({ErrorCode::kDenied, "the child of an enforced agent is enforced"}));
    }
    return start_run(*asker, caller, request, *handle, id);
  }
  obtain_writ(caller, request.terms(), request.writ(),
              [this, asker, later, request, id](const Result<identity::WritHandle>& handle) {
                if (!handle) return answer(id, error_response(handle.error()));
                start_run(*asker, later, request, *handle, id);
              });
}

void Daemon::start_run(const Peer& peer, const Caller& caller, const v1::RunRequest& request,
                       identity::WritHandle handle, ConnectionId id) {
  const bool own = request.writ().empty();
  const auto give_up = [&](const Error& error) {
    if (own) desk_->end(handle);
    answer(id, error_response(error));
  };
  const identity::Writ& writ = *book_.get(handle);
  auto mode = mode_for(caller, writ, request.mode());
  if (!mode) return give_up(mode.error());
  if (request.as_child() && caller.session->enforced()) mode = identity::Mode::kEnforce;
  if (!request.executable().empty()) {
    if (Status covered = coverage_->cover_executable(request.executable()); !covered) {
      return give_up(context(covered.error(), "put probes into the command").value());
    }
  }
  const auto session = open_session({.handle = handle,
                                     .mode = *mode,
                                     .uid = peer.uid,
                                     .command = recorded(request.command()),
                                     .bound_by = "run"});
  if (!session) return give_up(session.error());
  (*session)->own_writ = own;
  adopt_connections((*session)->cgroup.id(), (*session)->mode, peer.pid);
  // Only a process that is still the one that asked: its number could have been given to another by
  // now.
  Status moved = is_alive(peer) ? (*session)->cgroup.add(peer.pid)
                                : Status(fail(ErrorCode::kUnavailable, "the caller is gone"));
  if (!moved) {
    undo_session(**session);
    return give_up(moved.error());
  }
  v1::ControlResponse response;
  fill_run(**session, *response.mutable_run());
  answer_when_kept(id, std::move(response));
}

void Daemon::fill_run(const Session& session, v1::RunResponse& out) {
  out.set_session_id(session.id);
  out.set_user(session.writ.user.id);
  out.set_mode(to_mode(session.mode));
  out.set_writ_id(session.writ.id);
  for (const std::string& scope : session.writ.effective) out.add_effective_scopes(scope);
}

}  // namespace writ::daemon
