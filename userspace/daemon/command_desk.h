// The command desk takes each program that is started in a session to its verdict: judged, counted
// and recorded by the judge of all calls, and then continued or killed before its first instruction
// (kernel/command_hold.h). In observe mode it runs, and is recorded.
//
// A program that passes whatever its arguments are is handed to the kernel side, and starts without
// a stop from then on; its record is written as it runs.
//
// Owner: the daemon; loop thread only. Everything handed in must outlive it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <tuple>

#include "audit/key.h"
#include "budget/limits.h"
#include "daemon/command_call.h"
#include "daemon/host.h"
#include "daemon/judge.h"
#include "daemon/program_reader.h"
#include "daemon/session.h"
#include "kernel/tap.h"
#include "pdp/client.h"
#include "scan/scanner.h"

namespace writ::daemon {

// How files that run are read: on a thread, see program_reader.h. `then` is called later, or at
// once.
using ReadProgram = std::function<void(ProgramReader::Program, ProgramReader::Then)>;

class CommandDesk : public kernel::CommandSink {
 public:
  struct Parts {
    Judge& judge;
    pdp::PdpClient* pdp = nullptr;  // nullptr: rules alone decide
    Sessions& sessions;
    const budget::LimitBook& limits;
    std::shared_ptr<const scan::Ruleset> rules;
    const audit::Key& key;
    Commands& commands;
    ReadProgram read;
    std::string proc = "/proc";
  };
  explicit CommandDesk(Parts parts) : parts_(std::move(parts)), scanner_(parts_.rules) {}

  void on_command(const writ_event_command& event, std::string_view arguments) override;

  // It is known now who is behind the session, or that nobody is.
  void resume(const Session& session);
  // The session goes; what still waits in it is denied.
  void end(const Session& session);
  // writd stops: what still waits is denied.
  void end_all();

  // Commands of a session that wait for a verdict now.
  [[nodiscard]] std::uint32_t waiting(std::uint64_t cgroup) const;

 private:
  struct Started {
    std::uint64_t cgroup = 0;
    writ_event_command event = {};  // without the arguments
    std::string link;               // what /proc shows as its file
    Command command;                // until there is a call
    std::unique_ptr<Call> call;     // none: its file is being read

    [[nodiscard]] bool held() const { return (event.flags & WRIT_COMMAND_HELD) != 0; }
    [[nodiscard]] kernel::CommandId id() const {
      return {.pid = event.head.pid, .started_ns = event.head.time_ns};
    }
  };
  using Waiting = std::map<std::uint64_t, Started>;
  // A file in one state of it.
  using FileKey = std::tuple<std::uint32_t, std::uint64_t, std::uint64_t, std::uint64_t>;
  struct KnownFile {
    std::string link;  // the name by which it ran last
    ProgramFacts facts;
  };
  static FileKey key_of(const writ_program& program) {
    return {program.device, program.inode, program.size, program.changed};
  }

  Session& session_of(const Started& started) const { return *parts_.sessions.at(started.cgroup); }
  const KnownFile* known_file(const Started& started) const;
  void keep_facts(const Started& started, const ProgramFacts& facts);
  void take_facts(std::uint64_t id, const ProgramFacts& facts);
  void make_call(Started& started, const ProgramFacts& facts);
  void judge(Waiting::iterator at);
  void take_answer(std::uint64_t id, const pdp::PdpAnswer& answer);
  void conclude(Waiting::iterator at);
  struct Came {
    const char* result;
    const char* detail;
  };
  Came enforce(const Started& started, bool may);
  void pass_from_now_on(const Started& started, const Session& session);
  void give_up(Waiting::iterator at, const char* why);

  Parts parts_;
  scan::Scanner scanner_;
  std::uint64_t next_ = 0;
  Waiting waiting_;
  std::map<FileKey, KnownFile> known_;
};

}  // namespace writ::daemon
