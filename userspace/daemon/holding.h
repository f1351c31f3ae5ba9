// How long, and how much of a call, the gatekeeper holds: for both HTTP/1.1 and HTTP/2.
#pragma once

#include <cstdint>

namespace writ::daemon {

// Of a call that was decided before its end, this much stays behind the scanner until its end was
// judged, so that a late denial leaves the request incomplete at the server.
inline constexpr std::uint64_t kTail = 16u << 10;

// Such a call is released in steps of this size: a release for every record would cost more than
// its scan. What is left below a step goes at the next look (help_stalled).
inline constexpr std::uint64_t kReleaseStep = 128u << 10;

// How far the send buffer is widened ahead of what was read.
inline constexpr std::uint64_t kStep = 4u << 20;

// A held call that has not grown for so long gets more room: its agent may wait for just that.
inline constexpr std::uint64_t kStallNs = 250'000'000;

}  // namespace writ::daemon
