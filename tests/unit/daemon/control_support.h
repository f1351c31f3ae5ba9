// A handler and a raw client for tests of the control server.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "daemon/control_server.h"
#include "daemon/temp_dir.h"

namespace writ::daemon {

// Remembers what came, and answers as the test says (or not at all).
class RecordingHandler : public ControlHandler {
 public:
  struct Seen {
    pid_t pid;
    uid_t uid;
    bool has_pidfd;
    v1::ControlRequest request;
    ConnectionId id;
  };
  void handle(const Peer& peer, const v1::ControlRequest& request, ConnectionId id,
              Responder& responder) override {
    seen.push_back({peer.pid, peer.uid, static_cast<bool>(peer.pidfd), request, id});
    if (answer) answer(request, id, responder);
  }
  void on_disconnect(ConnectionId id) override { gone.push_back(id); }

  std::function<void(const v1::ControlRequest&, ConnectionId, Responder&)> answer;
  std::vector<Seen> seen;
  std::vector<ConnectionId> gone;
};

inline v1::ControlResponse done_response() {
  v1::ControlResponse response;
  response.set_done(true);
  return response;
}

inline std::string framed(const google::protobuf::Message& message) {
  std::string out;
  EXPECT_TRUE(append_frame(out, message.SerializeAsString()));
  return out;
}

inline v1::ControlRequest status_request() {
  v1::ControlRequest request;
  request.mutable_status();
  return request;
}

inline UniqueFd connect_to(const std::string& path) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return UniqueFd();
  }
  return fd;
}

inline bool send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

// Runs the server until nothing has been ready for `quiet`.
inline void pump(ControlServer& server,
                 std::chrono::milliseconds quiet = std::chrono::milliseconds(5)) {
  pollfd ready{.fd = server.epoll_fd(), .events = POLLIN, .revents = 0};
  while (::poll(&ready, 1, static_cast<int>(quiet.count())) > 0) server.on_ready();
}

// Responses that have arrived, without waiting; `closed` tells whether the stream has ended.
struct Arrived {
  std::vector<v1::ControlResponse> responses;
  bool closed = false;
};
inline Arrived drain(int fd, FrameDecoder& decoder) {
  Arrived arrived;
  std::vector<char> bytes(65536);
  for (;;) {
    const ssize_t got = ::recv(fd, bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN) return arrived;
    if (got <= 0) {
      arrived.closed = true;
      return arrived;
    }
    decoder.feed({bytes.data(), static_cast<std::size_t>(got)});
    for (;;) {
      const auto next = decoder.next();
      const std::optional<std::string_view> frame = next ? *next : std::nullopt;
      if (!frame) break;
      v1::ControlResponse response;
      EXPECT_TRUE(response.ParseFromArray(frame->data(), static_cast<int>(frame->size())));
      arrived.responses.push_back(std::move(response));
    }
  }
}

}  // namespace writ::daemon
