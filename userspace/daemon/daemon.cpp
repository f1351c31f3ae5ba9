#include "daemon/daemon.h"

#include <signal.h>
#include <spdlog/spdlog.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <chrono>

#include "daemon/daemon_tags.h"
#include "daemon/version.h"

namespace writ::daemon {
namespace {

// How often what has run out is looked for.
constexpr std::chrono::seconds kSweep{1};

// How long an event that nothing waits for may lie in the ring buffer, and an ended session
// unnoticed.
constexpr long kTickNs = 10'000'000;

// How long the loop looks on for the rest of a call that is arriving.
constexpr std::uint64_t kLookOnNs = 40'000;

}  // namespace

Daemon::Daemon(Settings settings) : settings_(std::move(settings)), started_unix_ns_(unix_ns()) {}

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

}  // namespace writ::daemon
