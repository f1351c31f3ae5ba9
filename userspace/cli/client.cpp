#include "cli/client.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string_view>

namespace writ::cli {
namespace {

ErrorCode code_of(std::string_view name) {
  if (name == "invalid") return ErrorCode::kInvalid;
  if (name == "not_found") return ErrorCode::kNotFound;
  if (name == "denied") return ErrorCode::kDenied;
  if (name == "unavailable") return ErrorCode::kUnavailable;
  return ErrorCode::kInternal;
}

tl::unexpected<Error> cannot_connect(int error_number, const std::string& path,
                                     const std::string& root) {
  const std::string how = root == "/" ? "systemctl start writd" : "writd --root " + root;
  if (error_number == ENOENT) {
    return fail(ErrorCode::kUnavailable,
                "writd is not running: there is no {} (start it with `{}`, or name its --root)",
                path, how);
  }
  if (error_number == ECONNREFUSED) {
    return fail(ErrorCode::kUnavailable, "writd is not running: nobody serves {} (start it: `{}`)",
                path, how);
  }
  if (error_number == EACCES) {
    return fail(ErrorCode::kDenied, "you may not reach {} (ask its owner for access)", path);
  }
  auto error = fail_errno(error_number, "connect to writd at {}", path);
  error.value().code = ErrorCode::kUnavailable;
  return error;
}

}  // namespace

std::string control_path(const std::string& root) {
  return (std::filesystem::path(root) / "run/writ/control.sock").string();
}

Result<Client> Client::connect(const std::string& root) {
  const std::string path = control_path(root);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return fail(ErrorCode::kInvalid,
                "the path {} is too long for a socket (choose a shorter --root)", path);
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return fail_errno(errno, "create a socket");
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return cannot_connect(errno, path, root);
  }
  ucred server{};  // of the process that called listen()
  socklen_t size = sizeof server;
  if (::getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &server, &size) != 0) {
    return fail_errno(errno, "ask who serves {}", path);
  }
  if (server.uid != 0 && server.uid != ::geteuid()) {
    return fail(ErrorCode::kDenied,
                "{} is served by uid {}, neither root nor you (is --root right?)", path,
                server.uid);
  }
  return Client(std::move(fd));
}

Status Client::send(const v1::ControlRequest& request) {
  std::string frame;
  if (auto framed = append_frame(frame, request.SerializeAsString()); !framed) return framed;
  std::string_view rest = frame;
  while (!rest.empty()) {
    const ssize_t sent = ::send(fd_.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    // A server that refused us has said why before it closed: receive() will read it.
    if (sent < 0 && errno == EPIPE) return {};
    if (sent < 0) return fail_errno(errno, "send to writd");
    rest.remove_prefix(static_cast<std::size_t>(sent));
  }
  return {};
}

Result<v1::ControlResponse> Client::receive(std::chrono::seconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  std::array<char, 16384> bytes;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  for (;;) {
    const auto next = decoder_.next();
    if (!next) return context(next.error(), "read writd's answer");
    if (const std::optional<std::string_view> frame = *next) {
      v1::ControlResponse response;
      if (!response.ParseFromArray(frame->data(), static_cast<int>(frame->size()))) {
        return fail(ErrorCode::kInternal,
                    "writd's answer makes no sense (is it of the same version as writ?)");
      }
      if (!response.has_error()) return response;
      return tl::unexpected(Error{code_of(response.error().code()), response.error().message()});
    }
    int wait_ms = -1;
    if (timeout.count() > 0) {
      const auto left =
          std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
      wait_ms = static_cast<int>(std::max<std::int64_t>(left.count(), 0));
    }
    pollfd readable{.fd = fd_.get(), .events = POLLIN, .revents = 0};
    const int ready = ::poll(&readable, 1, wait_ms);
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0) {
      return fail(ErrorCode::kUnavailable, "writd did not answer within {} s (see its log)",
                  timeout.count());
    }
    const ssize_t got = ::recv(fd_.get(), bytes.data(), bytes.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      return fail(ErrorCode::kUnavailable, "writd closed the connection (is it still running?)");
    }
    decoder_.feed({bytes.data(), static_cast<std::size_t>(got)});
  }
}

Result<v1::ControlResponse> ask(const std::string& root, const v1::ControlRequest& request,
                                std::chrono::seconds timeout) {
  auto client = Client::connect(root);
  if (!client) return tl::unexpected(client.error());
  if (auto sent = client->send(request); !sent) return tl::unexpected(sent.error());
  return client->receive(timeout);
}

Status ask_each(const std::string& root, const v1::ControlRequest& request,
                const std::function<bool(const v1::ControlResponse&)>& use) {
  auto client = Client::connect(root);
  if (!client) return tl::unexpected(client.error());
  if (auto sent = client->send(request); !sent) return sent;
  for (;;) {
    const auto answer = client->receive();
    if (!answer) return tl::unexpected(answer.error());
    if (!use(*answer) || answer->done()) return {};
  }
}

}  // namespace writ::cli
