#include "kernel/audience.h"

#include <bpf/bpf.h>

#include <cstring>
#include <string_view>
#include <utility>

namespace writ::kernel {
namespace {

// Events of one that was abandoned follow within milliseconds.
constexpr std::size_t kMaxAbandoned = 4096;

std::string_view path_behind(const writ_event& head) {
  std::string_view path(reinterpret_cast<const char*>(&head + 1), head.size);
  while (!path.empty() && path.back() == '\0') path.remove_suffix(1);
  return path;
}

}  // namespace

bool Audience::use(ArrivalSink& arrivals) { return std::exchange(arrivals_, &arrivals) != nullptr; }

void Audience::abandon(std::uint64_t arrival) {
  claim(arrival, 0, WRIT_MODE_ENFORCE);
  abandoned_.push_back(arrival);
  if (abandoned_.size() > kMaxAbandoned) {
    claims_.erase(abandoned_.front());
    abandoned_.pop_front();
  }
}

void Audience::forget_session(std::uint64_t cgroup) {
  std::erase_if(claims_, [&](const auto& claim) { return claim.second.cgroup == cgroup; });
}

void Audience::tell(const void* data, std::size_t size) {
  const auto* head = static_cast<const writ_event*>(data);
  if (size < sizeof *head) return;
  if ((head->session & WRIT_ARRIVAL) != 0 && head->type != WRIT_EVENT_PROGRAM) {
    tell_arrived(*head, data, size);
  } else {
    tell(*head, data, size);
  }
}

void Audience::tell_path(const writ_event& head, std::size_t size) {
  if (size < sizeof head + head.size) return;
  const std::string_view path = path_behind(head);
  const auto pid = static_cast<pid_t>(head.pid);
  if (head.type == WRIT_EVENT_EXEC || head.type == WRIT_EVENT_EXIT) {
    events_->on_exec(head, path);
  } else if (arrivals_ == nullptr) {
    return;
  } else if (head.type == WRIT_EVENT_PROGRAM) {
    arrivals_->on_program(head.session, pid, path);
  } else if (head.type == WRIT_EVENT_CGROUP) {
    arrivals_->on_cgroup(path);
  } else {
    arrivals_->on_moved(pid, path);
  }
}

void Audience::tell_command(const void* data, std::size_t size) {
  writ_event_command event;
  if (commands_ == nullptr || size < sizeof event) return;
  std::memcpy(&event, data, sizeof event);
  if (size < sizeof event + event.head.size) return;
  event.file[sizeof event.file - 1] = '\0';
  commands_->on_command(event, {static_cast<const char*>(data) + sizeof event, event.head.size});
}

void Audience::tell_stdio(const void* data, std::size_t size) {
  writ_event_stdio event;
  if (stdio_ == nullptr || size < sizeof event) return;
  std::memcpy(&event, data, sizeof event);
  if (size < sizeof event + event.head.size) return;
  stdio_->on_stdio(event, {static_cast<const char*>(data) + sizeof event, event.head.size});
}

void Audience::tell_dns(const void* data, std::size_t size) {
  writ_event_dns event;
  if (size < sizeof event) return;
  std::memcpy(&event, data, sizeof event);
  if (size < sizeof event + event.head.size) return;
  events_->on_dns(event, {static_cast<const char*>(data) + sizeof event, event.head.size});
}

// `head` instead of the one that `data` begins with.
void Audience::tell(const writ_event& head, const void* data, std::size_t size) {
  switch (head.type) {
    case WRIT_EVENT_DATA_OUT:
    case WRIT_EVENT_DATA_IN:
    case WRIT_EVENT_STREAM_END:
    case WRIT_EVENT_PENDING:
    case WRIT_EVENT_SHORT: {
      writ_event_data event;
      if (size < sizeof event + head.size) return;
      std::memcpy(&event, data, sizeof event);
      event.head = head;
      events_->on_data(event, {static_cast<const char*>(data) + sizeof event, head.size});
      return;
    }
    case WRIT_EVENT_EXEC:
    case WRIT_EVENT_EXIT:
    case WRIT_EVENT_PROGRAM:
    case WRIT_EVENT_CGROUP:
    case WRIT_EVENT_MOVED:
      return tell_path(*static_cast<const writ_event*>(data), size);
    case WRIT_EVENT_COMMAND:
      return tell_command(data, size);
    case WRIT_EVENT_STDIO_READ:
    case WRIT_EVENT_STDIO_WRITE:
    case WRIT_EVENT_STDIO_END:
      return tell_stdio(data, size);
    case WRIT_EVENT_DNS:
      return tell_dns(data, size);
    default: {
      writ_event_flow event;
      if (size < sizeof event) return;
      std::memcpy(&event, data, sizeof event);
      event.head = head;
      events_->on_flow(event);
      return;
    }
  }
}

// An event of a connection that was made while it was not known whose the program is.
void Audience::tell_arrived(const writ_event& head, const void* data, std::size_t size) {
  const auto claim = claims_.find(head.session);
  const bool claimed = claim != claims_.end();
  const bool begins = head.type == WRIT_EVENT_CONNECT || head.type == WRIT_EVENT_FLOW ||
                      head.type == WRIT_EVENT_OPAQUE;
  const bool held = claimed && claim->second.mode == WRIT_MODE_ENFORCE;
  if ((begins || head.type == WRIT_EVENT_CLOSED) && size >= sizeof(writ_event_flow)) {
    writ_event_flow event;
    std::memcpy(&event, data, sizeof event);
    // (void) twice: what cannot be let go stays held, and most have no entry that has to go.
    if (begins && !held) {
      const std::uint32_t pass = WRIT_PASS_ALL;
      (void)bpf_map_update_elem(passes_, &event.cookie, &pass, BPF_ANY);
    } else if (!begins && !claimed) {
      (void)bpf_map_delete_elem(passes_, &event.cookie);
    }
    if (begins && claimed && claim->second.cgroup == 0) arrivals_->on_orphan(event);
  }
  if (!claimed || claim->second.cgroup == 0) return;
  writ_event mine = head;
  mine.session = claim->second.cgroup;
  tell(mine, data, size);
}

}  // namespace writ::kernel
