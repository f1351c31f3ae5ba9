// Sessions that nobody asked for: what the `match` rules of agents.yaml bind.
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <filesystem>

#include "daemon/daemon.h"

namespace writ::daemon {
namespace {

namespace fs = std::filesystem;

// Of the cgroups of a host; deeper ones are a container's own business.
constexpr int kMaxDepthOfCgroups = 16;
// Cgroups that are looked at again; more at once are found when the host is.
constexpr std::size_t kMaxNewCgroups = 4096;

std::string describe(const identity::MatchRule& rule) {
  std::string text = "match";
  const auto add = [&](const char* key, const std::string& pattern) {
    if (!pattern.empty()) text += fmt::format(" {} {}", key, printable(pattern));
  };
  add("unit", rule.unit);
  add("cgroup", rule.cgroup);
  add("executable", rule.executable);
  add("environment", rule.environment);
  return text;
}

std::vector<pid_t> all_processes() {
  std::vector<pid_t> all;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/proc", error)) {
    const std::string name = entry.path().filename();
    pid_t pid = 0;
    const auto [end, bad] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (bad == std::errc() && end == name.data() + name.size()) all.push_back(pid);
  }
  return all;
}

}  // namespace

Status Daemon::start_matching() {
  const auto& rules = directory_.match_rules();
  if (rules.empty() && !watches_arrivals_) return {};
  reads_environment_ = std::any_of(rules.begin(), rules.end(), [](const identity::MatchRule& rule) {
    return !rule.environment.empty();
  });
  const bool hold = !std::all_of(rules.begin(), rules.end(), [](const identity::MatchRule& rule) {
    return rule.whole_cgroup();
  });
  // First told, then looked: nobody can appear in between.
  if (Status watched = tap_->watch_arrivals(*this, hold); !watched) {
    return context(watched.error(), "watch what starts on this host");
  }
  watches_arrivals_ = true;
  for (auto& [cgroup, session] : sessions_) rematch(*session);
  look_at_all();
  return {};
}

// --- What appears ---

// Every program of the host waits for this, with what it sends.
void Daemon::on_program(std::uint64_t arrival, pid_t pid, std::string_view path) {
  const auto [seen, session] = match_program({.pid = pid, .arrival = arrival, .started_as = path});
  if (!seen) {
    tap_->abandon(arrival);
  } else if (session == nullptr) {
    tap_->dismiss(arrival);
  } else {
    tap_->claim(arrival, session->cgroup.id(),
                session->enforced() ? WRIT_MODE_ENFORCE : WRIT_MODE_OBSERVE);
  }
}

void Daemon::on_cgroup(std::string_view path) {
  // The kernel tells it a moment before it can be opened.
  if (!match_cgroup(std::string(path)) && new_cgroups_.size() < kMaxNewCgroups) {
    new_cgroups_.emplace_back(path);
  }
}

// It sent something and ended before anybody saw what it was, so it could have been an agent's.
void Daemon::on_orphan(const writ_event_flow& event) {
  if (event.local_port == 0) return;  // nothing was sent as yet
  kernel::SocketId socket{.cookie = event.cookie, .pid = event.head.pid};
  socket.family = event.family;
  socket.local_port = event.local_port;
  socket.peer_port = event.peer_port;
  std::memcpy(socket.local, event.local, sizeof socket.local);
  std::memcpy(socket.peer, event.peer, sizeof socket.peer);
  const Status ended = hands_.abort(socket);
  const std::string detail = fmt::format(
      "process {} sent to port {} and ended before it could be seen what it was: its "
      "connection {}",
      event.head.pid, event.peer_port, ended ? "was ended" : "stays held");
  spdlog::warn("{}", detail);
  (void)write_gap({}, "orphan", detail);  // it was told above
}

// A process came into a session from outside, with the connections that it has.
void Daemon::on_moved(pid_t pid, std::string_view path) {
  Session* session = session_at(cgroups_.path + std::string(path));
  if (session == nullptr || session->rule == nullptr) return;
  cover_member(*session, pid);
  if (!session->attributed()) attribute(*session);
}

void Daemon::look_again() {
  for (const std::string& path : std::exchange(new_cgroups_, {})) match_cgroup(path);
  if (std::exchange(look_at_all_, false) && !directory_.match_rules().empty()) look_at_all();
}

void Daemon::look_at_all() {
  std::vector<std::string> folders{cgroups_.path};
  // By index: it grows. Outermost first, so that what lies in a session is not looked at.
  for (std::size_t i = 0; i < folders.size(); ++i) {
    const std::string folder = folders[i];
    if (i > 0) match_cgroup(folder.substr(cgroups_.path.size()));
    if (session_at(folder) != nullptr || kernel::level_of(cgroups_, folder) > kMaxDepthOfCgroups) {
      continue;
    }
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder, error)) {
      if (entry.is_directory(error) && !entry.is_symlink(error)) folders.push_back(entry.path());
    }
  }
  for (const pid_t pid : all_processes())
    match_program({.pid = pid, .arrival = 0, .started_as = {}});
}

// The session that a cgroup belongs to.
Session* Daemon::session_at(const std::string& path) {
  for (auto& [cgroup, session] : sessions_) {
    const std::string& own = session->cgroup.path();
    if (!session->ended && (path == own || path.starts_with(own + "/"))) return session.get();
  }
  return nullptr;
}

// --- A cgroup is the session ---

// False: one that fits could not be opened.
bool Daemon::match_cgroup(const std::string& path) {
  const auto match =
      identity::find_match(directory_.match_rules(),
                           {.cgroup = path, .executable = {}, .started_as = {}, .environment = {}});
  if (!match) return true;
  const std::string folder = cgroups_.path + match->cgroup;
  if (session_at(folder) != nullptr) return true;
  auto cgroup = kernel::SessionCgroup::take(cgroups_, folder);
  if (!cgroup) return false;
  // What is in it already: the gate has to be told of the connections before it looks at them.
  const auto processes = cgroup->processes();
  const std::uint64_t id = cgroup->id();
  const identity::Mode mode = mode_of(*match->rule);
  for (const pid_t pid : processes) adopt_connections(id, mode, pid);
  const auto session = open_matched(*match->rule, std::move(*cgroup), {}, 0);
  if (session == nullptr) return true;
  for (const pid_t pid : processes) cover_member(*session, pid);
  attribute(*session);
  return true;
}

// --- A program and what it starts are the session ---

// The session that it belongs to; nullptr: none.
Daemon::Matched Daemon::match_program(const Start& start) {
  if (start.pid == getpid()) return {.seen = true};
  std::vector<pid_t> processes{start.pid};
  if (start.arrival != 0) {
    const auto more = tap_->arriving(start.arrival);
    processes.insert(processes.end(), more.begin(), more.end());
  }
  // One that still runs speaks for all.
  for (const pid_t pid : processes) {
    const auto facts = kernel::facts_of("/proc", pid, reads_environment_);
    if (!facts || facts->executable.empty()) continue;
    if (Session* session = session_at(cgroups_.path + facts->cgroup)) {
      return {.seen = true, .session = session};
    }
    const auto match =
        identity::find_match(directory_.match_rules(), {.cgroup = facts->cgroup,
                                                        .executable = facts->executable,
                                                        .started_as = start.started_as,
                                                        .environment = facts->environment});
    if (!match) return {.seen = true};
    if (!match->rule->whole_cgroup()) return bind_program(start, *match->rule, *facts);
    match_cgroup(match->cgroup);
    return {.seen = true, .session = session_at(cgroups_.path + match->cgroup)};
  }
  return {};
}

Daemon::Matched Daemon::bind_program(const Start& start, const identity::MatchRule& rule,
                                     const kernel::ProcessFacts& facts) {
  Peer target;
  target.pid = facts.pid;
  target.pidfd.reset(static_cast<int>(syscall(SYS_pidfd_open, facts.pid, 0)));
  auto cgroup = kernel::SessionCgroup::create_below(cgroups_, cgroups_.path + facts.cgroup,
                                                    new_call_id().substr(0, 16));
  if (!cgroup) {
    spdlog::error("process {} is agent {}'s and could not be bound: {}", facts.pid, rule.agent,
                  cgroup.error().message);
    return {};
  }
  const auto session =
      open_matched(rule, std::move(*cgroup), {printable(facts.executable)}, facts.uid);
  if (session == nullptr) return {};
  if (const auto moved = move_tree(*session, target, start.arrival); !moved) {
    if (!session->cgroup.populated()) {
      undo_session(*session);
      return {};
    }
    spdlog::error("process {} is agent {}'s; not all of it could be bound: {}", facts.pid,
                  rule.agent, moved.error().message);
  }
  attribute(*session);
  return {.seen = true, .session = session};
}

identity::Mode Daemon::mode_of(const identity::MatchRule& rule) const {
  return directory_.agent(rule.tenant, rule.agent)->mode.value_or(identity::Mode::kEnforce);
}

// A session that nobody is known behind as yet, so that all its calls are denied.
Session* Daemon::open_matched(const identity::MatchRule& rule, kernel::SessionCgroup cgroup,
                              std::vector<std::string> command, uid_t uid) {
  const std::string path = cgroup.path();
  const auto session = open_session({.handle = {},
                                     .agent = directory_.agent(rule.tenant, rule.agent),
                                     .mode = mode_of(rule),
                                     .uid = uid,
                                     .command = std::move(command),
                                     .bound_by = describe(rule),
                                     .cgroup = std::move(cgroup)});
  if (!session) {
    spdlog::error("{} is agent {}'s and could not be bound: {}", path, rule.agent,
                  session.error().message);
    return nullptr;
  }
  (*session)->rule = &rule;
  (*session)->writ.tier = rule.tier;
  return *session;
}

void Daemon::cover_member(const Session& session, pid_t pid) {
  adopt_connections(session.cgroup.id(), session.mode, pid);
  if (Status covered = coverage_->cover_process(static_cast<std::uint32_t>(pid)); !covered) {
    spdlog::debug("process {}: {}", pid, covered.error().message);
  }
}

// After a restart: which rule an adopted session came from.
void Daemon::rematch(Session& session) {
  if (!session.bound_by.starts_with("match ")) return;
  for (const identity::MatchRule& rule : directory_.match_rules()) {
    if (rule.tenant == session.writ.tenant && rule.agent == session.writ.agent.id &&
        describe(rule) == session.bound_by) {
      session.rule = &rule;
      return;
    }
  }
}

}  // namespace writ::daemon
