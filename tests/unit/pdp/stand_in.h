// A decision point for tests: HTTP/1.1 as OPA's and AuthZEN's documents describe it, on a unix
// socket or on loopback, with a thread for each connection.
//
//   StandIn server({}, [](const Asked& asked) { return Said::json(R"({"result":true})"); });
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "pdp/config.h"
#include "util/unique_fd.h"

namespace writ::pdp::test {

struct Asked {
  std::string head;  // request line and fields
  std::string body;
  int number = 0;  // of all requests, from 1
};

struct Said {
  std::string bytes;                     // as they go out
  std::chrono::milliseconds after{0};    // the request
  std::chrono::microseconds between{0};  // single bytes; 0: all at once
  bool close = false;

  static Said json(const std::string& body, const std::string& status = "200 OK") {
    return {"HTTP/1.1 " + status + "\r\nContent-Type: application/json\r\nContent-Length: " +
            std::to_string(body.size()) + "\r\n\r\n" + body};
  }
  [[nodiscard]] Said late(std::chrono::milliseconds delay) const {
    Said changed = *this;
    changed.after = delay;
    return changed;
  }
  // The first `size` bytes, then the end of the connection.
  [[nodiscard]] Said cut(std::size_t size) const {
    Said changed = *this;
    changed.bytes.resize(std::min(size, bytes.size()));
    changed.close = true;
    return changed;
  }
};

class StandIn {
 public:
  // Called on the connections' threads, one at a time.
  using Answer = std::function<Said(const Asked&)>;
  struct Options {
    bool tcp = false;
  };

  StandIn(Options options, Answer answer) : answer_(std::move(answer)), tcp_(options.tcp) {
    static std::atomic<int> count = 0;
    path_ = std::filesystem::temp_directory_path() /
            ("writ-pdp-" + std::to_string(::getpid()) + "-" + std::to_string(++count) + ".sock");
    listen();
  }
  ~StandIn() { stop(); }
  StandIn(const StandIn&) = delete;
  StandIn& operator=(const StandIn&) = delete;

  // Ends every connection and refuses new ones until listen().
  void stop() {
    if (!listener_) return;
    stopping_ = true;
    changed_.notify_all();
    acceptor_.join();
    for (Connection& connection : connections_) ::shutdown(connection.fd.get(), SHUT_RDWR);
    for (Connection& connection : connections_) connection.thread.join();
    connections_.clear();
    listener_.reset();
    ::unlink(path_.c_str());
  }

  void listen() {
    stopping_ = false;
    listener_.reset(::socket(tcp_ ? AF_INET : AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (tcp_) {
      const int one = 1;
      sockaddr_in address = {};
      address.sin_family = AF_INET;
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      address.sin_port = htons(port_);
      (void)::setsockopt(listener_.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
      socklen_t size = sizeof address;
      auto* raw = reinterpret_cast<sockaddr*>(&address);
      require(::bind(listener_.get(), raw, size) == 0);
      require(::getsockname(listener_.get(), raw, &size) == 0);
      port_ = ntohs(address.sin_port);
    } else {
      sockaddr_un address = {};
      address.sun_family = AF_UNIX;
      path_.copy(address.sun_path, sizeof address.sun_path - 1);
      require(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    }
    require(::listen(listener_.get(), 512) == 0);
    acceptor_ = std::thread([this] { accept(); });
  }

  [[nodiscard]] PdpConfig config(Dialect dialect = Dialect::kOpa) const {
    const std::string path =
        dialect == Dialect::kOpa ? "/v1/data/writ/decision" : "/access/v1/evaluation";
    PdpConfig config{.dialect = dialect, .timeout = std::chrono::seconds(5)};
    if (!tcp_) config.unix_socket = path_;
    config.url = (tcp_ ? "http://127.0.0.1:" + std::to_string(port_) : "http://localhost") + path;
    return config;
  }
  [[nodiscard]] int requests() const { return requests_; }
  [[nodiscard]] int connections() const { return accepted_; }

 private:
  struct Connection {
    UniqueFd fd;
    std::thread thread;
  };

  static void require(bool holds) {
    if (!holds) std::abort();
  }

  void accept() {
    while (!stopping_) {
      pollfd ready{.fd = listener_.get(), .events = POLLIN, .revents = 0};
      if (::poll(&ready, 1, 5) != 1) continue;
      const int fd = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) continue;
      ++accepted_;
      Connection& connection = connections_.emplace_back();
      connection.fd.reset(fd);
      connection.thread = std::thread([this, fd] {
        serve(fd);
        ::shutdown(fd, SHUT_RDWR);
      });
    }
  }

  void serve(int fd) {
    std::string buffer;
    while (!stopping_) {
      Asked asked;
      if (!read_request(fd, buffer, asked)) return;
      Said said;
      {
        const std::lock_guard lock(mutex_);
        asked.number = ++requests_;
        said = answer_(asked);
      }
      if (!wait(said.after) || !send(fd, said) || said.close) return;
    }
  }

  static bool read_request(int fd, std::string& buffer, Asked& asked) {
    constexpr std::string_view kEnd = "\r\n\r\n";
    constexpr std::string_view kLength = "Content-Length: ";
    while (true) {
      const std::size_t end = buffer.find(kEnd);
      const std::size_t at = buffer.find(kLength);
      if (end != std::string::npos && at < end) {
        std::size_t length = 0;
        std::from_chars(buffer.data() + at + kLength.size(), buffer.data() + end, length);
        if (buffer.size() >= end + kEnd.size() + length) {
          asked.head = buffer.substr(0, end + 2);
          asked.body = buffer.substr(end + kEnd.size(), length);
          buffer.erase(0, end + kEnd.size() + length);
          return true;
        }
      }
      char bytes[16384];
      const ssize_t got = ::recv(fd, bytes, sizeof bytes, 0);
      if (got <= 0) return false;
      buffer.append(bytes, static_cast<std::size_t>(got));
    }
  }

  // False: the server stops.
  bool wait(std::chrono::microseconds time) {
    if (time.count() == 0) return true;
    std::unique_lock lock(sleep_);
    return !changed_.wait_for(lock, time, [this] { return stopping_.load(); });
  }

  bool send(int fd, const Said& said) {
    std::string_view rest = said.bytes;
    while (!rest.empty()) {
      const std::size_t size = said.between.count() > 0 ? 1 : rest.size();
      const ssize_t sent = ::send(fd, rest.data(), size, MSG_NOSIGNAL);
      if (sent <= 0 || !wait(said.between)) return false;
      rest.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  const Answer answer_;
  const bool tcp_;
  std::string path_;
  std::uint16_t port_ = 0;
  UniqueFd listener_;
  std::thread acceptor_;
  std::list<Connection> connections_;  // the acceptor's, until it is joined
  std::atomic<bool> stopping_ = false;
  std::atomic<int> requests_ = 0;
  std::atomic<int> accepted_ = 0;
  std::mutex mutex_;  // of answer_
  std::mutex sleep_;
  std::condition_variable changed_;
};

}  // namespace writ::pdp::test
