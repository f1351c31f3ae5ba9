#include "daemon/http_server.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <exception>
#include <optional>

namespace writ::daemon {
namespace {

constexpr int kRefusalPatienceMs = 50;  // for the request of who is told 503
constexpr int kNoDescriptorsMs = 100;   // between two tries to accept without free descriptors
constexpr std::string_view kBusy =
    "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: 1\r\n"
    "Cache-Control: no-store\r\nConnection: close\r\nContent-Length: 94\r\n\r\n"
    R"({"error":"temporarily_unavailable","error_description":"too many requests at once; try again"})";

// What the body is announced as; nullopt: it may be read.
std::optional<int> refusal_of_body(const httplib::Request& request, std::size_t max) {
  for (const char* once :
       {"Content-Length", "Transfer-Encoding", "Content-Type", "Authorization"}) {
    if (request.get_header_value_count(once) > 1) return 400;
  }
  if (request.has_header("Content-Encoding")) return 415;  // no bombs
  const bool chunked = request.has_header("Transfer-Encoding");
  const bool sized = request.has_header("Content-Length");
  // Two lengths, or one that the library would guess at (RFC 9112 section 6.3).
  if (chunked && (sized || request.get_header_value("Transfer-Encoding") != "chunked")) return 400;
  if (chunked) return std::nullopt;
  if (!sized) return 411;
  const std::string length = request.get_header_value("Content-Length");
  std::uint64_t bytes = 0;
  const auto [end, code] = std::from_chars(length.data(), length.data() + length.size(), bytes);
  if (code != std::errc() || end != length.data() + length.size()) return 400;
  if (bytes > max) return 413;
  return std::nullopt;
}

}  // namespace

HttpServer::HttpServer(int listener, UniqueFd stop, HttpServerOptions options, Handler handler)
    : listener_(listener),
      stop_(std::move(stop)),
      options_(std::move(options)),
      handler_(std::move(handler)) {
  set_pre_routing_handler([this](const httplib::Request& request, httplib::Response& response) {
    return before_body(request, response);
  });
  Post(options_.post_path,
       [this](const httplib::Request& request, httplib::Response& response,
              const httplib::ContentReader& read) { with_body(request, response, read); });
  // Without one, the library tells the client what was thrown.
  set_exception_handler([](const httplib::Request&, httplib::Response& response,
                           const std::exception_ptr&) { response.status = 500; });
  threads_.emplace_back([this] { accept_all(); });
  for (std::size_t i = 0; i < options_.threads; ++i) threads_.emplace_back([this] { serve_all(); });
}

HttpServer::~HttpServer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (const int fd : serving_) (void)::shutdown(fd, SHUT_RDWR);  // ends its waiting
  }
  changed_.notify_all();
  (void)::eventfd_write(stop_.get(), 1);
  for (std::thread& thread : threads_) thread.join();
}

void HttpServer::accept_all() {
  pollfd fds[] = {{.fd = listener_, .events = POLLIN, .revents = 0},
                  {.fd = stop_.get(), .events = POLLIN, .revents = 0}};
  for (;;) {
    if (::poll(fds, 2, -1) < 0 && errno != EINTR) return;
    if (fds[1].revents != 0) return;
    UniqueFd fd(::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd) {
      if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
        (void)::poll(&fds[1], 1, kNoDescriptorsMs);
      continue;
    }
    ++connections_;
    std::unique_lock lock(mutex_);
    if (waiting_.size() >= options_.max_waiting) {
      lock.unlock();
      refuse(std::move(fd));
      continue;
    }
    waiting_.push_back(std::move(fd));
    lock.unlock();
    changed_.notify_one();
  }
}

// Reads a little first: closed with unread bytes, the connection would be reset and the answer
// lost.
void HttpServer::refuse(UniqueFd fd) {
  ++busy_;
  HttpConnection connection(std::move(fd),
                            {.max_bytes_in = 4096,
                             .read_timeout = std::chrono::milliseconds(kRefusalPatienceMs),
                             .write_timeout = std::chrono::milliseconds(kRefusalPatienceMs)});
  char byte = 0;
  if (connection.read(&byte, 1) > 0) (void)connection.write(kBusy.data(), kBusy.size());
}

void HttpServer::serve_all() {
  for (;;) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    if (stopping_) return;
    UniqueFd fd = std::move(waiting_.front());
    waiting_.pop_front();
    const int number = fd.get();
    serving_.insert(number);
    lock.unlock();
    HttpConnection connection(std::move(fd), options_.limits);
    serve(connection);
    lock.lock();
    serving_.erase(number);  // before the descriptor is closed and its number is another's
  }
}

void HttpServer::serve(HttpConnection& connection) {
  bool whole_head = false;
  try {
    bool closed = false;
    (void)process_request(connection, true, closed, [&](httplib::Request& request) {
      whole_head = true;
      request.ranges.clear();  // there is nothing here to have a part of
    });
  } catch (const std::exception&) {
    whole_head = false;  // of the library, over what the peer sent
  }
  if (!whole_head) ++malformed_;
  connection.finish();
}

httplib::Server::HandlerResponse HttpServer::before_body(const httplib::Request& request,
                                                         httplib::Response& response) {
  const bool takes_body = request.method == "POST" && request.path == options_.post_path;
  if (!takes_body || request.get_header_value("Content-Type").starts_with("multipart/")) {
    answer(request, "", response);
    return HandlerResponse::Handled;
  }
  if (const auto status = refusal_of_body(request, options_.max_body)) {
    ++malformed_;
    response.status = *status;
    return HandlerResponse::Handled;
  }
  return HandlerResponse::Unhandled;
}

void HttpServer::with_body(const httplib::Request& request, httplib::Response& response,
                           const httplib::ContentReader& read) {
  std::string body;
  bool too_long = false;
  const bool whole = read([&](const char* bytes, std::size_t size) {
    too_long = size > options_.max_body - body.size();
    if (!too_long) body.append(bytes, size);
    return !too_long;
  });
  if (whole) return answer(request, std::move(body), response);
  ++malformed_;
  response.status = too_long ? 413 : 400;
}

void HttpServer::answer(const httplib::Request& request, std::string body,
                        httplib::Response& response) {
  HttpResponse ours = handler_({.method = request.method,
                                .path = request.path,
                                .content_type = request.get_header_value("Content-Type"),
                                .authorization = request.get_header_value("Authorization"),
                                .body = std::move(body)});
  response.status = ours.status;
  for (const auto& [name, value] : ours.headers) response.set_header(name, value);
  response.set_content(ours.body, ours.content_type);
}

}  // namespace writ::daemon
