// The kernel side of Writ, loaded: its events come out, its verdicts go in.
//
// Owner: the daemon; one per host. All functions belong to the daemon's loop thread. Destroying it
// detaches everything, and the kernel then sends what was held: destroy refused sockets before
// (hands.h).
#pragma once

#include <linux/types.h>
#include <sys/types.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/command_hold.h"
#include "kernel/stdio_hold.h"
#include "util/result.h"
#include "writ/abi.h"

namespace writ::kernel {

// Who is told about events, in the order in which they happened. The views live for the call only.
class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual void on_data(const writ_event_data& event, std::string_view bytes) = 0;
  virtual void on_flow(const writ_event_flow& event) = 0;
  virtual void on_exec(const writ_event& event, std::string_view path) = 0;
  // `message`: what is there of it, event.head.size bytes.
  virtual void on_dns(const writ_event_dns& event, std::string_view message) = 0;
};

// Who is told what appears on the host outside of every session. Where it is out of date by the
// time it is told, nothing tells so: look again before acting.
class ArrivalSink {
 public:
  virtual ~ArrivalSink() = default;
  // `path` as it was given to execve(2). What the program sends is held until claim() or dismiss()
  // of the arrival, when watch_arrivals() was told to; else that is 0.
  virtual void on_program(std::uint64_t arrival, pid_t pid, std::string_view path) = 0;
  // A cgroup was made. `path` begins at the root of the hierarchy ("/system.slice/a.service").
  virtual void on_cgroup(std::string_view path) = 0;
  // What a program that ended before it was looked at still wants to send is held here.
  virtual void on_orphan(const writ_event_flow& event) = 0;
  // A process was moved into the cgroup, by writd itself too.
  virtual void on_moved(pid_t pid, std::string_view path) = 0;
};

// Who is told of the programs that are started in sessions whose commands are governed.
class CommandSink {
 public:
  virtual ~CommandSink() = default;
  // `arguments`: each with its NUL. WRIT_COMMAND_HELD: the process waits, see CommandHold.
  virtual void on_command(const writ_event_command& event, std::string_view arguments) = 0;
};

// Who is told what processes of a session say to MCP servers over stdio, and what those answer.
class StdioSink {
 public:
  virtual ~StdioSink() = default;
  // Bytes that a process has read or written, or its end. WRIT_STDIO_HELD: behind the last of a
  // read (without WRIT_STDIO_MORE) it waits, see StdioHold.
  virtual void on_stdio(const writ_event_stdio& event, std::string_view bytes) = 0;
};

struct TapOptions {
  std::uint32_t ring_bytes = 16u << 20;  // a power of two, at least a page
  std::string cgroup_root;               // mount point of cgroup2
};

using Counters = std::array<std::uint64_t, WRIT_COUNT_MAX>;

class Tap {
 public:
  // Loads and attaches the gate, the send hooks and the lifecycle hooks; all of them, or none stay.
  // `sink` must outlive it.
  static Result<std::unique_ptr<Tap>> open(const TapOptions& options, EventSink& sink);
  ~Tap();
  Tap(const Tap&) = delete;
  Tap& operator=(const Tap&) = delete;

  // Attaches the TLS probes to a file; what it does not export is left out. The number of functions
  // that were found: 0 means that the file has no TLS library of ours in it. Attaching the same
  // inode twice is the caller's to avoid.
  Result<int> attach_tls(const std::string& path);

  // From here on `sink` is told, which must outlive the tap. `hold`: what programs send is held
  // until they were looked at; a second call changes that.
  Status watch_arrivals(ArrivalSink& sink, bool hold);

  // The processes of an arrival: the program, and what it forked until now.
  [[nodiscard]] std::vector<pid_t> arriving(std::uint64_t arrival) const;
  // It belongs to a session: events of its connections are told as that session's from here on.
  void claim(std::uint64_t arrival, std::uint64_t cgroup, std::uint32_t mode);
  // It is nobody's: nothing of it is held any more.
  void dismiss(std::uint64_t arrival);
  // It ended before anybody could see whose it is: what it has sent stays held, and its connections
  // are told as orphans.
  void abandon(std::uint64_t arrival);

  // `level`: the cgroup's depth below the root of the hierarchy. Of `session`, `programs` and
  // `stdio` are other than 0 only once watch_commands() and watch_stdio() were called. A session
  // that is there is changed. kUnavailable: sessions are at WRIT_LEVELS_MAX other depths already,
  // or there are 4096.
  Status add_session(std::uint64_t cgroup, std::uint32_t level, const writ_session& session);
  void remove_session(std::uint64_t cgroup);

  // Whom sessions may ask for names from here on, where their policy does not open DNS to all.
  // At most WRIT_RESOLVERS_MAX. Error: of the newer ones some may not be asked as yet.
  Status set_resolvers(std::span<const writ_address> resolvers);

  // Attaches what stops commands; all of it, or none stays. `sink` must outlive the tap.
  Status watch_commands(CommandSink& sink);
  // From here on no command is stopped; what waits goes on waiting, and is told by consume().
  void unwatch_commands();
  // Of the commands that wait. Lives as long as the tap.
  [[nodiscard]] CommandHold& commands();

  // Attaches what stops servers; all of it, or none stays. `sink` must outlive the tap.
  Status watch_stdio(StdioSink& sink);
  // From here on no server waits for a verdict; what waits goes on waiting, and is told by
  // consume().
  void unwatch_stdio();
  // Of the servers that wait. Lives as long as the tap.
  [[nodiscard]] StdioHold& stdio();

  // A connection that is older than its session: from here on the gate knows whose it is. One that
  // it knows already is left as it is.
  Status adopt(std::uint64_t cookie, std::uint64_t cgroup, std::uint32_t mode, bool inbound);

  // Lets bytes of `stream` below `offset` leave. Does not wake the socket: Hands::kick does.
  Status release(std::uint64_t stream, std::uint64_t offset);
  // Holds nothing on this connection any more (on_opaque: allow).
  Status pass_all(std::uint64_t cookie);
  // Where Hands says whose calls have to wait a moment. Lives as long as the tap.
  [[nodiscard]] volatile __u64& refusing();
  // A long send call of this thread (writ/abi.h) that is still under way; nullopt: it has returned.
  std::optional<writ_pending> pending(std::uint64_t thread) const;
  // What the call sends below `offset` was read from memory, and need not be captured when it
  // returns.
  Status set_pulled(std::uint64_t stream, std::uint64_t offset);
  void forget(std::uint64_t stream, std::uint64_t cookie);

  [[nodiscard]] int epoll_fd() const;
  // Hands all waiting events to the sink. Error: the ring buffer cannot be read any more.
  Status consume();

  [[nodiscard]] Counters counters() const;
  // Calls each(stream, offset) for every loss since the last call, once.
  template <class Each>
  void take_losses(Each each) {
    std::uint64_t stream = 0;
    std::uint64_t offset = 0;
    while (next_loss(stream, offset)) each(stream, offset);
  }

 private:
  struct State;
  explicit Tap(std::unique_ptr<State> state);
  void decide_arrival(std::uint64_t arrival);
  bool next_loss(std::uint64_t& stream, std::uint64_t& offset);

  std::unique_ptr<State> state_;
};

}  // namespace writ::kernel
