// What an event of the daemon's loop is about: the data of its epoll entry. Larger values are
// cgroup ids.
#pragma once

#include <cstdint>

namespace writ::daemon {

inline constexpr std::uint64_t kTapTag = 0;
inline constexpr std::uint64_t kControlTag = 1;
inline constexpr std::uint64_t kSignalTag = 2;
inline constexpr std::uint64_t kTimerTag = 3;
inline constexpr std::uint64_t kKeeperTag = 4;
inline constexpr std::uint64_t kTokensTag = 5;
inline constexpr std::uint64_t kExchangeTag = 6;
inline constexpr std::uint64_t kPdpTag = 7;
inline constexpr std::uint64_t kReloadTag = 8;
inline constexpr std::uint64_t kProgramsTag = 9;

}  // namespace writ::daemon
