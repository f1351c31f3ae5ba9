// writd: everything put together around one epoll loop.
//
// Data goes one way: tap → flow table → gatekeeper; requests come in by the control server. All of
// it runs on the loop's thread; only queries of the record and the audit's syncs have threads of
// their own.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "audit/writer.h"
#include "budget/limits.h"
#include "daemon/caller.h"
#include "daemon/command_desk.h"
#include "daemon/control_server.h"
#include "daemon/decide_desk.h"
#include "daemon/gatekeeper.h"
#include "daemon/kernel_host.h"
#include "daemon/person_source.h"
#include "daemon/program_reader.h"
#include "daemon/queries.h"
#include "daemon/reloader.h"
#include "daemon/resolvers.h"
#include "daemon/session.h"
#include "daemon/settings.h"
#include "daemon/state_keeper.h"
#include "daemon/stdio_desk.h"
#include "daemon/token_desk.h"
#include "daemon/writ_desk.h"
#include "flow/flow_table.h"
#include "identity/directory.h"
#include "identity/token_service.h"
#include "identity/writ_book.h"
#include "identity/writ_store.h"
#include "kernel/cgroup.h"
#include "kernel/coverage.h"
#include "kernel/hands.h"
#include "kernel/tap.h"
#include "llm/prices.h"
#include "policy/policy_set.h"
#include "scan/ruleset.h"

namespace writ::daemon {

class Daemon : public ControlHandler, public kernel::ArrivalSink {
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

  void on_program(std::uint64_t arrival, pid_t pid, std::string_view path) override;
  void on_cgroup(std::string_view path) override;
  void on_orphan(const writ_event_flow& event) override;
  void on_moved(pid_t pid, std::string_view path) override;

 private:
  explicit Daemon(Settings settings);

  // daemon_start.cpp
  Status load(Diagnostics& diagnostics);
  Status load_exchange(Diagnostics& diagnostics);
  Status attach();
  Status open_record();
  Status open_desks();
  Status open_tap();
  Status open_sockets();
  Status open_loop();
  void write_start();

  // daemon_control.cpp
  Caller identify(const Peer& peer);
  void answer(ConnectionId id, const v1::ControlResponse& response);
  void answer_when_kept(ConnectionId id, v1::ControlResponse response);
  v1::StatusResponse status(const Caller& caller, const Sight& sight) const;
  v1::DoctorResponse doctor(const Sight& sight) const;
  Diagnostics not_in_force(const Sight& sight) const;
  void list_writs(const Sight& sight, const v1::ListWritsRequest& request, ConnectionId id);

  // daemon_writs.cpp
  void obtain_writ(const Caller& caller, const v1::WritTerms& terms, const std::string& writ,
                   WritDesk::Granted then);
  void grant(const Caller& caller, const v1::GrantRequest& request, ConnectionId id);
  void revoke(const Caller& caller, const v1::RevokeRequest& request, ConnectionId id);
  std::uint32_t withdraw_ended();
  void run_session(const Peer& peer, const Caller& caller, const v1::RunRequest& request,
                   ConnectionId id);
  void start_run(const Peer& peer, const Caller& caller, const v1::RunRequest& request,
                 identity::WritHandle handle, ConnectionId id);
  static void fill_run(const Session& session, v1::RunResponse& out);

  // daemon_decide.cpp
  Result<Session*> session_for(const Caller& caller, const v1::DecideRequest& request);
  Result<Session*> session_of_writ(identity::WritHandle handle);
  void sweep_writ_sessions();
  void decide(const Caller& caller, const v1::DecideRequest& request, ConnectionId id);

  // daemon_commands.cpp
  Status tell_kernel(const Session& session);
  void tell_kernel_anew(const Session& session);
  void adopt_commands(Session& session);
  static void end_left_commands(const std::vector<pid_t>& processes);
  static void end_left_processes(const std::vector<pid_t>& processes);

  // daemon_network.cpp
  Status look_at_resolvers();
  void check_network(const Sight& sight, v1::Check& check) const;

  // daemon_attach.cpp
  Status check_target(const Caller& caller, pid_t pid);
  void attach_session(const Caller& caller, const v1::AttachRequest& request, ConnectionId id);
  Result<v1::RunResponse> bind(const Caller& caller, const Peer& target,
                               const v1::AttachRequest& request, identity::WritHandle handle);
  Result<std::uint32_t> move_tree(const Session& session, const Peer& target,
                                  std::uint64_t arrival = 0);
  void adopt_connections(std::uint64_t cgroup, identity::Mode mode, pid_t pid);

  // daemon_match.cpp
  Status start_matching();
  void rematch(Session& session);
  void look_at_all();
  void look_again();
  Session* session_at(const std::string& path);
  bool match_cgroup(const std::string& path);
  struct Start {  // of a program
    pid_t pid = 0;
    std::uint64_t arrival = 0;  // 0: it has run for a while
    std::string_view started_as;
  };
  struct Matched {
    bool seen = false;  // what it is, before it ended
    Session* session = nullptr;
  };
  Matched match_program(const Start& start);
  Matched bind_program(const Start& start, const identity::MatchRule& rule,
                       const kernel::ProcessFacts& facts);
  identity::Mode mode_of(const identity::MatchRule& rule) const;
  Session* open_matched(const identity::MatchRule& rule, kernel::SessionCgroup cgroup,
                        std::vector<std::string> command, uid_t uid);
  void cover_member(const Session& session, pid_t pid);

  // daemon_person.cpp
  void attribute(Session& session);
  void settle_person(Session& session, const Result<identity::WritHandle>& handle);
  void tell_unattributed(Session& session, const std::string& why);
  bool token_came(const Session& session) const;
  std::string unit_of(const Session& session) const;
  void renew_persons();

  // daemon_reload.cpp
  void take_configuration(Reloader::Outcome outcome);
  void answer_reload(ConnectionId id);
  void apply(Configuration configuration);
  identity::Scopes still_held(const identity::Writ& writ) const;

  // daemon_adopt.cpp
  Status open_state();
  Status adopt_sessions();
  Status adopt_session(const identity::SessionRow& row,
                       const std::map<std::string, std::uint64_t>& used);

  // daemon_session.cpp
  struct SessionStart {
    identity::WritHandle handle;             // none: nobody is known as yet
    const identity::Agent* agent = nullptr;  // then: who it is
    identity::Mode mode = identity::Mode::kEnforce;
    uid_t uid = 0;
    std::vector<std::string> command;
    std::string bound_by;
    std::optional<kernel::SessionCgroup> cgroup;  // none: one of its own
  };
  Result<identity::Mode> mode_for(const Caller& caller, const identity::Writ& writ,
                                  v1::Mode asked) const;
  Result<Session*> open_session(SessionStart start);
  Status govern(const Session& session);
  void undo_session(Session& session);
  identity::SessionRow session_row(const Session& session) const;
  void run_ended(const Peer& peer, const v1::RunEnded& ended);

  // daemon_losses.cpp
  void take_losses();
  void write_lost(const char* kind, std::uint64_t count, const char* detail);

  Status read_events();
  void take_signal();
  void tick();
  void end_sessions();
  void write_session(const Session& session, const char* what);
  Status write_gap(const std::string& session, const char* kind, std::string detail);
  void shut_down();
  Status watch(int fd, std::uint32_t events, std::uint64_t tag);

  const Settings settings_;
  identity::Directory directory_;
  struct OldDirectory {
    std::chrono::steady_clock::time_point since;
    identity::Directory directory;
  };
  std::vector<OldDirectory> old_directories_;
  std::string policy_problem_;  // why what the files say is not in force
  std::shared_ptr<const policy::PolicySet> policies_;
  std::shared_ptr<const scan::Ruleset> rules_;
  std::optional<llm::Prices> prices_;  // of models
  std::unique_ptr<audit::Writer> audit_;
  budget::LimitBook limits_;
  identity::WritBook book_;
  std::vector<identity::SessionRow> left_;  // sessions of an earlier run, until they are adopted
  std::unique_ptr<StateKeeper> keeper_;
  std::unique_ptr<identity::TokenService> tokens_;  // nullptr: no issuers
  std::unique_ptr<WritDesk> desk_;
  std::optional<identity::ExchangeConfig> exchange_config_;
  std::unique_ptr<TokenDesk> token_desk_;  // nullptr: no token exchange
  kernel::Hands hands_;
  KernelHost host_{hands_};
  kernel::CgroupMount cgroups_;
  Sessions sessions_;
  // By writ, of callers outside of every session; they have no cgroup.
  std::map<std::string, std::unique_ptr<Session>> writ_sessions_;
  std::unique_ptr<Gatekeeper> gatekeeper_;
  std::unique_ptr<DecideDesk> decide_desk_;
  std::unique_ptr<ProgramReader> program_reader_;
  std::unique_ptr<CommandDesk> command_desk_;
  std::unique_ptr<StdioDesk> stdio_desk_;
  Resolvers resolvers_{settings_.path("etc/resolv.conf")};
  std::string resolvers_problem_;  // why the kernel side does not know them
  std::uint32_t programs_ = 0;     // the last that a session was given (writ_session)
  std::unique_ptr<flow::FlowTable> flows_;
  std::unique_ptr<kernel::Tap> tap_;
  std::unique_ptr<kernel::Coverage> coverage_;
  std::unique_ptr<ControlServer> control_;
  std::unique_ptr<Queries> queries_;
  std::unique_ptr<pdp::PdpClient> pdp_;  // nullptr: no decision point
  std::unique_ptr<Reloader> reloader_;
  std::vector<ConnectionId> reloading_;  // who waits for an answer
  UniqueFd epoll_;
  UniqueFd signals_;
  UniqueFd timer_;
  bool watches_arrivals_ = false;
  bool reads_environment_ = false;        // a match rule asks for it
  bool look_at_all_ = false;              // something that appeared was not told
  std::vector<std::string> new_cgroups_;  // that could not be opened yet
  bool ticking_ = false;
  bool stopping_ = false;
  std::uint64_t started_unix_ns_ = 0;
  std::chrono::steady_clock::time_point swept_{};
  kernel::Counters seen_{};  // counters at the last tick
};

}  // namespace writ::daemon
