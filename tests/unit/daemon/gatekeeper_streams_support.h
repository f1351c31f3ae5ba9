// A Gatekeeper with an HTTP/2 connection.
#pragma once

#include <chrono>
#include <cstdint>
#include <thread>

#include "daemon/gatekeeper_support.h"
#include "protocol/http2_frames.h"

namespace writ::daemon {

inline constexpr std::uint64_t kPlenty = 16u << 20;
inline constexpr std::uint8_t kEnd = protocol::frame_flag::kEndStream;

inline void wait_ms(int ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }

class StreamsTest : public GatekeeperTest {
 protected:
  void SetUp() override { start({.hold_max = kPlenty}); }
  Wire opened(bool tls = true) {
    Wire wire = connect(tls);
    wire.send(protocol::opening());
    wire.receive(protocol::settings());
    return wire;
  }
  void look() { gatekeeper_->help_stalled(*flows_); }
};

}  // namespace writ::daemon
