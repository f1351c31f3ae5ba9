#include "daemon/control_server.h"

#include <google/protobuf/stubs/logging.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

namespace writ::daemon {
namespace {

using Clock = std::chrono::steady_clock;

// epoll keys; connection ids lie between.
constexpr std::uint64_t kListenKey = 0;
constexpr std::uint64_t kWakeupKey = UINT64_MAX;
constexpr std::uint64_t kTimerKey = UINT64_MAX - 1;

constexpr std::size_t kReadBytes = 64u << 10;
constexpr int kAcceptsEachTime = 64;

bool watch(int epoll, int operation, int fd, std::uint32_t events, std::uint64_t key) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = key;
  return ::epoll_ctl(epoll, operation, fd, &event) == 0;
}

}  // namespace

struct ControlServer::Connection {
  ConnectionId id = 0;
  UniqueFd fd;
  Peer peer;
  FrameDecoder decoder;
  std::string out;
  std::size_t out_start = 0;  // of the first byte not yet sent
  Clock::time_point active = Clock::now();
  std::uint32_t watched = EPOLLIN;
  bool in_flight = false;
  bool known = false;    // handle() has seen it
  bool end = false;      // the peer will send no more
  bool closing = false;  // goes away once `out` is sent

  [[nodiscard]] bool has_output() const { return out_start < out.size(); }
};

Result<std::unique_ptr<ControlServer>> ControlServer::listen(const std::string& path,
                                                             ControlHandler& handler,
                                                             ControlServerOptions options) {
  auto socket = ControlSocket::listen(path);
  if (!socket) return context(socket.error(), "start the control socket");
  UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  UniqueFd wakeup(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  UniqueFd timer(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  if (!epoll || !wakeup || !timer ||
      !watch(epoll.get(), EPOLL_CTL_ADD, socket->fd(), EPOLLIN, kListenKey) ||
      !watch(epoll.get(), EPOLL_CTL_ADD, wakeup.get(), EPOLLIN, kWakeupKey) ||
      !watch(epoll.get(), EPOLL_CTL_ADD, timer.get(), EPOLLIN, kTimerKey)) {
    return fail_errno(errno, "start the control socket: prepare its event loop");
  }
  return std::unique_ptr<ControlServer>(new ControlServer(
      std::move(*socket), handler, options, std::move(epoll), std::move(wakeup), std::move(timer)));
}

ControlServer::ControlServer(ControlSocket socket, ControlHandler& handler,
                             ControlServerOptions options, UniqueFd epoll, UniqueFd wakeup,
                             UniqueFd timer)
    : handler_(handler),
      options_(options),
      socket_(std::move(socket)),
      epoll_(std::move(epoll)),
      timer_(std::move(timer)),
      outbox_(std::move(wakeup), options.max_output_bytes) {}

ControlServer::~ControlServer() { outbox_.close_all(); }

Posted ControlServer::post(ConnectionId id, const v1::ControlResponse& response) {
  Encoded made = encode(response);
  return outbox_.put(id, std::move(made.frame), made.done);
}

Posted ControlServer::post_wait(ConnectionId id, const v1::ControlResponse& response,
                                std::chrono::milliseconds timeout) {
  Encoded made = encode(response);
  return outbox_.put_wait(id, std::move(made.frame), made.done, timeout);
}

void ControlServer::on_ready() {
  std::array<epoll_event, 64> events{};
  const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 0);
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events.at(static_cast<std::size_t>(i));
    if (event.data.u64 == kListenKey) {
      accept_some();
    } else if (event.data.u64 == kTimerKey) {
      sweep_idle();
    } else if (event.data.u64 != kWakeupKey) {  // the wakeup is for deliver(), which follows anyway
      on_connection(event.data.u64, event.events);
    }
  }
  deliver();
}

void ControlServer::accept_some() {
  for (int i = 0; i < kAcceptsEachTime; ++i) {
    UniqueFd fd(::accept4(socket_.fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (fd) {
      adopt(std::move(fd));
      continue;
    }
    if (errno == EINTR || errno == ECONNABORTED) continue;
    if (errno != EAGAIN) {
      // Out of descriptors or memory: the socket would stay readable and spin. Pause until the
      // timer, which tries again.
      accepting_ = false;
      (void)watch(epoll_.get(), EPOLL_CTL_MOD, socket_.fd(), 0, kListenKey);
      arm_timer(true);
    }
    return;
  }
}

void ControlServer::adopt(UniqueFd fd) {
  auto peer = peer_of(fd.get());
  if (!peer) return;  // without an identity there is nothing to say to it
  const auto theirs =
      std::count_if(connections_.begin(), connections_.end(),
                    [&](const auto& each) { return each.second->peer.uid == peer->uid; });
  const bool user_full =
      peer->uid != 0 && static_cast<std::size_t>(theirs) >= options_.max_connections_per_user;
  if (connections_.size() >= options_.max_connections || user_full) {
    ++counters_.refused_full;
    const Encoded refusal = encode(error_response(
        {ErrorCode::kUnavailable, user_full ? "you have too many connections to writd open"
                                            : "writd has too many connections open; try again"}));
    (void)::send(fd.get(), refusal.frame.data(), refusal.frame.size(),
                 MSG_NOSIGNAL | MSG_DONTWAIT);  // a courtesy
    return;
  }
  const ConnectionId id = next_id_;
  if (!watch(epoll_.get(), EPOLL_CTL_ADD, fd.get(), EPOLLIN, id)) return;
  ++next_id_;
  ++counters_.accepted;
  auto connection = std::make_unique<Connection>();
  connection->id = id;
  connection->fd = std::move(fd);
  connection->peer = std::move(*peer);
  if (connections_.empty()) arm_timer(true);
  connections_.emplace(id, std::move(connection));
  outbox_.open(id);
}

void ControlServer::on_connection(ConnectionId id, std::uint32_t events) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;  // dropped by an earlier event of this batch
  Connection& connection = *found->second;
  if ((events & EPOLLIN) != 0 && (connection.watched & EPOLLIN) != 0) {
    // What a peer sent before it went away still counts: read it all then, one piece otherwise.
    const bool hung_up = (events & EPOLLHUP) != 0;
    do {
      if (!read_some(connection)) break;
      read_requests(connection);
    } while (hung_up && !connection.in_flight && !connection.closing);
  }
  if ((events & (EPOLLHUP | EPOLLERR)) != 0) {
    drop(id);
    return;
  }
  settle(id);
}

// False when there was nothing.
bool ControlServer::read_some(Connection& connection) {
  std::array<char, kReadBytes> bytes;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  const ssize_t got = ::recv(connection.fd.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (got < 0) {
    if (errno != EAGAIN && errno != EINTR) connection.end = true;
    return false;
  }
  if (got == 0) {
    connection.end = true;
    return false;
  }
  connection.active = Clock::now();
  connection.decoder.feed({bytes.data(), static_cast<std::size_t>(got)});
  return true;
}

void ControlServer::read_requests(Connection& connection) {
  while (!connection.in_flight && !connection.closing) {
    const auto next = connection.decoder.next();
    if (!next) {
      reject(connection, next.error());
      return;
    }
    const std::optional<std::string_view> frame = *next;
    if (!frame) return;
    handle_frame(connection, *frame);
  }
}

void ControlServer::handle_frame(Connection& connection, std::string_view frame) {
  // protobuf would log what it does not like, and anyone could fill the log with it.
  const google::protobuf::LogSilencer quiet;
  v1::ControlRequest request;
  if (!request.ParseFromArray(frame.data(), static_cast<int>(frame.size())) ||
      request.body_case() == v1::ControlRequest::BODY_NOT_SET) {
    reject(connection, {ErrorCode::kInvalid,
                        "not a request that this writd knows (is writ of the same version?)"});
    return;
  }
  if (!same_peer(connection.fd.get(), connection.peer)) {
    reject(connection, {ErrorCode::kDenied, "the caller's identity changed"});
    return;
  }
  if (request.has_run() && !is_alive(connection.peer)) {
    // Its number may be another process's by now, which must not be moved into a session.
    reject(connection, {ErrorCode::kDenied, "the process that asked to run is gone"});
    return;
  }
  connection.in_flight = true;
  connection.known = true;
  outbox_.begin(connection.id);
  Responder responder(outbox_, connection.id);
  handler_.handle(connection.peer, request, connection.id, responder);
}

void ControlServer::reject(Connection& connection, const Error& error) {
  ++counters_.invalid_requests;
  connection.out += encode(error_response(error)).frame;
  connection.closing = true;
}

void ControlServer::deliver() {
  // Settling a connection can handle its next request, whose answer is then here as well. This
  // ends: settle() reads no more from the socket, and what was read is at most one frame and one
  // piece.
  for (auto items = outbox_.take(); !items.empty(); items = outbox_.take()) {
    std::set<ConnectionId> touched;
    for (Outbox::Item& item : items) {
      const auto found = connections_.find(item.id);
      if (found == connections_.end()) continue;
      Connection& connection = *found->second;
      touched.insert(item.id);
      if (item.done) {
        connection.in_flight = false;
        connection.active = Clock::now();
      }
      if (item.overflow) {
        ++counters_.slow_readers;
        connection.out += encode(error_response({ErrorCode::kUnavailable,
                                                 "the answer was read too slowly and is cut here"}))
                              .frame;
        connection.closing = true;
      } else {
        connection.out += item.frame;
      }
    }
    for (const ConnectionId id : touched) settle(id);
  }
}

void ControlServer::flush(Connection& connection) {
  std::size_t sent_now = 0;
  while (connection.has_output()) {
    const std::string_view rest = std::string_view(connection.out).substr(connection.out_start);
    const ssize_t sent =
        ::send(connection.fd.get(), rest.data(), rest.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno != EAGAIN) {
      connection.end = connection.closing = true;
      connection.in_flight = false;
      connection.out_start = connection.out.size();  // nobody will read it
    }
    if (sent <= 0) break;
    connection.out_start += static_cast<std::size_t>(sent);
    sent_now += static_cast<std::size_t>(sent);
  }
  if (sent_now > 0) {
    connection.active = Clock::now();
    outbox_.sent(connection.id, sent_now);
  }
  if (!connection.has_output()) {
    connection.out.clear();
    connection.out_start = 0;
    if (connection.out.capacity() > kReadBytes) connection.out.shrink_to_fit();
  } else if (connection.out_start >= connection.out.size() / 2) {
    connection.out.erase(0, connection.out_start);
    connection.out_start = 0;
  }
}

// Brings a connection to rest after anything happened to it: requests that wait are handled, output
// is sent, and either it goes or epoll is told what it waits for.
void ControlServer::settle(ConnectionId id) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  Connection& connection = *found->second;
  read_requests(connection);
  if (connection.end && !connection.in_flight) connection.closing = true;
  flush(connection);
  if (connection.closing && !connection.in_flight && !connection.has_output()) {
    drop(id);
    return;
  }
  // Nobody who does not read answers is asked for more requests.
  const bool reads =
      !connection.in_flight && !connection.closing && !connection.end && !connection.has_output();
  const std::uint32_t wanted =
      (reads ? static_cast<std::uint32_t>(EPOLLIN) : 0u) |
      (connection.has_output() ? static_cast<std::uint32_t>(EPOLLOUT) : 0u);
  if (wanted == connection.watched) return;
  connection.watched = wanted;
  if (!watch(epoll_.get(), EPOLL_CTL_MOD, connection.fd.get(), wanted, id)) drop(id);
}

void ControlServer::drop(ConnectionId id) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  const bool known = found->second->known;
  outbox_.close(id);
  connections_.erase(found);  // closing the descriptor takes it out of epoll
  if (connections_.empty() && accepting_) arm_timer(false);
  if (known) handler_.on_disconnect(id);
}

void ControlServer::sweep_idle() {
  std::uint64_t ignored = 0;
  (void)::read(timer_.get(), &ignored, sizeof ignored);  // only to make it unreadable again
  const auto oldest = Clock::now() - options_.idle_timeout;
  std::vector<ConnectionId> idle;
  for (const auto& [id, connection] : connections_) {
    if (!connection->in_flight && connection->active < oldest) idle.push_back(id);
  }
  counters_.idle_closed += idle.size();
  for (const ConnectionId id : idle) drop(id);
  if (!accepting_) {
    accepting_ = watch(epoll_.get(), EPOLL_CTL_MOD, socket_.fd(), EPOLLIN, kListenKey);
    if (accepting_ && connections_.empty()) arm_timer(false);
  }
}

void ControlServer::arm_timer(bool on) {
  using std::chrono::nanoseconds;
  const nanoseconds step =
      std::max<nanoseconds>(options_.idle_timeout / 4, std::chrono::milliseconds(10));
  itimerspec spec{};
  if (on) {
    spec.it_interval.tv_sec = step.count() / 1'000'000'000;
    spec.it_interval.tv_nsec = step.count() % 1'000'000'000;
    spec.it_value = spec.it_interval;
  }
  (void)::timerfd_settime(timer_.get(), 0, &spec, nullptr);  // cannot fail on a valid timer
}

}  // namespace writ::daemon
