#include "daemon/http_connection.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace writ::daemon {
namespace {

using Steady = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kLinger{500};
constexpr std::size_t kMaxLingerBytes = 1u << 20;

}  // namespace

HttpConnection::HttpConnection(UniqueFd fd, const ConnectionLimits& limits)
    : fd_(std::move(fd)),
      write_timeout_(limits.write_timeout),
      read_until_(Steady::now() + limits.read_timeout),
      bytes_left_(limits.max_bytes_in) {}

bool HttpConnection::wait(short events, Steady::time_point until) const {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Steady::now());
    if (left.count() <= 0) return false;
    pollfd poll_fd{.fd = fd_.get(), .events = events, .revents = 0};
    const int ready = ::poll(&poll_fd, 1, static_cast<int>(left.count()));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

ssize_t HttpConnection::read(char* out, std::size_t size) {
  if (at_ == end_) {
    const std::size_t room = std::min(buffer_.size(), bytes_left_);
    if (room == 0) return -1;  // it is longer than a request can be
    ssize_t got = -1;
    do {
      if (!wait(POLLIN, read_until_)) return -1;
      got = ::recv(fd_.get(), buffer_.data(), room, MSG_DONTWAIT);
    } while (got < 0 && (errno == EAGAIN || errno == EINTR));
    if (got <= 0) return got;
    at_ = 0;
    end_ = static_cast<std::size_t>(got);
    bytes_left_ -= end_;
  }
  const std::size_t length = std::min(size, end_ - at_);
  std::memcpy(out, buffer_.data() + at_, length);
  at_ += length;
  return static_cast<ssize_t>(length);
}

ssize_t HttpConnection::write(const char* bytes, std::size_t size) {
  const auto until = Steady::now() + write_timeout_;
  std::size_t sent = 0;
  while (sent < size) {
    if (!wait(POLLOUT, until)) return -1;
    const ssize_t some = ::send(fd_.get(), bytes + sent, size - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (some < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (some < 0) return -1;
    sent += static_cast<std::size_t>(some);
  }
  return static_cast<ssize_t>(sent);
}

void HttpConnection::get_remote_ip_and_port(std::string& ip, int& port) const {
  ip.clear();
  port = 0;
}
void HttpConnection::get_local_ip_and_port(std::string& ip, int& port) const {
  ip.clear();
  port = 0;
}

void HttpConnection::finish() {
  (void)::shutdown(fd_.get(), SHUT_WR);  // a peer that is gone already is fine
  const auto until = Steady::now() + kLinger;
  for (std::size_t thrown = 0; thrown < kMaxLingerBytes;) {
    if (!wait(POLLIN, until)) return;
    const ssize_t got = ::recv(fd_.get(), buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (got <= 0) return;
    thrown += static_cast<std::size_t>(got);
  }
}

}  // namespace writ::daemon
