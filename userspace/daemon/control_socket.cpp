#include "daemon/control_socket.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

namespace writ::daemon {
namespace {

constexpr int kControlBacklog = 128;
constexpr mode_t kDirectoryMode = 0755;
constexpr mode_t kSocketMode = 0666;

Result<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return fail(ErrorCode::kInvalid,
                "the control socket's path {} must have 1 to {} bytes (choose a shorter --root)",
                path, sizeof address.sun_path - 1);
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

const sockaddr* generic(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

Status prepare_directory(const std::filesystem::path& directory) {
  std::error_code error;
  if (std::filesystem::create_directories(directory, error)) {
    // Whatever the umask was: callers that are not root must be able to reach the socket.
    if (::chmod(directory.c_str(), kDirectoryMode) != 0) {
      return fail_errno(errno, "set the mode of {}", directory.string());
    }
  }
  if (error) {
    return fail(ErrorCode::kIo, "create {}: {}", directory.string(), error.message());
  }
  struct stat found {};
  if (::stat(directory.c_str(), &found) != 0) {
    return fail_errno(errno, "look at {}", directory.string());
  }
  if (found.st_uid != ::geteuid() && found.st_uid != 0) {
    return fail(ErrorCode::kDenied,
                "{} belongs to uid {}, who could replace the control socket (chown it to {})",
                directory.string(), found.st_uid, ::geteuid());
  }
  if ((found.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return fail(ErrorCode::kDenied,
                "others can write to {} and could replace the control socket (chmod it to 0755)",
                directory.string());
  }
  return {};
}

Result<UniqueFd> take_lock(const std::string& socket_path) {
  const std::string path = socket_path + ".lock";
  UniqueFd lock(::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!lock) return fail_errno(errno, "open {}", path);
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno != EWOULDBLOCK) return fail_errno(errno, "lock {}", path);
  return fail(ErrorCode::kUnavailable,
              "another writd serves {} (stop it first, or start this one with another --root)",
              socket_path);
}

// Nothing there: nullopt. What may not be replaced is an error.
Result<std::optional<struct stat>> look_at(const std::string& path) {
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0) {
    if (errno == ENOENT) return std::nullopt;
    return fail_errno(errno, "look at {}", path);
  }
  if (!S_ISSOCK(found.st_mode)) {
    return fail(ErrorCode::kInvalid, "{} is there and is not a socket (move it away)", path);
  }
  if (found.st_uid != ::geteuid()) {
    return fail(ErrorCode::kDenied,
                "{} belongs to uid {}, not to uid {} (is another writd meant to run? if not, "
                "remove it)",
                path, found.st_uid, ::geteuid());
  }
  return found;
}

// The lock says that no writd of this version lives; a connect says that nothing else does.
Status remove_stale(const std::string& path, const sockaddr_un& address) {
  const UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe) return fail_errno(errno, "create a socket");
  if (::connect(probe.get(), generic(address), sizeof address) == 0 || errno == EAGAIN) {
    return fail(ErrorCode::kUnavailable,
                "{} is served by a living process (stop it first, or choose another --root)", path);
  }
  if (errno != ECONNREFUSED) return fail_errno(errno, "probe {}", path);
  if (::unlink(path.c_str()) != 0) return fail_errno(errno, "remove the stale socket {}", path);
  return {};
}

}  // namespace

Result<ControlSocket> ControlSocket::listen(const std::string& path) {
  const auto address = address_of(path);
  if (!address) return tl::unexpected(address.error());
  if (auto ready = prepare_directory(std::filesystem::path(path).parent_path()); !ready) {
    return tl::unexpected(ready.error());
  }
  const auto there = look_at(path);
  if (!there) return tl::unexpected(there.error());

  ControlSocket made;
  auto lock = take_lock(path);
  if (!lock) return tl::unexpected(lock.error());
  made.lock_ = std::move(*lock);
  if (*there) {
    if (auto removed = remove_stale(path, *address); !removed) {
      return tl::unexpected(removed.error());
    }
  }

  made.fd_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!made.fd_) return fail_errno(errno, "create the control socket");
  if (::bind(made.fd_.get(), generic(*address), sizeof *address) != 0) {
    return fail_errno(errno, "bind {}", path);
  }
  struct stat bound {};
  if (::lstat(path.c_str(), &bound) != 0) return fail_errno(errno, "look at {}", path);
  made.path_ = path;
  made.device_ = bound.st_dev;
  made.inode_ = bound.st_ino;
  if (::chmod(path.c_str(), kSocketMode) != 0) return fail_errno(errno, "set the mode of {}", path);
  if (::listen(made.fd_.get(), kControlBacklog) != 0)
    return fail_errno(errno, "listen on {}", path);
  return made;
}

ControlSocket::ControlSocket(ControlSocket&& other) noexcept
    : path_(std::exchange(other.path_, {})),
      device_(other.device_),
      inode_(other.inode_),
      lock_(std::move(other.lock_)),
      fd_(std::move(other.fd_)) {}

ControlSocket& ControlSocket::operator=(ControlSocket&& other) noexcept {
  if (this == &other) return *this;
  remove_path();
  path_ = std::exchange(other.path_, {});
  device_ = other.device_;
  inode_ = other.inode_;
  fd_ = std::move(other.fd_);
  lock_ = std::move(other.lock_);
  return *this;
}

ControlSocket::~ControlSocket() { remove_path(); }

void ControlSocket::remove_path() {
  if (path_.empty()) return;
  struct stat now {};
  const bool ours =
      ::lstat(path_.c_str(), &now) == 0 && now.st_dev == device_ && now.st_ino == inode_;
  if (ours) (void)::unlink(path_.c_str());  // a socket left behind is stale, and removed next time
  path_.clear();
}

}  // namespace writ::daemon
