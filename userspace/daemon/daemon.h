// writd: everything put together around one epoll loop.
//
// Data goes one way: tap → flow table → gatekeeper; requests come in by the control server. All of
// it runs on the loop's thread; only queries of the record and the audit's syncs have threads of
// their own.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "audit/writer.h"
#include "budget/limits.h"
#include "daemon/control_server.h"
#include "daemon/gatekeeper.h"
#include "daemon/queries.h"
#include "daemon/session.h"
#include "daemon/settings.h"
#include "flow/flow_table.h"
#include "identity/directory.h"
#include "kernel/cgroup.h"
#include "kernel/coverage.h"
#include "kernel/hands.h"
#include "kernel/tap.h"
#include "policy/policy.h"
#include "scan/ruleset.h"

namespace writ::daemon {

class Daemon : public ControlHandler {
 public:
  // Reads the configuration, opens the record, attaches the kernel side and the socket; all of it,
  // or nothing stays. Problems in files are in `diagnostics`.
  static Result<std::unique_ptr<Daemon>> open(const std::string& root, Diagnostics& diagnostics);
  ~Daemon() override;

  // Serves until SIGTERM or SIGINT.
  Status run();

  void handle(const Peer& peer, const v1::ControlRequest& request, ConnectionId id,
              Responder& responder) override;
  void on_disconnect(ConnectionId id) override;

 private:
  explicit Daemon(Settings settings);
  Status load(Diagnostics& diagnostics);
  Status attach();

  Result<v1::RunResponse> start_session(const Peer& peer, const v1::RunRequest& request);
  Result<identity::Writ> issue_writ(const Peer& peer, const v1::RunRequest& request) const;
  void run_ended(const Peer& peer, const v1::RunEnded& ended);
  Result<v1::StatusResponse> status(const Peer& peer) const;
  v1::DoctorResponse doctor(const Peer& peer) const;
  // The user whose things the peer may see: empty for root. Error: the peer is nobody.
  Result<std::string> sight_of(const Peer& peer) const;

  Status read_events();
  void tick();
  void take_losses();
  void end_sessions();
  void write_session(const Session& session, const char* what);
  void write_start();
  void shut_down();
  Status watch(int fd, std::uint32_t events, std::uint64_t tag);

  const Settings settings_;
  identity::Directory directory_;
  std::shared_ptr<const policy::Policy> policy_;
  std::shared_ptr<const scan::Ruleset> rules_;
  std::unique_ptr<audit::Writer> audit_;
  budget::LimitBook limits_;
  kernel::Hands hands_;
  kernel::CgroupMount cgroups_;
  Sessions sessions_;
  std::unique_ptr<Gatekeeper> gatekeeper_;
  std::unique_ptr<flow::FlowTable> flows_;
  std::unique_ptr<kernel::Tap> tap_;
  std::unique_ptr<kernel::Coverage> coverage_;
  std::unique_ptr<ControlServer> control_;
  std::unique_ptr<Queries> queries_;
  UniqueFd epoll_;
  UniqueFd signals_;
  UniqueFd timer_;
  bool ticking_ = false;
  bool stopping_ = false;
  std::uint64_t started_unix_ns_ = 0;
  kernel::Counters seen_{};  // counters at the last tick
};

}  // namespace writ::daemon
