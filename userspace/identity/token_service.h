// Verification of people's tokens for an event loop that never waits.
//
//   auto service = TokenService::open(std::move(issuers));
//   watch((*service)->fd(), EPOLLIN);        // readable: (*service)->on_ready()
//   each second or so: (*service)->tick();   // optional: keys are there before they are needed
//   (*service)->verify(token, [](Result<VerifiedPerson> person) { … });
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "identity/fetcher.h"
#include "identity/issuers.h"
#include "identity/key_source.h"
#include "identity/token_verifier.h"
#include "identity/verified_person.h"
#include "util/result.h"

namespace writ::identity {

// One thread. The waiting of one issuer never holds up another.
class TokenService {
 public:
  // Called once: inside verify() when nothing must be fetched, else inside on_ready(). It may call
  // verify() again, and must not destroy the service.
  using Callback = std::function<void(Result<VerifiedPerson>)>;

  // Tokens that wait for keys, per issuer; more are refused as kUnavailable.
  static constexpr std::size_t kMaxWaiting = 32;

  // Over HttpFetch and the system's clock.
  static Result<std::unique_ptr<TokenService>> open(Issuers issuers);
  TokenService(Issuers issuers, std::unique_ptr<Fetcher> fetcher, std::unique_ptr<Clock> clock);
  // Callbacks that still wait are dropped, not called.
  ~TokenService();
  TokenService(const TokenService&) = delete;
  TokenService& operator=(const TokenService&) = delete;

  // Blanks and line ends around the token are taken off. Errors as token_verifier.h says, and
  // kUnavailable: the issuer's keys cannot be had now.
  void verify(std::string_view token, Callback done);

  [[nodiscard]] int fd() const { return fetcher_->fd(); }
  // Call when fd() is readable; without a result it does nothing.
  void on_ready();
  // Fetches the keys that are missing or nearly stale, within the limits of KeySource.
  void tick();

  // How an issuer stands, for `writ doctor` and `writ status`.
  struct IssuerState {
    std::string id;
    std::string issuer;
    std::size_t keys = 0;          // usable now
    std::size_t refused_keys = 0;  // listed by the issuer and not usable
    KeySource::Age age = KeySource::Age::kNone;
    std::string last_error;  // empty: the last fetch was good, or there was none
    std::size_t waiting = 0;
  };
  [[nodiscard]] std::vector<IssuerState> states() const;

  struct Counters {
    std::uint64_t verified = 0;
    std::uint64_t refused = 0;  // for whatever reason
    std::uint64_t fetches = 0;
    std::uint64_t failed_fetches = 0;
    std::uint64_t dropped_scopes = 0;
    std::uint64_t dropped_roles = 0;
  };
  [[nodiscard]] const Counters& counters() const { return counters_; }

  [[nodiscard]] const Issuers& issuers() const { return *issuers_; }

 private:
  struct Waiting;
  struct Entry;

  Entry* entry_of(const Issuer& issuer);
  bool fetch(Entry& entry, KeySource::Reason reason);
  // nullopt: it has to wait.
  std::optional<Result<VerifiedPerson>> attempt(const UnverifiedToken& token, Entry& entry,
                                                KeySource::Time asked);
  void finish(const Callback& done, Result<VerifiedPerson> result);
  void retry_waiting(Entry& entry);

  std::unique_ptr<const Issuers> issuers_;  // at one address, which entries and tokens point into
  std::unique_ptr<Fetcher> fetcher_;
  std::unique_ptr<Clock> clock_;
  TokenVerifier verifier_;
  std::vector<std::unique_ptr<Entry>> entries_;  // in the order of issuers_; the index is the id
  Counters counters_;
};

}  // namespace writ::identity
