// One accepted connection as cpp-httplib reads and writes it, with an end to everything: bytes in,
// time to read, time to write.
#pragma once

#include <httplib.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <string>

#include "util/unique_fd.h"

namespace writ::daemon {

struct ConnectionLimits {
  std::size_t max_bytes_in = 0;            // of a whole request, head and framing included
  std::chrono::milliseconds read_timeout;  // of a whole request, however it trickles in
  std::chrono::milliseconds write_timeout;
};

// The library's own stream waits anew for each byte, and reads lines of any length.
class HttpConnection final : public httplib::Stream {
 public:
  HttpConnection(UniqueFd fd, const ConnectionLimits& limits);

  [[nodiscard]] bool is_readable() const override { return true; }
  [[nodiscard]] bool is_writable() const override { return true; }
  ssize_t read(char* out, std::size_t size) override;
  ssize_t write(const char* bytes, std::size_t size) override;
  void get_remote_ip_and_port(std::string& ip, int& port) const override;
  void get_local_ip_and_port(std::string& ip, int& port) const override;
  // The library would refuse descriptors that select() cannot take, and needs it for nothing else.
  [[nodiscard]] socket_t socket() const override { return -1; }

  // Sends the end and waits shortly for the peer's, so that what it still sends does not reset the
  // connection before it has read the answer.
  void finish();

 private:
  bool wait(short events, std::chrono::steady_clock::time_point until) const;

  const UniqueFd fd_;
  const std::chrono::milliseconds write_timeout_;
  const std::chrono::steady_clock::time_point read_until_;
  std::size_t bytes_left_;
  std::array<char, 4096> buffer_{};
  std::size_t at_ = 0;
  std::size_t end_ = 0;
};

}  // namespace writ::daemon
