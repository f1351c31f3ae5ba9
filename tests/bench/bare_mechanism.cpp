#include "bare_mechanism.h"

namespace writ::bench {

void BareMechanism::on_data(const writ_event_data& event, std::string_view bytes) {
  if (event.head.type == WRIT_EVENT_STREAM_END) {
    streams_.erase(event.stream);
    return;
  }
  if (event.head.type != WRIT_EVENT_DATA_OUT) return;
  Stream& stream = streams_[event.stream];
  stream.seen = event.offset + bytes.size();
  if ((event.stream & WRIT_STREAM_CLEAR) != 0) {
    stream.cookie = event.cookie;
    kernel::SocketId& socket = sockets_[event.cookie];
    socket.cookie = event.cookie;
    socket.pid = event.head.pid;
    socket.fd = event.fd;
  }
  if (stream.cookie != 0) release(event.stream, stream);
}

void BareMechanism::on_flow(const writ_event_flow& event) {
  if (event.head.type == WRIT_EVENT_CONNECT) {
    // (void): what it encrypts without cover stays held, and its client fails.
    (void)coverage_->cover_process(event.head.pid);
  }
  if (event.head.type == WRIT_EVENT_CLOSED) {
    tap_->forget(event.stream, event.cookie);
    streams_.erase(event.stream);
    sockets_.erase(event.cookie);
    return;
  }
  auto [entry, fresh] = sockets_.try_emplace(event.cookie);
  kernel::SocketId& socket = entry->second;
  // Later events can come from the network stack, in whatever process it interrupted.
  if (fresh) socket = {.cookie = event.cookie, .pid = event.head.pid};
  if (event.fd >= 0) {
    socket.fd = event.fd;
    socket.pid = event.head.pid;
  }
  if (event.head.type != WRIT_EVENT_BIND) return;
  Stream& stream = streams_[event.stream];
  stream.cookie = event.cookie;
  release(event.stream, stream);
}

void BareMechanism::on_exec(const writ_event& event, std::string_view /*path*/) {
  if (event.type == WRIT_EVENT_EXIT) {
    hands_.forget_process(event.pid);
    return;
  }
  (void)coverage_->cover_process(event.pid);  // one that ended at once needs no cover
}

void BareMechanism::release(std::uint64_t id, const Stream& stream) {
  if (!tap_->release(id, stream.seen)) {
    ++failed_;
    return;
  }
  // (void): a socket that was closed meanwhile sends what is left by its own timer.
  (void)hands_.kick(sockets_[stream.cookie]);
}

}  // namespace writ::bench
