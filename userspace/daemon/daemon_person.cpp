// Who is behind a session that a `match` rule bound: looked for until one is found, and renewed.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <filesystem>

#include "daemon/daemon.h"

namespace writ::daemon {
namespace {

namespace fs = std::filesystem;

// A person's token is looked for anew this long before the old one ends.
constexpr std::chrono::seconds kRenewBefore{60};

}  // namespace

// The name that a token file and a unit's file have for it.
std::string Daemon::unit_of(const Session& session) const {
  const std::string below = session.cgroup.path().substr(cgroups_.path.size());
  std::string unit(identity::unit_name(below));
  if (unit.empty() && session.cgroup.foreign()) unit = fs::path(below).filename();
  return unit;
}

// Looks for the person until one is found, and again when the token they were known by runs out.
void Daemon::attribute(Session& session) {
  if (session.rule == nullptr || session.resolving || session.ended) return;
  std::optional<kernel::ProcessFacts> process;
  for (const pid_t pid : session.cgroup.processes()) {
    if (auto facts = kernel::facts_of("/proc", pid, false)) {
      process = std::move(*facts);
      break;
    }
  }
  auto found = find_person({.rule = *session.rule,
                            .unit = unit_of(session),
                            .process = process ? &*process : nullptr,
                            .directory = directory_,
                            .root = settings_.root,
                            .tokens_dir = settings_.tokens_dir()});
  if (!found) return tell_unattributed(session, found.error().message);
  if (!*found) return;
  session.resolving = true;
  const std::uint64_t cgroup = session.cgroup.id();
  desk_->issue_matched(**found, *session.rule, session.writ.token_digest,
                       [this, cgroup, id = session.id](const Result<identity::WritHandle>& handle) {
                         const auto still = sessions_.find(cgroup);
                         if (still == sessions_.end() || still->second->id != id) {
                           if (handle) desk_->end(*handle);
                           return;
                         }
                         settle_person(*still->second, handle);
                       });
}

void Daemon::settle_person(Session& session, const Result<identity::WritHandle>& handle) {
  session.resolving = false;
  if (!handle) {
    tell_unattributed(session, handle.error().message);
  } else if (Status opened = desk_->open_limits(*book_.get(*handle)); !opened) {
    desk_->end(*handle);
    tell_unattributed(session, opened.error().message);
  } else {
    if (session.attributed()) desk_->end(session.handle);
    session.writ = *book_.get(*handle);
    session.handle = *handle;
    session.own_writ = true;
    session.withdrawn = false;
    session.unattributed_because.clear();
    write_session(session, "attributed");
    desk_->keep(session_row(session));
  }
  // What came meanwhile waited for this.
  gatekeeper_->resume(*flows_, session.cgroup.id());
  decide_desk_->resume(session);
  tell_kernel_anew(session);
  command_desk_->resume(session);
  stdio_desk_->resume(session);
}

// Said once for each reason, not each second.
void Daemon::tell_unattributed(Session& session, const std::string& why) {
  if (session.unattributed_because == why) return;
  session.unattributed_because = why;
  spdlog::warn("session {} ({}): nobody is known behind it: {}", session.id, session.writ.agent.id,
               why);
  // (void): the sentence above has told it.
  (void)write_gap(session.id, "unattributed", printable(why));
}

// Whether there is a token by now that is declared before what the person is known by.
bool Daemon::token_came(const Session& session) const {
  const auto& order = session.rule->person;
  const auto token = std::find(order.begin(), order.end(), identity::PersonSource::kToken);
  const auto present = std::find_if(order.begin(), order.end(), [&](identity::PersonSource source) {
    return identity::to_text(source) == session.writ.via;
  });
  std::error_code error;
  return token < present && session.writ.via != "token-file" &&
         fs::exists(settings_.tokens_dir() + "/" + unit_of(session), error);
}

// Each second: who is not known as yet may be by now, and whose time runs out may have more.
void Daemon::renew_persons() {
  const auto now = std::chrono::system_clock::now();
  for (auto& [cgroup, session] : sessions_) {
    if (session->rule == nullptr || session->resolving) continue;
    const bool revoked =
        session->attributed() && book_.state(session->handle, now) == identity::WritState::kRevoked;
    if (revoked) continue;  // it stays so until the session is over
    // A time that the agent's own limits set is not made longer.
    const auto& writ = session->writ;
    const bool runs_out = writ.not_after && writ.via == "token-file" && !writ.limits.max_duration &&
                          *writ.not_after - now < kRenewBefore;
    if (!session->attributed() || runs_out || token_came(*session)) attribute(*session);
  }
}

}  // namespace writ::daemon
