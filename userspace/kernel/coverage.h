// Which files carry TLS probes: each libssl, libcrypto and self-contained executable once, by
// inode.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "kernel/tap.h"
#include "util/result.h"

namespace writ::kernel {

struct ProcessCoverage {
  std::uint32_t pid = 0;
  std::string exe;
  bool covered = false;
  std::string why;
};

class Coverage {
 public:
  // `tap` must outlive it.
  explicit Coverage(Tap& tap) : tap_(tap) {}

  // The system's libssl.so.3 and libcrypto.so.3. Error when one is there and cannot be probed.
  Status cover_system();
  // An executable that is about to start: it, or behind `#!` its interpreter. One without TLS of
  // its own is fine.
  Status cover_executable(const std::string& path);
  // What a running process has mapped: its executable, every libssl and libcrypto. Files of
  // containers are reached through /proc/PID/root. Cheap when nothing is new.
  // `at_most_every` skips a process that was looked at so short a time ago.
  Status cover_process(std::uint32_t pid, std::chrono::milliseconds at_most_every = {});
  void forget_process(std::uint32_t pid) { looked_.erase(pid); }

  [[nodiscard]] ProcessCoverage status(std::uint32_t pid) const;
  [[nodiscard]] std::vector<std::string> files() const;

 private:
  using Inode = std::pair<dev_t, ino_t>;
  Status cover_file(const std::string& path, const std::string& name);

  Tap& tap_;
  std::map<std::uint32_t, std::chrono::steady_clock::time_point> looked_;  // by process
  std::map<Inode, std::pair<std::string, int>> seen_;  // file, functions found in it
};

}  // namespace writ::kernel
