// How writd comes up: what files say, the record, who decides, the kernel side, who may ask, and
// the loop that all of it runs in.
#include <fmt/format.h>
#include <signal.h>
#include <spdlog/spdlog.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

#include <filesystem>
#include <utility>
#include <vector>

#include "daemon/daemon.h"
#include "daemon/daemon_tags.h"
#include "daemon/version.h"
#include "kernel/features.h"

namespace writ::daemon {
namespace {

// So that writd gets a core when an agent and a server use both: held bytes wait for it.
// getpriority(2).
constexpr int kNice = -20;

sigset_t stop_signals() {
  sigset_t wanted;
  sigemptyset(&wanted);
  sigaddset(&wanted, SIGTERM);
  sigaddset(&wanted, SIGINT);
  sigaddset(&wanted, SIGHUP);
  return wanted;
}

Status check_host() {
  std::string missing;
  for (const kernel::Feature& feature : kernel::check_features()) {
    if (feature.present || !feature.needed) continue;
    missing += fmt::format("{}{}: {}", missing.empty() ? "" : "; ", feature.name, feature.hint);
  }
  if (!missing.empty()) {
    return fail(ErrorCode::kUnavailable, "this host lacks what Writ needs: {}", missing);
  }
  return {};
}

void report_error(const std::string& text) { spdlog::error("{}", text); }

}  // namespace

Result<std::unique_ptr<Daemon>> Daemon::open(const std::string& root, Diagnostics& diagnostics) {
  auto settings = load_settings(root, diagnostics);
  if (!settings) return fail(ErrorCode::kInvalid, "the configuration below {} has errors", root);
  std::unique_ptr<Daemon> daemon(new Daemon(std::move(*settings)));
  if (Status loaded = daemon->load(diagnostics); !loaded) return tl::unexpected(loaded.error());
  if (Status attached = daemon->attach(); !attached) return tl::unexpected(attached.error());
  return daemon;
}

Status Daemon::load(Diagnostics& diagnostics) {
  auto configuration = read_configuration(settings_, diagnostics);
  const auto rules = settings_.rule_files();
  if (rules.empty()) {
    return fail(ErrorCode::kNotFound,
                "no scan rules in {} (copy the shipped policies/rules/*.yaml there)",
                settings_.path("etc/writ/rules"));
  }
  auto ruleset = scan::Ruleset::load(rules, diagnostics);
  if (!configuration || !ruleset || has_errors(diagnostics)) {
    return fail(ErrorCode::kInvalid, "the configuration below {} has errors", settings_.root);
  }
  directory_ = std::move(configuration->directory);
  policies_ = std::move(configuration->policies);
  if (std::filesystem::exists(settings_.issuers_path())) {
    auto issuers = identity::Issuers::load(settings_.issuers_path(), diagnostics);
    if (!issuers || has_errors(diagnostics)) {
      return fail(ErrorCode::kInvalid, "the configuration below {} has errors", settings_.root);
    }
    auto tokens = identity::TokenService::open(std::move(*issuers));
    if (!tokens) return context(tokens.error(), "set up the verification of tokens");
    tokens_ = std::move(*tokens);
  }
  if (std::filesystem::exists(settings_.prices_path())) {
    prices_ = llm::Prices::load(settings_.prices_path(), diagnostics);
    if (!prices_) {
      return fail(ErrorCode::kInvalid, "the configuration below {} has errors", settings_.root);
    }
  }
  rules_ = std::move(*ruleset);
  return load_exchange(diagnostics);
}

Status Daemon::load_exchange(Diagnostics& diagnostics) {
  if (!std::filesystem::exists(settings_.exchange_path())) return {};
  exchange_config_ = identity::load_exchange_config(settings_.exchange_path(), diagnostics);
  if (!exchange_config_) {
    return fail(ErrorCode::kInvalid, "the configuration below {} has errors", settings_.root);
  }
  if (!tokens_) {
    return fail(ErrorCode::kInvalid,
                "{} is there, and no issuer of people's tokens (write {}, or remove it)",
                settings_.exchange_path(), settings_.issuers_path());
  }
  return {};
}

Status Daemon::attach() {
  // Signals are read, not delivered; before the first thread, since threads inherit that.
  const sigset_t wanted = stop_signals();
  if (sigprocmask(SIG_BLOCK, &wanted, nullptr) != 0) return fail_errno(errno, "block signals");
  // Before anything is made or changed.
  if (Status fit = check_host(); !fit) return fit;
  auto mount = kernel::find_cgroup2("/proc/self/mountinfo");
  if (!mount) return tl::unexpected(mount.error());
  cgroups_ = std::move(*mount);
  if (Status opened = open_record(); !opened) return opened;
  if (Status opened = open_state(); !opened) return opened;
  if (Status opened = open_desks(); !opened) return opened;
  if (Status opened = open_tap(); !opened) return opened;
  if (Status opened = open_sockets(); !opened) return opened;
  if (Status opened = open_loop(); !opened) return opened;
  (void)setpriority(PRIO_PROCESS, 0, kNice);  // worth having, not needed
  write_start();
  if (Status adopted = adopt_sessions(); !adopted) return adopted;
  return start_matching();
}

Status Daemon::open_record() {
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(settings_.audit_dir()).parent_path(),
                                      error);
  if (error) return fail(ErrorCode::kIo, "make {}: {}", settings_.audit_dir(), error.message());
  auto audit = audit::Writer::open(settings_.audit_dir(), {.durability = settings_.durability});
  if (!audit) return context(audit.error(), "open the audit record");
  audit_ = std::move(*audit);
  if (!audit_->recovery().clean()) {
    spdlog::warn("the audit record was not clean: {} bytes torn off; {}",
                 audit_->recovery().torn_bytes, audit_->recovery().problem);
  }
  return {};
}

// Those who decide, and who is asked on the way.
Status Daemon::open_desks() {
  desk_ = std::make_unique<WritDesk>(WritDesk::Parts{.directory = directory_,
                                                     .book = book_,
                                                     .keeper = *keeper_,
                                                     .limits = limits_,
                                                     .audit = *audit_,
                                                     .tokens = tokens_.get(),
                                                     .issuers_path = settings_.issuers_path(),
                                                     .users_path = settings_.users_path(),
                                                     .agents_path = settings_.agents_path()});
  if (settings_.decision) {
    auto pdp = pdp::PdpClient::open(*settings_.decision);
    if (!pdp) return context(pdp.error(), "set up the decision point");
    pdp_ = std::move(*pdp);
  }
  gatekeeper_ =
      std::make_unique<Gatekeeper>(Gatekeeper::Parts{.settings = settings_,
                                                     .pdp = pdp_.get(),
                                                     .prices = prices_ ? &*prices_ : nullptr,
                                                     .sessions = sessions_,
                                                     .rules = rules_,
                                                     .limits = limits_,
                                                     .book = book_,
                                                     .audit = *audit_,
                                                     .host = host_,
                                                     .processes = host_,
                                                     .report = report_error});
  decide_desk_ = std::make_unique<DecideDesk>(DecideDesk::Parts{
      .judge = gatekeeper_->judge(), .pdp = pdp_.get(), .rules = rules_, .key = audit_->key()});
  command_desk_ = std::make_unique<CommandDesk>(
      CommandDesk::Parts{.judge = gatekeeper_->judge(),
                         .pdp = pdp_.get(),
                         .sessions = sessions_,
                         .limits = limits_,
                         .rules = rules_,
                         .key = audit_->key(),
                         .commands = host_,
                         .read = [this](ProgramReader::Program program, ProgramReader::Then then) {
                           program_reader_->read(std::move(program), std::move(then));
                         }});
  stdio_desk_ = std::make_unique<StdioDesk>(StdioDesk::Parts{
      .judge = gatekeeper_->judge(),
      .pdp = pdp_.get(),
      .sessions = sessions_,
      .rules = rules_,
      .key = audit_->key(),
      .servers = host_,
      .report = report_error,
      .executable_of = [this](std::uint32_t pid) { return gatekeeper_->executable_of(pid); },
      .message_max = settings_.message_max});
  flows_ = std::make_unique<flow::FlowTable>(*gatekeeper_);
  gatekeeper_->serve(*flows_);
  return {};
}

Status Daemon::open_tap() {
  auto tap = kernel::Tap::open({.ring_bytes = settings_.ring_bytes, .cgroup_root = cgroups_.path},
                               *flows_);
  if (!tap) return context(tap.error(), "attach to the kernel");
  tap_ = std::move(*tap);
  coverage_ = std::make_unique<kernel::Coverage>(*tap_);
  host_.use(*tap_, *coverage_);
  if (Status told = look_at_resolvers(); !told) return told;
  if (Status covered = coverage_->cover_system(); !covered) {
    return context(covered.error(), "attach to the system's TLS libraries");
  }
  return {};
}

// Where people, and those who exchange tokens, ask.
Status Daemon::open_sockets() {
  std::error_code error;
  const std::filesystem::path run = settings_.path("run/writ");
  std::filesystem::create_directories(run, error);
  if (error) return fail(ErrorCode::kIo, "make {}: {}", run.string(), error.message());
  auto control = ControlServer::listen(settings_.socket_path(), *this);
  if (!control) return context(control.error(), "open the control socket");
  control_ = std::move(*control);
  queries_ = std::make_unique<Queries>(settings_.audit_dir(), audit_->key(), *control_);

  if (exchange_config_) {
    auto desk =
        TokenDesk::open({.directory = directory_,
                         .book = book_,
                         .desk = *desk_,
                         .audit = *audit_,
                         .tokens = *tokens_},
                        *exchange_config_, settings_.keys_dir(), settings_.token_socket_path());
    if (!desk) return tl::unexpected(desk.error());
    token_desk_ = std::move(*desk);
  }
  return {};
}

Status Daemon::open_loop() {
  auto reader = ProgramReader::start("/proc");
  if (!reader) return tl::unexpected(reader.error());
  program_reader_ = std::move(*reader);
  auto reloader = Reloader::start(
      settings_, [this](Reloader::Outcome outcome) { take_configuration(std::move(outcome)); });
  if (!reloader) return tl::unexpected(reloader.error());
  reloader_ = std::move(*reloader);
  const sigset_t wanted = stop_signals();
  signals_.reset(signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK));
  timer_.reset(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  epoll_.reset(epoll_create1(EPOLL_CLOEXEC));
  if (!signals_ || !timer_ || !epoll_) return fail_errno(errno, "make the event loop");
  std::vector<std::pair<int, std::uint64_t>> watched{
      {tap_->epoll_fd(), kTapTag},          {control_->epoll_fd(), kControlTag},
      {signals_.get(), kSignalTag},         {timer_.get(), kTimerTag},
      {keeper_->fd(), kKeeperTag},          {reloader_->fd(), kReloadTag},
      {program_reader_->fd(), kProgramsTag}};
  if (pdp_) watched.emplace_back(pdp_->fd(), kPdpTag);
  if (tokens_) watched.emplace_back(tokens_->fd(), kTokensTag);
  if (token_desk_) watched.emplace_back(token_desk_->fd(), kExchangeTag);
  for (const auto& [fd, tag] : watched) {
    if (Status added = watch(fd, EPOLLIN, tag); !added) return added;
  }
  return {};
}

void Daemon::write_start() {
  v1::Record record;
  v1::DaemonEvent& event = *record.mutable_daemon();
  event.set_what("started");
  event.set_version(kVersion);
  event.set_policy_version(policies_->version());
  if (auto written = audit_->append(record); !written) {
    spdlog::error("the start could not be recorded: {}", written.error().message);
  }
}

}  // namespace writ::daemon
