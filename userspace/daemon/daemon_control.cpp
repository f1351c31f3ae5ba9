// Requests of the control socket: who may ask what, and the answers that need no thread.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "daemon/daemon.h"
#include "daemon/version.h"
#include "kernel/features.h"

namespace writ::daemon {
namespace {

constexpr std::size_t kShownVerdicts = 8;

void add_counter(v1::StatusResponse& status, const char* name, std::uint64_t value) {
  v1::Counter& counter = *status.add_counters();
  counter.set_name(name);
  counter.set_value(value);
}

// Whether what the policy says is what is done.
void check_verdicts(const Diagnostics& not_in_force, v1::Check& check) {
  check.set_name("verdicts in force");
  check.set_ok(not_in_force.empty());
  if (not_in_force.empty()) return check.set_detail("each as the policy says it");
  std::string detail;
  for (std::size_t i = 0; i < std::min(not_in_force.size(), kShownVerdicts); ++i) {
    const Diagnostic& one = not_in_force[i];
    detail += fmt::format("{}{} ({}:{})", i == 0 ? "" : "; ", one.message, one.file, one.line);
  }
  if (not_in_force.size() > kShownVerdicts) {
    detail += fmt::format("; and {} more", not_in_force.size() - kShownVerdicts);
  }
  check.set_detail(detail);
  check.set_hint(not_in_force.front().hint + "; `writ policy check FILE…` lists each");
}

// What a policy need not govern: where it does not, that is said, and no failure.
struct Optional {
  const char* name;
  const char* needs;  // as the end of "no tool of the policy is ..."
  bool policy = false;
  std::uint32_t governed = 0;  // sessions
};

void check_optional(const Optional& what, std::uint32_t sessions, v1::Check& check) {
  check.set_name(what.name);
  check.set_ok(true);
  if (sessions == 0) {
    check.set_detail(what.policy
                         ? fmt::format("governed: a tool of the policy is {}", what.needs)
                         : fmt::format("NOT governed: no tool of the policy is {}", what.needs));
  } else if (what.governed == sessions) {
    check.set_detail("governed in every session");
  } else {
    check.set_detail(fmt::format("NOT governed in {} of {} sessions: no tool of their policy is {}",
                                 sessions - what.governed, sessions, what.needs));
  }
}

}  // namespace

// Who asks. An agent stays an agent, whatever account it runs as.
Caller Daemon::identify(const Peer& peer) {
  Caller caller{.uid = peer.uid, .pid = peer.pid, .user = directory_.user_of_uid(peer.uid)};
  const auto where = kernel::cgroup_of(cgroups_, peer.pid);
  for (auto& [cgroup, session] : sessions_) {
    const std::string& path = session->cgroup.path();
    if (where && (*where == path || where->starts_with(path + "/"))) caller.session = session.get();
  }
  // Asked last: its number named no other process while its cgroup was looked at.
  caller.gone = !where || !is_alive(peer);
  return caller;
}

void Daemon::answer(ConnectionId id, const v1::ControlResponse& response) {
  (void)control_->post(id, response);  // the asker may have gone
}

// The answer goes out when what it promises would survive a power cut.
void Daemon::answer_when_kept(ConnectionId id, v1::ControlResponse response) {
  response.set_done(true);
  desk_->settle([this, id, response = std::move(response)](const Status& kept) {
    if (kept) return answer(id, response);
    spdlog::error("the state file could not be written: {}", kept.error().message);
    answer(id, error_response(
                   {kept.error().code, fmt::format("it counts, but would not survive a restart: {}",
                                                   kept.error().message)}));
  });
}

void Daemon::handle(const Peer& peer, const v1::ControlRequest& request, ConnectionId id,
                    Responder& responder) {
  // (void) at each send: a connection that is gone or full has been dealt with by the server.
  v1::ControlResponse response;
  response.set_done(true);
  const Caller caller = identify(peer);
  if (caller.gone) {
    return (void)responder.fail({ErrorCode::kDenied, "the process that connected has ended"});
  }
  const Sight sight = Sight::of(caller);
  const auto nobody = [&] {
    return caller.session != nullptr
               ? Error{ErrorCode::kDenied, "a governed agent may not look at the record"}
               : Error{ErrorCode::kDenied,
                       fmt::format("uid {} is no known user (add it to `unix:` of a user in {})",
                                   peer.uid, settings_.users_path())};
  };
  switch (request.body_case()) {
    case v1::ControlRequest::kRun:
      return run_session(peer, caller, request.run(), id);
    case v1::ControlRequest::kRunEnded:
      run_ended(peer, request.run_ended());
      return (void)responder.send(response);
    case v1::ControlRequest::kAttach:
      return attach_session(caller, request.attach(), id);
    case v1::ControlRequest::kDecide:
      return decide(caller, request.decide(), id);
    case v1::ControlRequest::kReload:
      if (!caller.root()) {
        return (void)responder.fail({ErrorCode::kDenied, "only root may reload"});
      }
      reloading_.push_back(id);
      return reloader_->ask();
    case v1::ControlRequest::kGrant:
      return grant(caller, request.grant(), id);
    case v1::ControlRequest::kRevoke:
      return revoke(caller, request.revoke(), id);
    case v1::ControlRequest::kListWrits:
      if (sight.nothing()) return (void)responder.fail(nobody());
      return list_writs(sight, request.list_writs(), id);
    case v1::ControlRequest::kShowWrit: {
      if (sight.nothing()) return (void)responder.fail(nobody());
      auto info = desk_->show(sight, request.show_writ().id());
      if (!info) return (void)responder.fail(info.error());
      *response.mutable_writ() = std::move(*info);
      return (void)responder.send(response);
    }
    case v1::ControlRequest::kStatus:
      *response.mutable_status() = status(caller, sight);
      return (void)responder.send(response);
    case v1::ControlRequest::kDoctor:
      *response.mutable_doctor() = doctor(sight);
      return (void)responder.send(response);
    case v1::ControlRequest::kCalls:
      if (sight.nothing()) return (void)responder.fail(nobody());
      return queries_->calls(id, request.calls(), sight);
    case v1::ControlRequest::kTrace:
      if (sight.nothing()) return (void)responder.fail(nobody());
      return queries_->trace(id, request.trace(), sight);
    case v1::ControlRequest::kAuditVerify:
      if (!caller.root()) {
        return (void)responder.fail({ErrorCode::kDenied, "only root may verify the record"});
      }
      return queries_->verify(id);
    case v1::ControlRequest::BODY_NOT_SET:
      break;
  }
  (void)responder.fail({ErrorCode::kInvalid, "the request is empty (is `writ` newer than writd?)"});
}

void Daemon::list_writs(const Sight& sight, const v1::ListWritsRequest& request, ConnectionId id) {
  const std::string& tenant = request.tenant();
  if (!tenant.empty() && !sight.covers_tenant(tenant)) {
    return answer(id, error_response({ErrorCode::kDenied, fmt::format("you are not of tenant '{}'",
                                                                      printable(tenant))}));
  }
  v1::ControlResponse response;
  for (v1::WritInfo& info : desk_->list(sight, request.ended())) {
    if (!tenant.empty() && info.tenant() != tenant) continue;
    *response.mutable_writ() = std::move(info);
    answer(id, response);
  }
  response.clear_writ();
  response.set_done(true);
  answer(id, response);
}

void Daemon::on_disconnect(ConnectionId id) {
  std::erase(reloading_, id);
  decide_desk_->forget(id);
  if (queries_) queries_->cancel(id);
}

Diagnostics Daemon::not_in_force(const Sight& sight) const {
  if (sight.nothing()) return {};
  return policies_->not_in_force(sight.all() ? std::nullopt
                                             : std::optional<std::string_view>(sight.tenant()));
}

v1::StatusResponse Daemon::status(const Caller& caller, const Sight& sight) const {
  v1::StatusResponse status;
  status.set_version(kVersion);
  status.set_policy_version(policies_->version());
  status.set_policy_problem(policy_problem_);
  status.set_not_in_force(static_cast<std::uint32_t>(not_in_force(sight).size()));
  status.set_ruleset_version(rules_->version());
  status.set_started_unix_ns(started_unix_ns_);
  status.set_durability(settings_.durability == audit::Durability::kStrict ? "strict" : "group");
  for (const auto& [cgroup, session] : sessions_) {
    if (!sight.covers(session->writ.tenant, session->writ.user.id)) continue;
    v1::SessionStatus& out = *status.add_sessions();
    out.set_session_id(session->id);
    out.set_tenant(session->writ.tenant);
    out.set_user(session->writ.user.id);
    out.set_agent(session->writ.agent.id);
    out.set_mode(to_mode(session->mode));
    out.set_started_unix_ns(session->started_unix_ns);
    out.set_processes(static_cast<std::uint32_t>(session->cgroup.processes().size()));
    out.set_calls(session->calls);
    out.set_denied(session->denied);
    out.set_held(gatekeeper_->held_calls(*flows_, cgroup) + command_desk_->waiting(cgroup) +
                 stdio_desk_->waiting(cgroup));
    out.set_uid(session->uid);
    out.set_writ_id(session->writ.id);
    for (const std::string& agent : session->writ.chain) out.add_chain(agent);
    out.set_tier(std::string(identity::to_text(session->writ.tier)));
    out.set_via(session->writ.via);
    out.set_strength(std::string(identity::to_text(session->writ.strength)));
    if (!session->policy->governs_commands()) {
      status.set_ungoverned_commands(status.ungoverned_commands() + 1);
    }
    if (!session->policy->governs_stdio())
      status.set_ungoverned_stdio(status.ungoverned_stdio() + 1);
    const policy::Network& network = session->policy->network();
    if (network.quic == policy::Quic::kAllow) status.set_unread_quic(status.unread_quic() + 1);
    if (network.dns == policy::Dns::kAny) status.set_open_dns(status.open_dns() + 1);
  }
  if (!caller.root()) return status;
  status.set_last_sequence(audit_->last_sequence());
  const kernel::Counters kernel = tap_->counters();
  add_counter(status, "plaintext_lost", kernel[WRIT_COUNT_RING_FULL_OUT]);
  add_counter(status, "response_lost", kernel[WRIT_COUNT_RING_FULL_IN]);
  add_counter(status, "events_lost", kernel[WRIT_COUNT_RING_FULL_META]);
  add_counter(status, "memory_unreadable", kernel[WRIT_COUNT_READ_FAILED]);
  add_counter(status, "map_full", kernel[WRIT_COUNT_MAP_FULL]);
  add_counter(status, "short_sends", kernel[WRIT_COUNT_SHORT_SENDS]);
  add_counter(status, "opaque", kernel[WRIT_COUNT_OPAQUE]);
  add_counter(status, "datagrams_refused", kernel[WRIT_COUNT_DATAGRAMS_REFUSED]);
  add_counter(status, "quic_passed", kernel[WRIT_COUNT_QUIC_PASSED]);
  add_counter(status, "held_segments", kernel[WRIT_COUNT_HELD_SEGMENTS]);
  add_counter(status, "commands_lost", kernel[WRIT_COUNT_COMMANDS_LOST]);
  add_counter(status, "commands_forced", kernel[WRIT_COUNT_COMMANDS_FORCED]);
  add_counter(status, "stdio_lost", kernel[WRIT_COUNT_STDIO_LOST]);
  add_counter(status, "stdio_forced", kernel[WRIT_COUNT_STDIO_FORCED]);
  const GatekeeperCounters& ours = gatekeeper_->counters();
  add_counter(status, "degraded_denials", ours.degraded_denials);
  add_counter(status, "missed_kicks", ours.missed_kicks);
  add_counter(status, "dns_unread", ours.dns_unread);
  add_counter(status, "unsaved_state", keeper_->unsaved());
  if (pdp_) {
    // Answers of a decision point that were none.
    for (const auto& [code, count] : pdp_->state().codes) {
      if (code != "pdp_allowed" && code != "pdp_flagged" && code != "pdp_denied") {
        add_counter(status, code.c_str(), count);
      }
    }
  }
  if (tokens_) add_counter(status, "failed_key_fetches", tokens_->counters().failed_fetches);
  if (token_desk_) {
    const TokenEndpointCounters exchange = token_desk_->counters();
    add_counter(status, "token_endpoint_busy", exchange.busy + exchange.timed_out);
  }
  return status;
}

v1::DoctorResponse Daemon::doctor(const Sight& sight) const {
  v1::DoctorResponse answer;
  for (const kernel::Feature& feature : kernel::check_features()) {
    v1::Check& check = *answer.add_checks();
    check.set_name(feature.name);
    check.set_ok(feature.present || !feature.needed);
    check.set_detail(feature.detail);
    check.set_hint(feature.present ? "" : feature.hint);
  }
  v1::Check& probes = *answer.add_checks();
  probes.set_name("TLS probes");
  probes.set_ok(!coverage_->files().empty());
  for (const std::string& file : coverage_->files()) {
    probes.set_detail(probes.detail() + (probes.detail().empty() ? "" : ", ") + file);
  }
  if (!probes.ok())
    probes.set_hint("install OpenSSL 3 (libssl.so.3), or run agents that bring their own");
  if (!sight.nothing()) check_verdicts(not_in_force(sight), *answer.add_checks());
  std::uint32_t seen = 0;
  Optional commands{.name = "commands", .needs = "a program"};
  Optional stdio{.name = "MCP over stdio", .needs = "a server's"};
  for (const auto& [cgroup, session] : sessions_) {
    if (!sight.covers(session->writ.tenant, session->writ.user.id)) continue;
    ++seen;
    if (session->policy->governs_commands()) ++commands.governed;
    if (session->policy->governs_stdio()) ++stdio.governed;
    for (const pid_t pid : session->cgroup.processes()) {
      const auto found = coverage_->status(static_cast<std::uint32_t>(pid));
      v1::ProcessCoverage& process = *answer.add_processes();
      process.set_pid(found.pid);
      process.set_exe(found.exe);
      process.set_session_id(session->id);
      process.set_covered(found.covered);
      process.set_why(found.why);
    }
  }
  if (!sight.nothing()) {
    const std::string_view tenant = sight.all() ? std::string_view() : sight.tenant();
    commands.policy = policies_->of(tenant)->governs_commands();
    stdio.policy = policies_->of(tenant)->governs_stdio();
    check_optional(commands, seen, *answer.add_checks());
    check_optional(stdio, seen, *answer.add_checks());
    check_network(sight, *answer.add_checks());
  }
  return answer;
}

}  // namespace writ::daemon
