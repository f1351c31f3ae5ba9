// The listening control socket and everything that makes taking its path safe.
#pragma once

#include <sys/types.h>

#include <string>

#include "util/result.h"
#include "util/unique_fd.h"

namespace writ::daemon {

// Owns the listening socket, its path and a lock beside it (<path>.lock) that says that a writd
// lives. Destroying it removes the path if it is still this socket's.
class ControlSocket {
 public:
  // Makes missing directories (0755), takes the lock, removes a stale socket of our own, binds with
  // mode 0666: who may do what is decided by SO_PEERCRED, per request.
  //
  // Refuses, with nothing changed: a path that is not a socket, or is another user's; a directory
  // that others can write to or that another user owns; a path that a living writd serves.
  static Result<ControlSocket> listen(const std::string& path);

  ControlSocket(ControlSocket&& other) noexcept;
  ControlSocket& operator=(ControlSocket&& other) noexcept;
  ControlSocket(const ControlSocket&) = delete;
  ControlSocket& operator=(const ControlSocket&) = delete;
  ~ControlSocket();

  // Non-blocking and O_CLOEXEC, like everything accepted from it should be.
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  ControlSocket() = default;
  void remove_path();

  std::string path_;  // empty: moved from
  dev_t device_ = 0;
  ino_t inode_ = 0;
  UniqueFd lock_;
  UniqueFd fd_;
};

}  // namespace writ::daemon
