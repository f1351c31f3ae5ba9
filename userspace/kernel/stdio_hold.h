// MCP servers over stdio that wait in a read, or stopped behind it (bpf/stdio.bpf.c): changes what
// they have read, lets them go on, or ends them; and puts a line of its own into what they say.
//
// Owner: the tap; loop thread only.
#pragma once

#include <cstdint>
#include <string_view>

#include "util/result.h"
#include "writ/abi.h"

namespace writ::kernel {

// A process, and its thread that reads.
struct ServerId {
  std::uint32_t pid = 0;
  std::uint32_t tid = 0;
};

class StdioHold {
 public:
  // Descriptors of the maps of these names (writ/abi.h), which must outlive it.
  struct Maps {
    int servers = -1;
    int waiting = -1;
    int stopped = -1;
    int plain = -1;
  };
  explicit StdioHold(const Maps& maps) : maps_(maps) {}

  // What it reads is no message: it is not stopped for it any more, and nothing of it is told.
  void pass_over(std::uint32_t pid);

  // Overwrites what it has read. REQUIRES: it waits. Error: its memory cannot be written.
  static Status overwrite(std::uint32_t pid, std::uint64_t address, std::string_view bytes);

  // Says the line as if the server had. kUnavailable: not now, it is in the middle of something of
  // its own or nobody takes what it says. At most 4096 bytes, so that all of it goes or none.
  Status say(std::uint32_t pid, std::string_view line);

  // False: it does not wait any more. It has ended, or was killed because somebody continued it.
  bool go_on(const ServerId& server);
  bool end(const ServerId& server);
  // Every one that waits.
  void end_all();

 private:
  bool read(std::uint32_t pid, writ_server& out) const;
  [[nodiscard]] bool waits(const ServerId& server) const;

  Maps maps_;
};

}  // namespace writ::kernel
