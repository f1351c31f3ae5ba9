// Decisions for callers who ask before they act: under which session, and so for whom.
#include <fmt/format.h>

#include <algorithm>

#include "daemon/daemon.h"

namespace writ::daemon {
namespace {

// Each may hold what was done under a writ so far (policy/session_facts.h), so there is an end.
constexpr std::size_t kMaxWritSessions = 1024;

}  // namespace

// An agent asks for itself; anybody else under a session or a writ that they could act under.
// Nothing else says who it is for.
Result<Session*> Daemon::session_for(const Caller& caller, const v1::DecideRequest& request) {
  if (caller.session != nullptr) {
    const Session& own = *caller.session;
    const bool other = (!request.session().empty() && request.session() != own.id) ||
                       (!request.writ().empty() && request.writ() != own.writ.id);
    if (other) {
      return fail(ErrorCode::kDenied, "{} asks for itself only: leave out --session and --writ",
                  caller.name());
    }
    return caller.session;
  }
  if (request.session().empty() == request.writ().empty()) {
    return fail(ErrorCode::kInvalid,
                "outside of a session, say under which one (--session) or which writ (--writ)");
  }
  if (!request.writ().empty()) {
    const auto handle = desk_->find_usable(caller, request.writ());
    if (!handle) return tl::unexpected(handle.error());
    return session_of_writ(*handle);
  }
  const Sight sight = Sight::of(caller);
  for (auto& [cgroup, session] : sessions_) {
    if (session->id == request.session() && !session->ended &&
        sight.covers(session->writ.tenant, session->writ.user.id)) {
      return session.get();
    }
  }
  return fail(ErrorCode::kNotFound, "there is no session '{}' (`writ status` shows yours)",
              printable(request.session()));
}

// A session without processes: what was decided under a writ for callers outside of every session,
// for as long as the writ counts and writd runs.
Result<Session*> Daemon::session_of_writ(identity::WritHandle handle) {
  const identity::Writ& writ = *book_.get(handle);
  std::unique_ptr<Session>& known = writ_sessions_[writ.id];
  if (known) return known.get();
  if (writ_sessions_.size() > kMaxWritSessions) {
    writ_sessions_.erase(writ.id);
    return fail(ErrorCode::kUnavailable,
                "decisions are asked for under {} writs, which is as many as can be",
                kMaxWritSessions);
  }
  // Outermost first, so that each account finds the one above it.
  for (const std::string& id : writ.chain_writs) {
    const auto above = book_.find(std::nullopt, id);
    if (!above) continue;
    if (Status opened = desk_->open_limits(*book_.get(*above)); !opened) {
      writ_sessions_.erase(writ.id);
      return tl::unexpected(opened.error());
    }
  }
  known = std::make_unique<Session>();
  known->writ = writ;
  known->writ.effective = still_held(writ);
  known->handle = handle;
  known->consults = pdp_ != nullptr;
  known->use(policies_->of(writ.tenant));
  known->mode = writ.agent.mode.value_or(identity::Mode::kEnforce);
  return known.get();
}

// Those of writs that are over.
void Daemon::sweep_writ_sessions() {
  const auto now = std::chrono::system_clock::now();
  std::erase_if(writ_sessions_, [&](const auto& entry) {
    const auto state = book_.state(entry.second->handle, now);
    const bool over =
        state == identity::WritState::kRevoked || state == identity::WritState::kExpired;
    if (over) decide_desk_->end(*entry.second);
    return over;
  });
}

void Daemon::decide(const Caller& caller, const v1::DecideRequest& request, ConnectionId id) {
  const auto session = session_for(caller, request);
  if (!session) return answer(id, error_response(session.error()));
  decide_desk_->ask({.id = id, .pid = static_cast<std::uint32_t>(caller.pid), .session = **session},
                    request.call(), [this, id](const Result<v1::DecideResponse>& decided) {
                      if (!decided) return answer(id, error_response(decided.error()));
                      v1::ControlResponse response;
                      response.set_done(true);
                      *response.mutable_decide() = *decided;
                      answer(id, response);
                    });
}

}  // namespace writ::daemon
