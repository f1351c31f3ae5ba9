// Serves include/writ/control.proto on a Unix socket, inside somebody else's epoll loop.
//
//   auto server = ControlServer::listen(path, handler);
//   // the daemon's loop: add server->epoll_fd() for EPOLLIN; when it is ready:
//   server->on_ready();
//
// Thread rule: everything runs on the loop's thread, but for post() and post_wait(). Nothing here
// blocks. Owner: the daemon; `handler` must outlive the server, and whoever posts from another
// thread must be stopped before the server is destroyed.
//
// One request a connection at a time: the next one is not read before the last response (done =
// true) to the one before it has been queued. A request that cannot be parsed is answered with
// "invalid" and ends the connection.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "control.pb.h"
#include "daemon/control_outbox.h"
#include "daemon/control_peer.h"
#include "daemon/control_response.h"
#include "daemon/control_socket.h"
#include "util/framing.h"
#include "util/result.h"
#include "util/unique_fd.h"

namespace writ::daemon {

struct ControlServerOptions {
  std::size_t max_connections = 256;
  std::size_t max_connections_per_user = 64;       // root is exempt
  std::size_t max_output_bytes = 4u << 20;         // queued for one connection
  std::chrono::milliseconds idle_timeout{30'000};  // with no request in flight and no byte moved
};

// What was refused or ended by us since the start; for status.
struct ControlServerCounters {
  std::uint64_t accepted = 0;
  std::uint64_t refused_full = 0;
  std::uint64_t invalid_requests = 0;
  std::uint64_t slow_readers = 0;
  std::uint64_t idle_closed = 0;
};

// The daemon's side. Called on the loop's thread; must not block.
class ControlHandler {
 public:
  virtual ~ControlHandler() = default;

  // SO_PEERCRED has been read again for this request and is still `peer`. For a RunRequest the
  // peer's process was alive when this was called (peer.pidfd is set). Each request must in the end
  // get exactly one response with done = true.
  virtual void handle(const Peer& peer, const v1::ControlRequest& request, ConnectionId id,
                      Responder& responder) = 0;

  // Once for each connection that handle() has seen; a request in flight on it is to be dropped.
  // Says nothing about the session that the connection started: `writ run` closes it by exec.
  virtual void on_disconnect(ConnectionId id) = 0;
};

class ControlServer {
 public:
  static Result<std::unique_ptr<ControlServer>> listen(const std::string& path,
                                                       ControlHandler& handler,
                                                       ControlServerOptions options = {});
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

  // Readable whenever on_ready() has something to do.
  [[nodiscard]] int epoll_fd() const { return epoll_.get(); }
  void on_ready();

  // Any thread. A stream that overflows is ended, never thinned: after kFull the connection is
  // closed once what was queued before has been read (or the idle timeout is over).
  Posted post(ConnectionId id, const v1::ControlResponse& response);
  // For workers that produce faster than a client reads: waits for room, at most `timeout`.
  // REQUIRES: not called on the loop's thread.
  Posted post_wait(ConnectionId id, const v1::ControlResponse& response,
                   std::chrono::milliseconds timeout = std::chrono::seconds(30));

  [[nodiscard]] const ControlServerCounters& counters() const { return counters_; }
  [[nodiscard]] std::size_t connections() const { return connections_.size(); }

 private:
  struct Connection;
  ControlServer(ControlSocket socket, ControlHandler& handler, ControlServerOptions options,
                UniqueFd epoll, UniqueFd wakeup, UniqueFd timer);

  void accept_some();
  void adopt(UniqueFd fd);
  void on_connection(ConnectionId id, std::uint32_t events);
  void read_requests(Connection& connection);
  bool read_some(Connection& connection);
  void handle_frame(Connection& connection, std::string_view frame);
  void reject(Connection& connection, const Error& error);
  void deliver();
  void flush(Connection& connection);
  void settle(ConnectionId id);
  void drop(ConnectionId id);
  void sweep_idle();
  void arm_timer(bool on);

  ControlHandler& handler_;
  const ControlServerOptions options_;
  ControlSocket socket_;
  UniqueFd epoll_;
  UniqueFd timer_;
  Outbox outbox_;
  ConnectionId next_id_ = 1;
  std::map<ConnectionId, std::unique_ptr<Connection>> connections_;
  ControlServerCounters counters_;
  bool accepting_ = true;
};

}  // namespace writ::daemon
