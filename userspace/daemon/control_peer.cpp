#include "daemon/control_peer.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

namespace writ::daemon {
namespace {

#ifndef SO_PEERPIDFD
constexpr int kSoPeerPidfd = 77;  // Linux 6.5
#else
constexpr int kSoPeerPidfd = SO_PEERPIDFD;
#endif

std::optional<ucred> credentials(int socket) {
  ucred found{};
  socklen_t size = sizeof found;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &found, &size) != 0) return std::nullopt;
  return found;
}

// SO_PEERPIDFD names the process without a race. Older kernels have pidfd_open alone: between
// connect() and here the number could in theory have been reused, which only the peer itself can
// bring about, by exiting at once and having the same user start another process.
UniqueFd open_pidfd(int socket, pid_t pid) {
  int fd = -1;
  socklen_t size = sizeof fd;
  if (::getsockopt(socket, SOL_SOCKET, kSoPeerPidfd, &fd, &size) == 0) return UniqueFd(fd);
  if (errno != ENOPROTOOPT) return UniqueFd();
  return UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

}  // namespace

Result<Peer> peer_of(int socket) {
  const auto found = credentials(socket);
  if (!found) return fail_errno(errno, "read SO_PEERCRED of a control connection");
  return Peer{.pid = found->pid,
              .uid = found->uid,
              .gid = found->gid,
              .pidfd = found->pid > 0 ? open_pidfd(socket, found->pid) : UniqueFd()};
}

bool same_peer(int socket, const Peer& peer) {
  const auto found = credentials(socket);
  return found && found->pid == peer.pid && found->uid == peer.uid && found->gid == peer.gid;
}

bool is_alive(const Peer& peer) {
  if (!peer.pidfd) return false;
  pollfd exit_event{.fd = peer.pidfd.get(), .events = POLLIN, .revents = 0};
  return ::poll(&exit_event, 1, 0) == 0;  // readable: it has exited
}

}  // namespace writ::daemon
