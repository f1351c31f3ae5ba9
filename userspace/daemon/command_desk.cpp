#include "daemon/command_desk.h"

#include <time.h>

#include <chrono>

namespace writ::daemon {
namespace {

// Apart from the streams of connections, which have bit 62 or 63, and DecideDesk's, which have 61.
constexpr std::uint64_t kCommandFlow = 1ull << 60;

constexpr std::size_t kMaxKnownPrograms = 4096;

// A file that was changed so shortly before may be again within the same tick of the clock that
// ctime is of, and look the same.
constexpr std::chrono::seconds kSettledFile{2};

std::chrono::nanoseconds time_of(clockid_t clock) {
  timespec now = {};
  (void)clock_gettime(clock, &now);  // cannot fail with these clocks
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

// CLOCK_BOOTTIME until which a writ counts.
std::uint64_t end_of(const identity::Writ& writ) {
  if (!writ.not_after) return UINT64_MAX;
  const auto left = *writ.not_after - std::chrono::system_clock::now();
  const auto end =
      time_of(CLOCK_BOOTTIME) + std::chrono::duration_cast<std::chrono::nanoseconds>(left);
  return end.count() > 0 ? static_cast<std::uint64_t>(end.count()) : 0;
}

}  // namespace

void CommandDesk::on_command(const writ_event_command& event, std::string_view arguments) {
  Started started{.cgroup = event.head.session, .event = event};
  if (!parts_.sessions.contains(started.cgroup)) {
    // Its session ended meanwhile, so nobody can judge it.
    if (started.held()) (void)parts_.commands.end(started.id());
    return;
  }
  started.link = executable_link(event.head.pid, parts_.proc);
  started.command = read_command(parts_.proc, event, arguments);
  const std::uint64_t id = ++next_;
  const KnownFile* known = known_file(started);
  if (known != nullptr) started.link = known->link;
  const ProgramReader::Program program{.pid = event.head.pid, .link = started.link};
  waiting_.emplace(id, std::move(started));
  if (known != nullptr) return take_facts(id, known->facts);
  parts_.read(program, [this, id](const ProgramFacts& facts) {
    const auto at = waiting_.find(id);
    if (at == waiting_.end()) return;
    keep_facts(at->second, facts);
    take_facts(id, facts);
  });
}

// One that runs may have ended, or run another program by now. Then its file is all that is known
// for certain.
const CommandDesk::KnownFile* CommandDesk::known_file(const Started& started) const {
  const auto found = known_.find(key_of(started.event.program));
  if (found == known_.end()) return nullptr;
  return !started.held() || found->second.link == started.link ? &found->second : nullptr;
}

void CommandDesk::keep_facts(const Started& started, const ProgramFacts& facts) {
  const writ_program& program = started.event.program;
  // Of one that an earlier writd left, the kernel side has not said which file it is.
  const bool certain = started.held() ? program.inode != 0 : program.inode == facts.inode;
  if (!certain || facts.inode == 0) return;
  if (known_.size() >= kMaxKnownPrograms) known_.clear();
  known_[key_of(program)] = {.link = started.link, .facts = facts};
}

void CommandDesk::take_facts(std::uint64_t id, const ProgramFacts& facts) {
  const auto at = waiting_.find(id);
  Started& started = at->second;
  const Session& session = session_of(started);
  if (!session.policy->governs_commands()) {
    // The policy that asked for it is not in force any more.
    if (started.held()) (void)parts_.commands.go_on(started.id());
    waiting_.erase(at);
    return;
  }
  make_call(started, facts);
  if (!session.resolving || !session.enforced()) judge(at);  // else resume() comes back to it
}

void CommandDesk::make_call(Started& started, const ProgramFacts& facts) {
  started.command.digest = facts.digest;
  started.call = make_command_call(std::move(started.command),
                                   program_path(started.link, started.event.file, facts.on_host),
                                   scanner_, parts_.key, session_of(started).reads_bodies);
  if (started.held()) started.call->first_seen_ns = started.event.head.time_ns;
}

void CommandDesk::judge(Waiting::iterator at) {
  const std::uint64_t id = at->first;
  Call& call = *at->second.call;
  const Session& session = session_of(at->second);
  parts_.judge.weigh(session, call);
  if (!Judge::wants_answer(session, call)) return conclude(at);
  parts_.judge.consult(kCommandFlow | id, session, call,
                       [this, id](const pdp::PdpAnswer& answer) { take_answer(id, answer); });
}

void CommandDesk::take_answer(std::uint64_t id, const pdp::PdpAnswer& answer) {
  const auto at = waiting_.find(id);
  if (at == waiting_.end()) return;
  parts_.judge.narrow(session_of(at->second), *at->second.call, answer);
  conclude(at);
}

void CommandDesk::conclude(Waiting::iterator at) {
  Started started = std::move(at->second);
  waiting_.erase(at);
  Session& session = session_of(started);
  Call& call = *started.call;
  const std::string executable = printable(started.link);
  const bool may = parts_.judge.conclude(session, call, started.event.head.pid, executable);
  // What it prints comes to the agent unseen.
  if (may) {
    session.facts.note_result(tool_name(call), !call.tool || call.tool->tool->untrusted, {});
  }
  const Came came = enforce(started, may);
  parts_.judge.write_outcome(session, call, came.result, came.detail);
  if (may && started.held()) pass_from_now_on(started, session);
}

CommandDesk::Came CommandDesk::enforce(const Started& started, bool may) {
  constexpr const char* kGone =
      "it had ended before: killed, or made to run by somebody else while it waited";
  if (started.held()) {
    if (may) {
      return parts_.commands.go_on(started.id()) ? Came{"completed", "started"}
                                                 : Came{"incomplete", kGone};
    }
    return parts_.commands.end(started.id())
               ? Came{"refused", "killed before its first instruction"}
               : Came{"refused", kGone};
  }
  if (may || (started.event.flags & WRIT_COMMAND_PASSED) == 0) return {"completed", "started"};
  // What passed it has changed since.
  return parts_.commands.end_running(started.event.head.pid, started.link)
             ? Came{"aborted", "killed: it had begun to run, under what was in force before"}
             : Came{"incomplete", "it had run, under what was in force before"};
}

// Where the verdict hangs on nothing that another start of it could change.
void CommandDesk::pass_from_now_on(const Started& started, const Session& session) {
  const Call& call = *started.call;
  const policy::ToolMatch* tool = call.tool ? &*call.tool : nullptr;
  const identity::Writ& writ = session.writ;
  const std::chrono::nanoseconds changed(started.event.program.changed);
  const bool settled =
      started.event.program.inode != 0 && !session.consults && session.policy->settled(tool) &&
      !session.policy->settings(writ.user.id, tool, writ.tier).rate_per_minute &&
      !parts_.limits.limited(writ.id) && time_of(CLOCK_REALTIME) - changed > kSettledFile;
  // (void): with no room for it, it is stopped the next time too.
  if (settled) (void)parts_.commands.pass(started.event.program, end_of(writ));
}

// Denied, in the words in which a live call is that ends before a verdict.
void CommandDesk::give_up(Waiting::iterator at, const char* why) {
  if (parts_.pdp != nullptr) parts_.pdp->forget(kCommandFlow | at->first);
  Started& started = at->second;
  if (!started.call) make_call(started, {});
  const Session& session = session_of(started);
  started.call->problem =
      protocol::Problem{.code = "incomplete_message", .message = why, .offset = 0};
  name(session, *started.call);
  started.call->decision = parts_.judge.judge(session, *started.call, false);
  conclude(at);
}

void CommandDesk::resume(const Session& session) {
  for (auto at = waiting_.begin(); at != waiting_.end();) {
    const auto next = std::next(at);
    const bool unjudged = at->second.call && at->second.call->stage == Stage::kArriving;
    if (unjudged && &session_of(at->second) == &session) judge(at);
    at = next;
  }
}

void CommandDesk::end(const Session& session) {
  for (auto at = waiting_.begin(); at != waiting_.end();) {
    const auto next = std::next(at);
    if (&session_of(at->second) == &session) give_up(at, "the session ended before a verdict");
    at = next;
  }
}

void CommandDesk::end_all() {
  while (!waiting_.empty()) give_up(waiting_.begin(), "writd stopped before a verdict");
}

std::uint32_t CommandDesk::waiting(std::uint64_t cgroup) const {
  std::uint32_t count = 0;
  for (const auto& [id, started] : waiting_) {
    if (started.cgroup == cgroup && started.held()) ++count;
  }
  return count;
}

}  // namespace writ::daemon
