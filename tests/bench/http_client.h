// One HTTP/1.1 client on loopback that costs next to nothing itself, so that what is measured is
// the server.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "util/result.h"
#include "util/unique_fd.h"

namespace writ::bench {

// Keeps its connection for as long as the server does. One thread.
class HttpClient {
 public:
  explicit HttpClient(std::uint16_t port) : port_(port) {}

  // Posts a form, and returns the answer's body if its status is 200. For servers that say how long
  // a body is.
  Result<std::string> post_form(std::string_view path, std::string_view form);

 private:
  Status connect();
  Status send(std::string_view bytes);
  // Fills buffer_; kUnavailable at the end of the connection.
  Status receive();

  std::uint16_t port_;
  UniqueFd fd_;
  std::string buffer_;
};

}  // namespace writ::bench
