// When the keys of one issuer are fetched, and how long they may be used.
//
//   age of the keys     0 ────────── 80 % ───── fresh_for ───────── keys_valid_for
//                       use           use, and     fetch first;      none
//                                     fetch        use if that fails
//
// fresh_for is the server's max-age within 5 min .. 24 h, or 1 h. An unknown kid asks for newer
// keys at once, but once per 30 s. After a failure nothing is asked for 1 s, 2 s, 4 s .. 30 s.
// It does no I/O: it says what to fetch and is told what came.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "identity/fetcher.h"
#include "identity/issuers.h"
#include "identity/jwks.h"
#include "util/result.h"

namespace writ::identity {

class KeySource {
 public:
  using Time = std::chrono::steady_clock::time_point;

  static constexpr std::chrono::seconds kFreshDefault{3600};
  static constexpr std::chrono::seconds kFreshMin{300};
  static constexpr std::chrono::seconds kFreshMax{24 * 3600};
  static constexpr std::chrono::seconds kUnknownKidEvery{30};
  static constexpr std::chrono::seconds kRetryMin{1};
  static constexpr std::chrono::seconds kRetryMax{30};

  enum class Age {
    kNone,   // there are no keys, or they are older than keys_valid_for
    kStale,  // ask first, use if the issuer is away
    kDue,    // use, and ask behind the caller's back
    kFresh,
  };
  enum class Reason { kAge, kUnknownKid };

  // `issuer` must outlive the source.
  explicit KeySource(const Issuer& issuer) : issuer_(issuer) {}

  [[nodiscard]] Age age(Time now) const;
  // nullptr when age() is kNone. Valid until the next on_fetched().
  [[nodiscard]] const Jwks* keys(Time now) const;

  // What to fetch now; the source then waits for on_fetched(). nullopt: it already waits, or may
  // not ask again yet.
  std::optional<FetchRequest> begin(Reason reason, Time now);
  [[nodiscard]] bool fetching() const { return step_ != Step::kIdle; }
  // Takes in what came for the last request. A further request, when discovery comes before keys.
  std::optional<FetchRequest> on_fetched(const Result<FetchedDocument>& result, Time now);

  // Whether a fetch that began at or after `when` has brought the keys.
  [[nodiscard]] bool asked_since(Time when) const { return keys_ && asked_at_ >= when; }
  // Why there are no keys, or no newer ones; for people.
  [[nodiscard]] Error trouble(Time now) const;
  // Empty when the last fetch was good.
  [[nodiscard]] const std::string& last_error() const { return last_error_; }

 private:
  enum class Step { kIdle, kDiscovery, kKeys };

  Status take_keys(const FetchedDocument& document, Time now);
  Result<std::string> read_discovery(const std::string& body) const;
  void failed(const Error& error, Time now);

  const Issuer& issuer_;
  Step step_ = Step::kIdle;
  Time began_at_;  // the fetch that runs

  std::optional<Jwks> keys_;
  Time asked_at_;    // when the fetch of keys_ began
  Time fetched_at_;  // when keys_ came
  std::chrono::seconds fresh_for_ = kFreshDefault;

  std::optional<Time> unknown_kid_at_;  // the last fetch for that reason
  std::chrono::seconds retry_after_{0};
  Time failed_at_;
  std::string last_error_;
};

}  // namespace writ::identity
