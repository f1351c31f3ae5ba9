// The real host: the kernel side's maps, the hands on sockets, the TLS probes.
#pragma once

#include "daemon/host.h"
#include "kernel/coverage.h"
#include "kernel/hands.h"
#include "kernel/tap.h"

namespace writ::daemon {

class KernelHost final : public Host, public Processes, public Commands, public Servers {
 public:
  // `hands` must outlive it.
  explicit KernelHost(kernel::Hands& hands) : hands_(hands) {}

  // The tap is opened after its sink, at whose other end this stands. Both must outlive every
  // event. REQUIRES: before the first event.
  void use(kernel::Tap& tap, kernel::Coverage& coverage) {
    tap_ = &tap;
    coverage_ = &coverage;
    hands_.use(tap.refusing());
  }

  Status release(std::uint64_t stream, std::uint64_t offset) override {
    return tap_->release(stream, offset);
  }
  Status pass_all(std::uint64_t cookie) override { return tap_->pass_all(cookie); }
  void forget(std::uint64_t stream, std::uint64_t cookie) override { tap_->forget(stream, cookie); }

  Status kick(kernel::SocketId& socket) override { return hands_.kick(socket); }
  Status refuse(kernel::SocketId& socket, std::string_view answer, bool end_sending) override {
    return hands_.refuse(socket, answer, end_sending);
  }
  Status abort(const kernel::SocketId& socket) override { return hands_.abort(socket); }
  Result<kernel::BufferBefore> widen(kernel::SocketId& socket, std::uint64_t bytes) override {
    return hands_.widen(socket, bytes);
  }
  Status restore(kernel::SocketId& socket, const kernel::BufferBefore& before) override {
    return hands_.restore(socket, before);
  }

  bool go_on(const kernel::CommandId& command) override { return tap_->commands().go_on(command); }
  bool end(const kernel::CommandId& command) override { return tap_->commands().end(command); }
  bool end_running(std::uint32_t pid, const std::string& executable) override {
    return kernel::CommandHold::end_running(pid, executable);
  }
  Status pass(const writ_program& program, std::uint64_t until_ns) override {
    return tap_->commands().pass(program, until_ns);
  }

  void pass_over(std::uint32_t pid) override { tap_->stdio().pass_over(pid); }
  Status overwrite(std::uint32_t pid, std::uint64_t address, std::string_view bytes) override {
    return kernel::StdioHold::overwrite(pid, address, bytes);
  }
  Status say(std::uint32_t pid, std::string_view line) override {
    return tap_->stdio().say(pid, line);
  }
  bool go_on(const kernel::ServerId& server) override { return tap_->stdio().go_on(server); }
  bool end(const kernel::ServerId& server) override { return tap_->stdio().end(server); }

  Status cover_process(std::uint32_t pid, std::chrono::milliseconds at_most_every) override {
    return coverage_->cover_process(pid, at_most_every);
  }
  void forget_process(std::uint32_t pid) override {
    hands_.forget_process(pid);
    coverage_->forget_process(pid);
  }

 private:
  kernel::Hands& hands_;
  kernel::Tap* tap_ = nullptr;
  kernel::Coverage* coverage_ = nullptr;
};

}  // namespace writ::daemon
