// An endpoint with a loop of its own, and two ways to talk to it: curl, and raw bytes.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "daemon/token_endpoint.h"
#include "identity/exchange_support.h"
#include "util/unique_fd.h"

namespace writ::daemon {

// The daemon's part: hands requests to a real TokenExchange, or keeps them.
class ExchangeHandler : public TokenHandler {
 public:
  explicit ExchangeHandler(identity::TokenExchange& exchange) : exchange_(exchange) {}
  void exchange(identity::ExchangeRequest request, Done done) override {
    loop = std::this_thread::get_id();
    if (keeps) {
      kept.push_back(std::move(done));
    } else {
      exchange_.run(std::move(request), std::move(done));
    }
  }
  std::string jwks() override { return exchange_.jwks(); }

  std::atomic<bool> keeps = false;
  std::vector<Done> kept;
  std::thread::id loop;

 private:
  identity::TokenExchange& exchange_;
};

struct Output {
  int exit_code = -1;
  std::string out;
};
inline Output run_command(const std::string& command) {
  FILE* pipe = ::popen(command.c_str(), "r");
  Output output;
  if (pipe == nullptr) return output;
  std::array<char, 4096> buffer{};
  for (std::size_t got = 0; (got = ::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;)
    output.out.append(buffer.data(), got);
  const int status = ::pclose(pipe);
  output.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return output;
}

// What curl saw.
struct Reply {
  int status = 0;
  std::string head;
  std::string body;
};

class EndpointTest : public identity::ExchangeTest {
 protected:
  EndpointTest() : handler(*exchange) {}
  ~EndpointTest() override { close(); }

  void open(TokenEndpointOptions options = {}) {
    unix_path = options.unix_path;
    auto opened = TokenEndpoint::open(std::move(options), handler);
    ASSERT_TRUE(opened) << opened.error().message;
    endpoint = std::move(*opened);
    config.issuer = endpoint->issuer();
    start_loop();
  }
  void start_loop() {
    stop = UniqueFd(::eventfd(0, EFD_CLOEXEC));
    loop = std::thread([this] {
      pollfd fds[] = {{endpoint->fd(), POLLIN, 0}, {stop.get(), POLLIN, 0}};
      while (::poll(fds, 2, -1) >= 0 && fds[1].revents == 0) {
        if (fds[0].revents != 0) endpoint->on_ready();
      }
    });
  }
  void stop_loop() {
    if (!loop.joinable()) return;
    ::eventfd_write(stop.get(), 1);
    loop.join();
  }
  void close() {
    stop_loop();
    endpoint.reset();
  }

  [[nodiscard]] std::string base() const {
    return unix_path.empty() ? "http://127.0.0.1:" + std::to_string(endpoint->port())
                             : "http://localhost";
  }
  Reply curl(const std::string& path, const std::string& arguments = "") const {
    const std::string by = unix_path.empty() ? "" : "--unix-socket " + unix_path + " ";
    const Output got = run_command("curl -q -sS --noproxy '*' -m 20 -i " + by + arguments + " '" +
                                   base() + path + "' 2>&1");
    return parse(got.out);
  }
  static Reply parse(const std::string& text) {
    Reply reply;
    if (text.rfind("HTTP/1.1 ", 0) != 0) {
      reply.body = text;
      return reply;
    }
    reply.status = std::stoi(text.substr(9, 3));
    const std::size_t cut = std::min(text.find("\r\n\r\n"), text.size());
    reply.head = text.substr(0, cut);
    reply.body = text.substr(std::min(cut + 4, text.size()));
    return reply;
  }
  // POSTs a form, from a file so that no shell sees it.
  Reply post(const identity::Body& body, const std::string& arguments = "") {
    const std::string file = folder / ("body-" + std::to_string(bodies++));
    std::ofstream(file) << identity::form(body.pairs);
    return curl("/token", "--data-binary @" + file + " " + arguments);
  }

  [[nodiscard]] UniqueFd connect() const { return connect(endpoint->port()); }
  static UniqueFd connect(std::uint16_t port) {
    UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      ADD_FAILURE() << "connect: " << std::strerror(errno);
    return fd;
  }
  static void send(const UniqueFd& fd, const std::string& bytes) {
    std::size_t sent = 0;
    while (sent < bytes.size()) {
      const ssize_t some = ::send(fd.get(), bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (some <= 0) return;  // refused before it was all sent
      sent += static_cast<std::size_t>(some);
    }
  }
  static std::string read_to_end(const UniqueFd& fd) {
    std::string text;
    std::array<char, 4096> buffer{};
    for (ssize_t got = 0; (got = ::recv(fd.get(), buffer.data(), buffer.size(), 0)) > 0;)
      text.append(buffer.data(), static_cast<std::size_t>(got));
    return text;
  }
  // Sends bytes as they are and reads what comes until the end.
  [[nodiscard]] Reply raw(const std::string& bytes) const {
    const UniqueFd fd = connect();
    send(fd, bytes);
    return parse(read_to_end(fd));
  }
  static std::string head(const std::string& line, const std::string& headers = "") {
    return line + " HTTP/1.1\r\nHost: x\r\n" + headers + "\r\n";
  }

  ExchangeHandler handler;
  std::unique_ptr<TokenEndpoint> endpoint;
  std::string unix_path;
  UniqueFd stop;
  std::thread loop;
  int bodies = 0;
};

}  // namespace writ::daemon
