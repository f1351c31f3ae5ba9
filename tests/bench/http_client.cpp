#include "http_client.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <charconv>

namespace writ::bench {
namespace {

constexpr std::size_t kMaxHead = 64u << 10;
constexpr std::size_t kMaxBody = 1u << 20;

// The value of a header in a head that is in lower case; "": it has none.
std::string_view header(std::string_view head, std::string_view name) {
  const auto at = head.find(fmt::format("\r\n{}: ", name));
  if (at == std::string_view::npos) return "";
  const std::string_view rest = head.substr(at + name.size() + 4);
  return rest.substr(0, rest.find("\r\n"));
}

}  // namespace

Status HttpClient::connect() {
  buffer_.clear();
  fd_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd_) return fail_errno(errno, "create a socket");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port_);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int yes = 1;
  (void)::setsockopt(fd_.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);  // worth having
  if (::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return fail_errno(errno, "connect to port {}", port_);
  return {};
}

Status HttpClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return fail_errno(errno, "send");
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return {};
}

Status HttpClient::receive() {
  std::array<char, 16384> bytes;
  const ssize_t got = ::recv(fd_.get(), bytes.data(), bytes.size(), 0);
  if (got < 0 && errno == EINTR) return {};
  if (got < 0) return fail_errno(errno, "receive");
  if (got == 0) return fail(ErrorCode::kUnavailable, "the server closed in the middle");
  buffer_.append(bytes.data(), static_cast<std::size_t>(got));
  return {};
}

Result<std::string> HttpClient::post_form(std::string_view path, std::string_view form) {
  if (!fd_) {
    if (Status done = connect(); !done) return tl::unexpected(done.error());
  }
  Status done =
      send(fmt::format("POST {} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Type: "
                       "application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{}",
                       path, port_, form.size(), form));
  std::size_t end = std::string::npos;
  while (done && (end = buffer_.find("\r\n\r\n")) == std::string::npos) {
    done = buffer_.size() > kMaxHead ? Status(fail(ErrorCode::kInvalid, "a very long head"))
                                     : receive();
  }
  if (!done) return tl::unexpected(done.error());
  std::string head = buffer_.substr(0, end + 2);
  std::transform(head.begin(), head.end(), head.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const std::string_view length = header(head, "content-length");
  std::size_t size = kMaxBody + 1;
  (void)std::from_chars(length.data(), length.data() + length.size(), size);  // else it is too long
  if (size > kMaxBody) return fail(ErrorCode::kInvalid, "an answer of no known length");
  while (done && buffer_.size() < end + 4 + size) done = receive();
  if (!done) return tl::unexpected(done.error());
  std::string body = buffer_.substr(end + 4, size);
  buffer_.erase(0, end + 4 + size);
  if (header(head, "connection") == "close") fd_.reset();
  if (!head.starts_with("http/1.1 200 ")) {
    return fail(ErrorCode::kDenied, "{}: {}", head.substr(0, head.find('\r')), body.substr(0, 300));
  }
  return body;
}

}  // namespace writ::bench
