// Listening sockets for the token endpoint: on the loopback interface, or a path.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "util/result.h"
#include "util/unique_fd.h"

namespace writ::daemon {

// A listening socket, non-blocking, with the path it must remove at its end.
class TokenListener {
 public:
  // `host` is numeric. kDenied: not of the loopback interface, where tokens would cross a network
  // in the clear; kInvalid: no address; kUnavailable: the port is taken.
  static Result<TokenListener> tcp(const std::string& host, std::uint16_t port);

  // The folder must be there (the control socket makes it). Nobody can connect before mode and
  // group are as they should be. A stale socket of ours is replaced; kUnavailable: a living process
  // serves it; kDenied, kInvalid: what is there is not ours, or no socket.
  static Result<TokenListener> unix(const std::string& path, mode_t mode, const std::string& group);

  TokenListener(TokenListener&& other) noexcept = default;
  TokenListener& operator=(TokenListener&&) = delete;
  ~TokenListener();

  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] std::uint16_t port() const { return port_; }  // of TCP
  [[nodiscard]] const std::string& address() const {
    return address_;
  }  // "127.0.0.1:8460" or a path

 private:
  TokenListener() = default;

  UniqueFd fd_;
  std::string address_;
  std::uint16_t port_ = 0;
  dev_t device_ = 0;
  ino_t inode_ = 0;  // 0: no path to remove
};

}  // namespace writ::daemon
