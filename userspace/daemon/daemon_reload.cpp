// How a new configuration comes into force: all of it at one moment, between two calls.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "daemon/daemon.h"
#include "daemon/version.h"
#include "identity/scope.h"

namespace writ::daemon {
namespace {

// Requests that began with an older directory are over by then.
constexpr std::chrono::minutes kKeepOld{2};
constexpr std::size_t kShownProblems = 8;

std::string text_of(const Diagnostics& problems) {
  std::string text;
  std::size_t shown = 0;
  for (const Diagnostic& problem : problems) {
    if (problem.severity != Severity::kError) continue;
    if (++shown > kShownProblems) return text + "; …";
    text += fmt::format("{}{}:{}:{}: {}", text.empty() ? "" : "; ", problem.file, problem.line,
                        problem.column, problem.message);
  }
  return text;
}

}  // namespace

void Daemon::take_configuration(Reloader::Outcome outcome) {
  v1::Record record;
  v1::DaemonEvent& event = *record.mutable_daemon();
  event.set_version(kVersion);
  if (outcome.configuration) {
    apply(std::move(*outcome.configuration));
    policy_problem_.clear();
    event.set_what("reloaded");
    spdlog::info("reloaded: policy {}", policies_->version());
  } else {
    policy_problem_ = text_of(outcome.problems);
    event.set_what("reload_refused");
    event.set_detail(printable(policy_problem_));
    spdlog::error("not reloaded, policy {} stays in force: {}", policies_->version(),
                  policy_problem_);
  }
  event.set_policy_version(policies_->version());
  if (auto written = audit_->append(record); !written) {
    spdlog::error("a reload could not be recorded: {}", written.error().message);
  }
  for (const ConnectionId id : std::exchange(reloading_, {})) answer_reload(id);
}

void Daemon::answer_reload(ConnectionId id) {
  if (!policy_problem_.empty()) {
    return answer(id, error_response({ErrorCode::kInvalid,
                                      fmt::format("not reloaded, policy {} stays in force: {}",
                                                  policies_->version(), policy_problem_)}));
  }
  v1::ControlResponse response;
  response.set_done(true);
  response.mutable_reload()->set_policy_version(policies_->version());
  answer(id, response);
}

void Daemon::apply(Configuration configuration) {
  const auto now = std::chrono::steady_clock::now();
  std::erase_if(old_directories_,
                [&](const OldDirectory& old) { return now - old.since > kKeepOld; });
  // Whoever still waits for an answer may point into it.
  old_directories_.push_back({.since = now, .directory = std::move(directory_)});
  directory_ = std::move(configuration.directory);
  auto replaced = std::exchange(policies_, std::move(configuration.policies));
  const auto renew = [&](Session& session) {
    session.use(policies_->of(session.writ.tenant));
    if (const identity::Writ* writ = book_.get(session.handle)) {
      session.writ.effective = still_held(*writ);
    }
  };
  for (auto& [cgroup, session] : sessions_) {
    renew(*session);
    tell_kernel_anew(*session);
    session->rule = nullptr;
    rematch(*session);
  }
  for (auto& [id, session] : writ_sessions_) renew(*session);
  reloader_->release(std::move(replaced));
  if (Status matching = start_matching(); !matching) {
    spdlog::error("{}", matching.error().message);
    policy_problem_ = matching.error().message;
  }
}

// What of a writ's scopes its person and its agents have today. What a token said of its bearer
// stands as long as the writ.
identity::Scopes Daemon::still_held(const identity::Writ& writ) const {
  identity::Scopes scopes = writ.effective;
  for (const std::string& id : writ.chain) {
    const identity::Agent* agent = directory_.agent(writ.tenant, id);
    if (agent == nullptr) return {};
    scopes = identity::intersect(scopes, agent->scopes);
  }
  if (writ.strength == identity::IdentityStrength::kToken) return scopes;
  const identity::User* user = directory_.user(writ.tenant, writ.user.id);
  return user == nullptr ? identity::Scopes{} : identity::intersect(scopes, user->scopes);
}

}  // namespace writ::daemon
