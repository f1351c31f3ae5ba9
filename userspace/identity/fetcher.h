// Where the outside world of token verification starts: documents by HTTP, and the time.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "util/result.h"

namespace writ::identity {

struct FetchRequest {
  std::string url;      // parse_http_url() has passed it
  std::string ca_file;  // empty: the system's CAs
};

struct FetchedDocument {
  std::string body;
  // What is left of Cache-Control: max-age (RFC 9111); nullopt when the server does not say.
  std::optional<std::chrono::seconds> max_age;
};

// Fetches without keeping its caller. Results wait until the owner takes them, on its own thread.
class Fetcher {
 public:
  struct Done {
    std::uint64_t id = 0;
    Result<FetchedDocument> result;  // kUnavailable, with the reason
  };

  virtual ~Fetcher() = default;
  // Every start ends in one Done with the same id.
  virtual void start(std::uint64_t id, FetchRequest request) = 0;
  // Readable when take() has something. Owned by the fetcher.
  [[nodiscard]] virtual int fd() const = 0;
  virtual std::vector<Done> take() = 0;
};

class Clock {
 public:
  virtual ~Clock() = default;
  // What exp, nbf and iat are compared with.
  [[nodiscard]] virtual std::chrono::system_clock::time_point wall() const = 0;
  // What the age of keys is measured with.
  [[nodiscard]] virtual std::chrono::steady_clock::time_point steady() const = 0;
};

class SystemClock : public Clock {
 public:
  [[nodiscard]] std::chrono::system_clock::time_point wall() const override {
    return std::chrono::system_clock::now();
  }
  [[nodiscard]] std::chrono::steady_clock::time_point steady() const override {
    return std::chrono::steady_clock::now();
  }
};

}  // namespace writ::identity
