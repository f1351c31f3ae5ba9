// A small HTTP server: cpp-httplib's reading and writing of requests on threads and sockets of
// ours.
//
// The library's own loop has an unbounded queue and no end to a slow request. Here one thread
// accepts, `threads` serve one request a connection, and who finds `max_waiting` before it is told
// 503.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "daemon/http_connection.h"
#include "util/unique_fd.h"

namespace writ::daemon {

struct HttpRequest {
  std::string method;
  std::string path;
  std::string content_type;
  std::string authorization;
  std::string body;
};
struct HttpResponse {
  int status = 200;
  std::string body;
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers;
};

struct HttpServerOptions {
  std::string post_path;  // the one path whose bodies are read
  std::size_t threads = 4;
  std::size_t max_waiting = 32;
  std::size_t max_body = 64u << 10;
  ConnectionLimits limits;
};

class HttpServer : private httplib::Server {
 public:
  // Called on one of the server's threads for every request that is whole. A body comes with POST
  // to `post_path`; multipart is never read and arrives empty.
  using Handler = std::function<HttpResponse(const HttpRequest&)>;

  // `listener` must outlive the server.
  HttpServer(int listener, UniqueFd stop, HttpServerOptions options, Handler handler);
  // Waits for the requests that are being served; their handlers must come to an end.
  ~HttpServer() override;

  [[nodiscard]] std::uint64_t connections() const { return connections_; }
  [[nodiscard]] std::uint64_t malformed() const { return malformed_; }
  [[nodiscard]] std::uint64_t busy() const { return busy_; }

 private:
  void accept_all();
  void serve_all();
  void serve(HttpConnection& connection);
  HandlerResponse before_body(const httplib::Request& request, httplib::Response& response);
  void with_body(const httplib::Request& request, httplib::Response& response,
                 const httplib::ContentReader& read);
  void answer(const httplib::Request& request, std::string body, httplib::Response& response);
  void refuse(UniqueFd fd);

  const int listener_;
  const UniqueFd stop_;  // an eventfd
  const HttpServerOptions options_;
  const Handler handler_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<UniqueFd> waiting_;
  std::set<int> serving_;
  bool stopping_ = false;
  std::atomic<std::uint64_t> connections_{0};
  std::atomic<std::uint64_t> malformed_{0};
  std::atomic<std::uint64_t> busy_{0};
  std::vector<std::thread> threads_;
};

}  // namespace writ::daemon
