// Where the gatekeeper ends and the host begins: what it does to connections, and what it asks of
// the processes behind them. kernel_host.h is the real one.
//
// All functions belong to the daemon's loop thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "kernel/command_hold.h"
#include "kernel/hands.h"
#include "kernel/stdio_hold.h"
#include "util/result.h"

namespace writ::daemon {

// Verdicts made true. What each function does and fails of stands in kernel/tap.h and
// kernel/hands.h.
class Host {
 public:
  virtual ~Host() = default;

  // Bytes of `stream` below `offset` may leave. kick() makes them go at once.
  virtual Status release(std::uint64_t stream, std::uint64_t offset) = 0;
  virtual Status pass_all(std::uint64_t cookie) = 0;
  virtual void forget(std::uint64_t stream, std::uint64_t cookie) = 0;

  virtual Status kick(kernel::SocketId& socket) = 0;
  virtual Status refuse(kernel::SocketId& socket, std::string_view answer, bool end_sending) = 0;
  // kNotFound: there is no such socket any more.
  virtual Status abort(const kernel::SocketId& socket) = 0;
  virtual Result<kernel::BufferBefore> widen(kernel::SocketId& socket, std::uint64_t bytes) = 0;
  virtual Status restore(kernel::SocketId& socket, const kernel::BufferBefore& before) = 0;
};

// Commands that wait for a verdict at exec. What each function does stands in
// kernel/command_hold.h.
class Commands {
 public:
  virtual ~Commands() = default;

  virtual bool go_on(const kernel::CommandId& command) = 0;
  virtual bool end(const kernel::CommandId& command) = 0;
  virtual bool end_running(std::uint32_t pid, const std::string& executable) = 0;
  virtual Status pass(const writ_program& program, std::uint64_t until_ns) = 0;
};

// MCP servers over stdio that wait behind a read. What each function does stands in
// kernel/stdio_hold.h.
class Servers {
 public:
  virtual ~Servers() = default;

  virtual void pass_over(std::uint32_t pid) = 0;
  virtual Status overwrite(std::uint32_t pid, std::uint64_t address, std::string_view bytes) = 0;
  virtual Status say(std::uint32_t pid, std::string_view line) = 0;
  virtual bool go_on(const kernel::ServerId& server) = 0;
  virtual bool end(const kernel::ServerId& server) = 0;
};

// Processes whose plaintext has to be seen.
class Processes {
 public:
  virtual ~Processes() = default;

  // Puts probes into the libraries that it has mapped; see kernel::Coverage.
  virtual Status cover_process(std::uint32_t pid, std::chrono::milliseconds at_most_every) = 0;
  virtual void forget_process(std::uint32_t pid) = 0;
};

}  // namespace writ::daemon
