// Who is told of which event of the kernel side: sessions' to one sink, arrivals to another, and
// what an arrival's connections did to whoever has claimed it.
//
// Owner: the tap; loop thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <unordered_map>

#include "kernel/tap.h"

namespace writ::kernel {

class Audience {
 public:
  // `passes`: the map of that name (writ/abi.h).
  void use(EventSink& events, int passes) {
    events_ = &events;
    passes_ = passes;
  }
  // True: there was one before.
  bool use(ArrivalSink& arrivals);

  void use(CommandSink& commands) { commands_ = &commands; }
  void use(StdioSink& stdio) { stdio_ = &stdio; }

  // One entry of the ring buffer. What is shorter than it says is passed over.
  void tell(const void* data, std::size_t size);

  // See Tap::claim() and Tap::abandon().
  void claim(std::uint64_t arrival, std::uint64_t cgroup, std::uint32_t mode) {
    claims_[arrival] = {.cgroup = cgroup, .mode = mode};
  }
  void abandon(std::uint64_t arrival);
  void forget_session(std::uint64_t cgroup);

 private:
  struct Claim {
    std::uint64_t cgroup = 0;  // 0: abandoned
    std::uint32_t mode = 0;
  };

  void tell(const writ_event& head, const void* data, std::size_t size);
  void tell_path(const writ_event& head, std::size_t size);
  void tell_command(const void* data, std::size_t size);
  void tell_stdio(const void* data, std::size_t size);
  void tell_dns(const void* data, std::size_t size);
  void tell_arrived(const writ_event& head, const void* data, std::size_t size);

  EventSink* events_ = nullptr;
  ArrivalSink* arrivals_ = nullptr;
  CommandSink* commands_ = nullptr;
  StdioSink* stdio_ = nullptr;
  int passes_ = -1;
  std::unordered_map<std::uint64_t, Claim> claims_;
  std::deque<std::uint64_t> abandoned_;  // the last of them
};

}  // namespace writ::kernel
