#include "daemon/daemon.h"

#include <fmt/format.h>
#include <signal.h>
#include <spdlog/spdlog.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <vector>

#include "daemon/version.h"
#include "kernel/features.h"

namespace writ::daemon {
namespace {

// What an epoll event is about; larger values are cgroup ids.
constexpr std::uint64_t kTapTag = 0;
constexpr std::uint64_t kControlTag = 1;
constexpr std::uint64_t kSignalTag = 2;
constexpr std::uint64_t kTimerTag = 3;
constexpr std::uint64_t kKeeperTag = 4;
constexpr std::uint64_t kTokensTag = 5;
constexpr std::uint64_t kExchangeTag = 6;
constexpr std::uint64_t kPdpTag = 7;
constexpr std::uint64_t kReloadTag = 8;
constexpr std::uint64_t kProgramsTag = 9;

// How often what has run out is looked for.
constexpr std::chrono::seconds kSweep{1};

// How long an event that nothing waits for may lie in the ring buffer, and an ended session
// unnoticed.
constexpr long kTickNs = 10'000'000;

// How long the loop looks on for the rest of a call that is arriving.
constexpr std::uint64_t kLookOnNs = 40'000;

// So that writd gets a core when an agent and a server use both: held bytes wait for it.
// getpriority(2).
constexpr int kNice = -20;

}  // namespace

Daemon::Daemon(Settings settings) : settings_(std::move(settings)), started_unix_ns_(unix_ns()) {}

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
  sigset_t wanted;
  sigemptyset(&wanted);
  sigaddset(&wanted, SIGTERM);
  sigaddset(&wanted, SIGINT);
  sigaddset(&wanted, SIGHUP);
  if (sigprocmask(SIG_BLOCK, &wanted, nullptr) != 0) return fail_errno(errno, "block signals");
  // Before anything is made or changed.
  std::string missing;
  for (const kernel::Feature& feature : kernel::check_features()) {
    if (feature.present || !feature.needed) continue;
    missing += fmt::format("{}{}: {}", missing.empty() ? "" : "; ", feature.name, feature.hint);
  }
  if (!missing.empty()) {
    return fail(ErrorCode::kUnavailable, "this host lacks what Writ needs: {}", missing);
  }
  auto mount = kernel::find_cgroup2("/proc/self/mountinfo");
  if (!mount) return tl::unexpected(mount.error());
  cgroups_ = std::move(*mount);

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

  if (Status opened = open_state(); !opened) return opened;
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
  gatekeeper_ = std::make_unique<Gatekeeper>(
      Gatekeeper::Parts{.settings = settings_,
                        .pdp = pdp_.get(),
                        .prices = prices_ ? &*prices_ : nullptr,
                        .sessions = sessions_,
                        .rules = rules_,
                        .limits = limits_,
                        .book = book_,
                        .audit = *audit_,
                        .host = host_,
                        .processes = host_,
                        .report = [](const std::string& text) { spdlog::error("{}", text); }});
  decide_desk_ = std::make_unique<DecideDesk>(DecideDesk::Parts{
      .judge = gatekeeper_->judge(), .pdp = pdp_.get(), .rules = rules_, .key = audit_->key()});
  auto reader = ProgramReader::start("/proc");
  if (!reader) return tl::unexpected(reader.error());
  program_reader_ = std::move(*reader);
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
      .report = [](const std::string& text) { spdlog::error("{}", text); },
      .executable_of = [this](std::uint32_t pid) { return gatekeeper_->executable_of(pid); },
      .message_max = settings_.message_max});
  flows_ = std::make_unique<flow::FlowTable>(*gatekeeper_);
  gatekeeper_->serve(*flows_);
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

  auto reloader = Reloader::start(
      settings_, [this](Reloader::Outcome outcome) { take_configuration(std::move(outcome)); });
  if (!reloader) return tl::unexpected(reloader.error());
  reloader_ = std::move(*reloader);

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
  (void)setpriority(PRIO_PROCESS, 0, kNice);  // worth having, not needed
  write_start();
  if (Status adopted = adopt_sessions(); !adopted) return adopted;
  return start_matching();
}

Status Daemon::watch(int fd, std::uint32_t events, std::uint64_t tag) {
  epoll_event event = {};
  event.events = events;
  event.data.u64 = tag;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) return fail_errno(errno, "watch");
  return {};
}

Status Daemon::run() {
  while (!stopping_) {
    // The clock runs while there are sessions, or some may begin by themselves.
    const bool wanted = !sessions_.empty() || !writ_sessions_.empty() || watches_arrivals_;
    if (ticking_ != wanted) {
      ticking_ = wanted;
      itimerspec every = {};
      if (ticking_) every.it_value.tv_nsec = every.it_interval.tv_nsec = kTickNs;
      if (timerfd_settime(timer_.get(), 0, &every, nullptr) != 0) return fail_errno(errno, "timer");
    }
    std::array<epoll_event, 64> events;
    // A long send call is read piece by piece, between other events.
    const int patience = flows_->pull(*tap_) ? 0 : -1;
    const int count =
        epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), patience);
    if (count < 0 && errno != EINTR) return fail_errno(errno, "wait for events");
    for (int i = 0; i < count; ++i) {
      const std::uint64_t tag = events[static_cast<std::size_t>(i)].data.u64;
      if (tag == kTapTag) {
        if (Status consumed = read_events(); !consumed) return consumed;
      } else if (tag == kControlTag) {
        control_->on_ready();
      } else if (tag == kSignalTag) {
        take_signal();
      } else if (tag == kPdpTag) {
        pdp_->on_ready();
      } else if (tag == kReloadTag) {
        reloader_->on_ready();
      } else if (tag == kProgramsTag) {
        program_reader_->on_ready();
      } else if (tag == kKeeperTag) {
        keeper_->on_ready();
      } else if (tag == kTokensTag) {
        tokens_->on_ready();
      } else if (tag == kExchangeTag) {
        token_desk_->on_ready();
      } else {
        std::uint64_t expirations = 0;
        if (tag == kTimerTag) (void)!read(timer_.get(), &expirations, sizeof expirations);
        tick();
      }
    }
  }
  shut_down();
  return {};
}

void Daemon::take_signal() {
  signalfd_siginfo signal = {};
  while (read(signals_.get(), &signal, sizeof signal) == sizeof signal) {
    if (signal.ssi_signo == SIGHUP) {
      reloader_->ask();
    } else {
      stopping_ = true;
    }
  }
}

// A client that writes head and body one after the other would be waited for twice: going to sleep
// and being woken costs more than looking on for a moment.
Status Daemon::read_events() {
  Status consumed = tap_->consume();
  while (consumed && monotonic_ns() - gatekeeper_->last_hold_ns() < kLookOnNs) {
    consumed = tap_->consume();
  }
  return consumed;
}

void Daemon::tick() {
  if (Status consumed = tap_->consume(); !consumed) spdlog::error("{}", consumed.error().message);
  take_losses();
  look_again();
  gatekeeper_->help_stalled(*flows_);
  stdio_desk_->say_unsaid();
  end_sessions();
  const auto now = std::chrono::steady_clock::now();
  if (now - swept_ < kSweep) return;
  swept_ = now;
  (void)look_at_resolvers();  // has logged what went wrong, and tries again
  renew_persons();
  (void)withdraw_ended();  // those whose time has run out
  sweep_writ_sessions();
  desk_->sweep(sessions_);
  if (tokens_) tokens_->tick();
  if (token_desk_) {
    if (Status ticked = token_desk_->tick(); !ticked) {
      spdlog::error("keys that sign tokens: {}", ticked.error().message);
    }
  }
}

void Daemon::take_losses() {
  const kernel::Counters counters = tap_->counters();
  const auto changed = [&](int reason) { return counters[reason] != seen_[reason]; };
  if (changed(WRIT_COUNT_RING_FULL_OUT) || changed(WRIT_COUNT_RING_FULL_IN) ||
      changed(WRIT_COUNT_READ_FAILED) || changed(WRIT_COUNT_RING_FULL_META)) {
    tap_->take_losses(
        [&](std::uint64_t stream, std::uint64_t offset) { flows_->on_loss(stream, offset); });
  }
  if (changed(WRIT_COUNT_ARRIVALS_FULL)) look_at_all_ = true;
  if (changed(WRIT_COUNT_RING_FULL_META)) {
    write_lost("events_lost",
               counters[WRIT_COUNT_RING_FULL_META] - seen_[WRIT_COUNT_RING_FULL_META],
               "the event ring buffer was full (ring_bytes in writ.yaml)");
    look_at_all_ = true;
  }
  const auto lost = [&](int reason, const char* kind, const char* detail) {
    if (changed(reason)) write_lost(kind, counters[reason] - seen_[reason], detail);
  };
  lost(WRIT_COUNT_COMMANDS_LOST, "commands_lost",
       "programs were started and could not be told (ring_bytes in writ.yaml); those of enforced "
       "sessions were killed");
  lost(WRIT_COUNT_COMMANDS_FORCED, "command_forced",
       "somebody continued a program that waited for its verdict; it was killed");
  lost(WRIT_COUNT_STDIO_LOST, "stdio_lost",
       "messages over stdio that could not be told (ring_bytes in writ.yaml); servers of enforced "
       "sessions were killed");
  lost(WRIT_COUNT_STDIO_FORCED, "stdio_forced",
       "somebody continued an MCP server that waited for a verdict; it was killed");
  seen_ = counters;
}

void Daemon::write_lost(const char* kind, std::uint64_t count, const char* detail) {
  v1::Record record;
  record.mutable_gap()->set_kind(kind);
  record.mutable_gap()->set_count(count);
  record.mutable_gap()->set_detail(detail);
  if (auto written = audit_->append(record); !written) {
    spdlog::error("a gap could not be recorded: {}", written.error().message);
  }
}

void Daemon::shut_down() {
  spdlog::info("stopping");
  reloader_.reset();
  queries_.reset();
  control_.reset();
  token_desk_.reset();
  tap_->unwatch_commands();
  tap_->unwatch_stdio();
  if (Status consumed = tap_->consume(); !consumed) spdlog::error("{}", consumed.error().message);
  command_desk_->end_all();
  stdio_desk_->end_all();
  tap_->stdio().end_all();  // those that could not be told
  // What is held would leave when the gate goes.
  flows_->for_each_channel([&](flow::Channel& channel) { gatekeeper_->destroy_held(channel); });
  for (auto& [cgroup, session] : sessions_) {
    const bool over = session->ended || !session->alive();
    write_session(*session, over ? "ended" : "released");
    if (over) {
      session->cgroup.remove();
      if (session->own_writ) desk_->end(session->handle);
      desk_->keep(identity::SessionGone{.id = session->id});
    } else {
      spdlog::warn("session {} ({}) goes on ungoverned until writd is back", session->id,
                   session->writ.agent.id);
    }
  }
  desk_->settle({});
  keeper_.reset();  // waits for the disk
  tap_.reset();
  // One can have been stopped while nobody was told any more.
  for (const auto& [cgroup, session] : sessions_) end_left_commands(session->cgroup.processes());
  kernel::remove_sessions_folder(cgroups_);
  v1::Record record;
  record.mutable_daemon()->set_what("stopped");
  record.mutable_daemon()->set_version(kVersion);
  if (auto written = audit_->append(record); !written) {
    spdlog::error("the end could not be recorded: {}", written.error().message);
  }
  if (Status closed = audit_->close(); !closed) spdlog::error("{}", closed.error().message);
}

Daemon::~Daemon() = default;

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
