// The HTTP side of the token exchange, on the loopback interface or a Unix socket.
//
//   auto endpoint = TokenEndpoint::open({.host = "127.0.0.1", .port = 8460, …}, handler);
//   watch((*endpoint)->fd(), EPOLLIN);        // readable: (*endpoint)->on_ready()
//
//   POST /token                                    RFC 8693; body up to 64 KiB
//   GET  /.well-known/jwks.json                    RFC 7517
//   GET  /.well-known/oauth-authorization-server   RFC 8414
//
// Threads of its own accept, read and write, so that no client can keep the loop; the handler is
// called on the loop's thread alone, inside on_ready(). A connection carries one request. Each step
// has an end: reading, waiting for the loop, writing. Whoever comes when all threads are busy and
// `max_waiting` more wait is told 503.
//
// It speaks cleartext and its answers are bearer tokens, so another address than the loopback is
// refused.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "identity/token_exchange.h"
#include "util/result.h"

namespace writ::daemon {

// The daemon's side. Called on the loop's thread, inside on_ready(); must not block.
class TokenHandler {
 public:
  using Done = std::function<void(identity::TokenResponse)>;
  virtual ~TokenHandler() = default;
  // `done`: once, inside or later, on the loop's thread. It may outlive the endpoint.
  virtual void exchange(identity::ExchangeRequest request, Done done) = 0;
  virtual std::string jwks() = 0;
};

struct TokenEndpointOptions {
  std::string unix_path;           // empty: TCP
  mode_t socket_mode = 0666;       // of unix_path
  std::string socket_group;        // of unix_path; empty: as it comes
  std::string host = "127.0.0.1";  // numeric
  std::uint16_t port = 0;          // 0: any that is free, see port()
  std::string issuer;              // empty: http:// and the address
  std::size_t threads = 4;
  std::size_t max_waiting = 32;                      // connections that no thread serves yet
  std::chrono::milliseconds read_timeout{5'000};     // of a whole request
  std::chrono::milliseconds answer_timeout{10'000};  // of the loop
  std::chrono::milliseconds write_timeout{5'000};
};
// As exchange.yaml says.
TokenEndpointOptions endpoint_options(const identity::ExchangeConfig& config,
                                      const std::string& unix_path);

// Since the start; for status.
struct TokenEndpointCounters {
  std::uint64_t connections = 0;
  std::uint64_t issued = 0;
  std::uint64_t refused = 0;    // answered with an OAuth error
  std::uint64_t malformed = 0;  // not HTTP, too long, too slow, or no such address
  std::uint64_t busy = 0;       // 503: all threads and places were taken
  std::uint64_t timed_out = 0;  // 503: the loop did not answer in time
};

class TokenEndpoint {
 public:
  // Listens and serves. kDenied: an address that is not of the loopback interface; kInvalid: none
  // at all; kUnavailable: it is served by another process; kIo.
  static Result<std::unique_ptr<TokenEndpoint>> open(TokenEndpointOptions options,
                                                     TokenHandler& handler);
  // On the loop's thread. Waiting clients are told 503.
  ~TokenEndpoint();
  TokenEndpoint(const TokenEndpoint&) = delete;
  TokenEndpoint& operator=(const TokenEndpoint&) = delete;

  // Readable when on_ready() has something to do.
  [[nodiscard]] int fd() const;
  void on_ready();

  [[nodiscard]] std::uint16_t port() const;  // of TCP
  [[nodiscard]] const std::string& issuer() const;
  [[nodiscard]] TokenEndpointCounters counters() const;

 private:
  class Impl;
  explicit TokenEndpoint(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace writ::daemon
