// The bare mechanism: what is held is released as soon as it is seen, with nothing parsed, judged
// or recorded.
//
// No hold and release can cost less than this, so it is the floor of what Writ can cost.
#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_map>

#include "kernel/coverage.h"
#include "kernel/hands.h"
#include "kernel/tap.h"

namespace writ::bench {

class BareMechanism : public kernel::EventSink {
 public:
  // Both must outlive the events that are consumed behind it. REQUIRES: called before the first
  // event.
  void use(kernel::Tap& tap, kernel::Coverage& coverage) {
    tap_ = &tap;
    coverage_ = &coverage;
  }

  void on_data(const writ_event_data& event, std::string_view bytes) override;
  void on_flow(const writ_event_flow& event) override;
  void on_dns(const writ_event_dns&, std::string_view) override {}
  void on_exec(const writ_event& event, std::string_view path) override;

  // Releases that the kernel side did not take: their bytes stay held.
  [[nodiscard]] std::uint64_t failed() const { return failed_; }

 private:
  struct Stream {
    std::uint64_t seen = 0;    // offset behind the last byte that was seen
    std::uint64_t cookie = 0;  // 0: which socket carries it is not known yet
  };

  void release(std::uint64_t id, const Stream& stream);

  kernel::Tap* tap_ = nullptr;
  kernel::Coverage* coverage_ = nullptr;
  kernel::Hands hands_;
  std::unordered_map<std::uint64_t, Stream> streams_;
  std::unordered_map<std::uint64_t, kernel::SocketId> sockets_;  // by cookie
  std::uint64_t failed_ = 0;
};

}  // namespace writ::bench
