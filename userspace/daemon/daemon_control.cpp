// Requests of the control socket: who may ask what, and the answers that need no thread.
#include <algorithm>

#include "daemon/daemon.h"
#include "daemon/version.h"
#include "kernel/features.h"

namespace writ::daemon {
namespace {

void add_counter(v1::StatusResponse& status, const char* name, std::uint64_t value) {
  v1::Counter& counter = *status.add_counters();
  counter.set_name(name);
  counter.set_value(value);
}

}  // namespace

Result<std::string> Daemon::sight_of(const Peer& peer) const {
  if (peer.uid == 0) return std::string();
  const identity::User* user = directory_.user_of_uid(peer.uid);
  if (user == nullptr) {
    return fail(ErrorCode::kDenied, "uid {} is no known user (add it to `unix:` of a user in {})",
                peer.uid, settings_.users_path());
  }
  return user->id;
}

void Daemon::handle(const Peer& peer, const v1::ControlRequest& request, ConnectionId id,
                    Responder& responder) {
  // (void) at each send: a connection that is gone or full has been dealt with by the server.
  v1::ControlResponse response;
  response.set_done(true);
  const auto sight = sight_of(peer);
  switch (request.body_case()) {
    case v1::ControlRequest::kRun: {
      auto started = start_session(peer, request.run());
      if (!started) return (void)responder.fail(started.error());
      *response.mutable_run() = std::move(*started);
      return (void)responder.send(response);
    }
    case v1::ControlRequest::kRunEnded:
      run_ended(peer, request.run_ended());
      return (void)responder.send(response);
    case v1::ControlRequest::kStatus: {
      auto answer = status(peer);
      if (!answer) return (void)responder.fail(answer.error());
      *response.mutable_status() = std::move(*answer);
      return (void)responder.send(response);
    }
    case v1::ControlRequest::kDoctor:
      *response.mutable_doctor() = doctor(peer);
      return (void)responder.send(response);
    case v1::ControlRequest::kCalls:
      if (!sight) return (void)responder.fail(sight.error());
      return queries_->calls(id, request.calls(), *sight);
    case v1::ControlRequest::kTrace:
      if (!sight) return (void)responder.fail(sight.error());
      return queries_->trace(id, request.trace(), *sight);
    case v1::ControlRequest::kAuditVerify:
      if (peer.uid != 0) {
        return (void)responder.fail({ErrorCode::kDenied, "only root may verify the record"});
      }
      return queries_->verify(id);
    case v1::ControlRequest::BODY_NOT_SET:
      break;
  }
  (void)responder.fail({ErrorCode::kInvalid, "the request is empty (is `writ` newer than writd?)"});
}

void Daemon::on_disconnect(ConnectionId id) {
  if (queries_) queries_->cancel(id);
}

Result<v1::StatusResponse> Daemon::status(const Peer& peer) const {
  v1::StatusResponse status;
  status.set_version(kVersion);
  status.set_policy_version(policy_->version());
  status.set_ruleset_version(rules_->version());
  status.set_started_unix_ns(started_unix_ns_);
  status.set_durability(settings_.durability == audit::Durability::kStrict ? "strict" : "group");
  for (const auto& [cgroup, session] : sessions_) {
    if (peer.uid != 0 && peer.uid != session->uid) continue;
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
    out.set_held(gatekeeper_->held_calls(*flows_, cgroup));
    out.set_uid(session->uid);
  }
  if (peer.uid != 0) return status;
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
  add_counter(status, "held_segments", kernel[WRIT_COUNT_HELD_SEGMENTS]);
  const GatekeeperCounters& ours = gatekeeper_->counters();
  add_counter(status, "degraded_denials", ours.degraded_denials);
  add_counter(status, "missed_kicks", ours.missed_kicks);
  add_counter(status, "channels", flows_->channels());
  add_counter(status, "connections", flows_->connections());
  return status;
}

v1::DoctorResponse Daemon::doctor(const Peer& peer) const {
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
  for (const auto& [cgroup, session] : sessions_) {
    if (peer.uid != 0 && peer.uid != session->uid) continue;
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
  return answer;
}

}  // namespace writ::daemon
