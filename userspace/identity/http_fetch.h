// Fetches small documents by HTTP with libcurl, on a thread of its own.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "identity/fetcher.h"
#include "util/result.h"

namespace writ::identity {

// HTTPS with the peer verified, or HTTP to this host; GET; status 200 only; no redirect, cookie,
// password or compression; the body within kMaxBody; `timeout` from start to end. A proxy is used
// where the environment names one, except to this host.
class HttpFetch : public Fetcher {
 public:
  static constexpr std::size_t kMaxBody = 256u << 10;
  static constexpr std::chrono::milliseconds kTimeout{5000};

  static Result<std::unique_ptr<HttpFetch>> open(std::chrono::milliseconds timeout = kTimeout);
  // Ends the thread and what it fetches; results not taken are lost.
  ~HttpFetch() override;

  void start(std::uint64_t id, FetchRequest request) override;
  [[nodiscard]] int fd() const override;
  std::vector<Done> take() override;

 private:
  class Worker;
  explicit HttpFetch(std::unique_ptr<Worker> worker);

  std::unique_ptr<Worker> worker_;
};

// What Cache-Control and Age leave of a document's freshness (RFC 9111 sections 4.2.1 and 4.2.3).
// no-store and no-cache: 0 s. nullopt: the server does not say.
std::optional<std::chrono::seconds> remaining_freshness(std::string_view cache_control,
                                                        std::string_view age);

}  // namespace writ::identity
