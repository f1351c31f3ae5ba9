// Posts small JSON documents to one address by HTTP, with libcurl on the caller's thread.
//
//   watch(post.fd(), EPOLLIN);     // readable: for (auto& done : post.take()) …
//   post.start(id, std::move(body));
//
// Connections are kept and used again. No redirect, proxy, password, cookie, compression or
// HTTP/0.9; the address is a unix socket or a number, so nothing is looked up.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "util/result.h"

namespace writ::pdp {

class HttpPost {
 public:
  using Time = std::chrono::steady_clock::time_point;

  static constexpr std::size_t kMaxHeaderBytes = 16u << 10;  // of an answer, interim ones included

  struct Options {
    std::string url;          // http://…
    std::string unix_socket;  // empty: TCP, to the url's host
    std::size_t most = 16;    // requests under way at once
    std::size_t max_body = 64u << 10;
  };
  struct Done {
    enum class How {
      kAnswer,     // `status` and `body`
      kTooLarge,   // head or body is longer than it may be
      kMalformed,  // not HTTP
      kLost,       // no connection, or it ended early; `body` says how, for people
    };
    std::uint64_t id = 0;
    How how = How::kLost;
    long status = 0;
    std::string body;
  };

  static Result<std::unique_ptr<HttpPost>> open(Options options);
  ~HttpPost();
  HttpPost(const HttpPost&) = delete;
  HttpPost& operator=(const HttpPost&) = delete;

  // Sends what can be sent at once; the outcome comes by take(), never inside. REQUIRES: fewer
  // than `most` are under way, and none has this id.
  void start(std::uint64_t id, std::string body);
  // Ends it and its connection; it will not come by take(). Unknown ids are ignored.
  void cancel(std::uint64_t id);

  // Readable when there is something to do, and at the time last given to wake_at().
  [[nodiscard]] int fd() const;
  void wake_at(std::optional<Time> when);
  // Moves everything on without waiting; what ended since the last call.
  std::vector<Done> take();

  [[nodiscard]] std::size_t under_way() const;
  [[nodiscard]] std::uint64_t connections() const;  // made so far

 private:
  class Curl;
  explicit HttpPost(std::unique_ptr<Curl> curl);

  std::unique_ptr<Curl> curl_;
};

}  // namespace writ::pdp
