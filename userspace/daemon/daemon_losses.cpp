// What the kernel side could not tell: counted there, on record here.
#include <spdlog/spdlog.h>

#include "daemon/daemon.h"

namespace writ::daemon {

void Daemon::take_losses() {
  const kernel::Counters counters = tap_->counters();
  const auto changed = [&](int reason) { return counters[reason] != seen_[reason]; };
  if (changed(WRIT_COUNT_RING_FULL_OUT) || changed(WRIT_COUNT_RING_FULL_IN) ||
      changed(WRIT_COUNT_READ_FAILED) || changed(WRIT_COUNT_RING_FULL_META)) {
    tap_->take_losses(
        [&](std::uint64_t stream, std::uint64_t offset) { flows_->on_loss(stream, offset); });
  }
  if (changed(WRIT_COUNT_ARRIVALS_FULL)) look_at_all_ = true;
  if (changed(WRIT_COUNT_RING_FULL_META)) {
    write_lost("events_lost",
               counters[WRIT_COUNT_RING_FULL_META] - seen_[WRIT_COUNT_RING_FULL_META],
               "the event ring buffer was full (ring_bytes in writ.yaml)");
    look_at_all_ = true;
  }
  const auto lost = [&](int reason, const char* kind, const char* detail) {
    if (changed(reason)) write_lost(kind, counters[reason] - seen_[reason], detail);
  };
  lost(WRIT_COUNT_COMMANDS_LOST, "commands_lost",
       "programs were started and could not be told (ring_bytes in writ.yaml); those of enforced "
       "sessions were killed");
  lost(WRIT_COUNT_COMMANDS_FORCED, "command_forced",
       "somebody continued a program that waited for its verdict; it was killed");
  lost(WRIT_COUNT_STDIO_LOST, "stdio_lost",
       "messages over stdio that could not be told (ring_bytes in writ.yaml), or that two threads "
       "of a server read at once; servers of enforced sessions were killed");
  lost(WRIT_COUNT_STDIO_FORCED, "stdio_forced",
       "somebody continued an MCP server that waited for a verdict; it was killed");
  seen_ = counters;
}

void Daemon::write_lost(const char* kind, std::uint64_t count, const char* detail) {
  v1::Record record;
  record.mutable_gap()->set_kind(kind);
  record.mutable_gap()->set_count(count);
  record.mutable_gap()->set_detail(detail);
  if (auto written = audit_->append(record); !written) {
    spdlog::error("a gap could not be recorded: {}", written.error().message);
  }
}

}  // namespace writ::daemon
