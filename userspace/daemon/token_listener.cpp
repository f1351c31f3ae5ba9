#include "daemon/token_listener.h"

#include <arpa/inet.h>
#include <grp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "identity/exchange_config.h"

namespace writ::daemon {
namespace {

constexpr int kTokenBacklog = 64;

Result<gid_t> group_of(const std::string& name) {
  std::vector<char> buffer(16u << 10);
  group entry{};
  group* found = nullptr;
  int code = 0;
  while ((code = ::getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found)) ==
         ERANGE) {
    if (buffer.size() > (1u << 24)) break;
    buffer.resize(buffer.size() * 2);  // a group of many members
  }
  if (found != nullptr) return entry.gr_gid;
  if (code != 0) return fail_errno(code, "look up group {}", name);
  return fail(ErrorCode::kNotFound,
              "this host has no group '{}' (groupadd it, or change socket.group)", name);
}

// Removes what a writd that is gone has left; anything else at that path is an error.
Status make_way(const std::string& path, const sockaddr_un& address) {
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0)
    return errno == ENOENT ? Status() : Status(fail_errno(errno, "look at {}", path));
  if (!S_ISSOCK(found.st_mode))
    return fail(ErrorCode::kInvalid, "{} is there and is not a socket (move it away)", path);
  if (found.st_uid != ::geteuid()) {
    return fail(ErrorCode::kDenied, "{} belongs to uid {}, not to uid {} (remove it)", path,
                found.st_uid, ::geteuid());
  }
  const UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe) return fail_errno(errno, "create a socket");
  const int connected =
      ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  if (connected == 0 || errno == EAGAIN)
    return fail(ErrorCode::kUnavailable, "{} is served by a living process (stop it first)", path);
  if (errno != ECONNREFUSED) return fail_errno(errno, "probe {}", path);
  if (::unlink(path.c_str()) != 0) return fail_errno(errno, "remove the stale socket {}", path);
  return {};
}

}  // namespace

Result<TokenListener> TokenListener::tcp(const std::string& host, std::uint16_t port) {
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  const bool is_v6 = ::inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) == 1;
  if (!is_v6 && ::inet_pton(AF_INET, host.c_str(), &v4.sin_addr) != 1)
    return fail(ErrorCode::kInvalid, "'{}' is not a numeric address (use 127.0.0.1 or ::1)", host);
  if (!identity::is_loopback(host)) {
    return fail(ErrorCode::kDenied,
                "the token endpoint does not listen on {}: it speaks cleartext, and tokens would "
                "cross the network (listen on 127.0.0.1, ::1 or a Unix socket, and let a TLS proxy "
                "carry it further)",
                host);
  }
  v4.sin_family = AF_INET;
  v4.sin_port = htons(port);
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  const auto* address =
      is_v6 ? reinterpret_cast<const sockaddr*>(&v6) : reinterpret_cast<const sockaddr*>(&v4);
  const socklen_t size = is_v6 ? sizeof v6 : sizeof v4;

  TokenListener made;
  made.fd_.reset(
      ::socket(is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!made.fd_) return fail_errno(errno, "create the token endpoint's socket");
  const int yes = 1;  // a restart need not wait for the old connections' TIME_WAIT
  (void)::setsockopt(made.fd_.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (::bind(made.fd_.get(), address, size) != 0 || ::listen(made.fd_.get(), kTokenBacklog) != 0) {
    if (errno == EADDRINUSE) {
      return fail(ErrorCode::kUnavailable,
                  "port {} of {} is taken by another process (change 'listen' in exchange.yaml)",
                  port, host);
    }
    return fail_errno(errno, "listen on {} port {}", host, port);
  }
  sockaddr_storage bound{};
  socklen_t length = sizeof bound;
  if (::getsockname(made.fd_.get(), reinterpret_cast<sockaddr*>(&bound), &length) != 0)
    return fail_errno(errno, "ask for the token endpoint's port");
  // Both kinds have the port at the same place.
  made.port_ = ntohs(reinterpret_cast<const sockaddr_in*>(&bound)->sin_port);
  made.address_ =
      is_v6 ? fmt::format("[{}]:{}", host, made.port_) : fmt::format("{}:{}", host, made.port_);
  return made;
}

Result<TokenListener> TokenListener::unix(const std::string& path, mode_t mode,
                                          const std::string& group) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return fail(ErrorCode::kInvalid, "the token socket's path {} must have 1 to {} bytes", path,
                sizeof address.sun_path - 1);
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  gid_t gid = static_cast<gid_t>(-1);  // no change
  if (!group.empty()) {
    const auto found = group_of(group);
    if (!found) return tl::unexpected(found.error());
    gid = *found;
  }
  if (Status free = make_way(path, address); !free) return tl::unexpected(free.error());

  TokenListener made;
  made.fd_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!made.fd_) return fail_errno(errno, "create the token socket");
  if (::bind(made.fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return fail_errno(errno, "bind {}", path);
  made.address_ = path;
  struct stat bound {};
  if (::lstat(path.c_str(), &bound) != 0) return fail_errno(errno, "look at {}", path);
  made.device_ = bound.st_dev;
  made.inode_ = bound.st_ino;
  // A connect before listen() is refused, so nobody slips in under the wrong mode.
  if (::lchown(path.c_str(), static_cast<uid_t>(-1), gid) != 0)
    return fail_errno(errno, "give {} to group {}", path, group);
  if (::chmod(path.c_str(), mode) != 0) return fail_errno(errno, "set the mode of {}", path);
  if (::listen(made.fd_.get(), kTokenBacklog) != 0) return fail_errno(errno, "listen on {}", path);
  return made;
}

TokenListener::~TokenListener() {
  if (!fd_ || inode_ == 0) return;
  struct stat now {};
  if (::lstat(address_.c_str(), &now) == 0 && now.st_dev == device_ && now.st_ino == inode_)
    (void)::unlink(address_.c_str());  // one that stays is stale, and removed next time
}

}  // namespace writ::daemon
