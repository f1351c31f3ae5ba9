// The keys of this host that sign exchanged tokens, in a folder of their own.
//
//   auto keys = SigningKeys::open("/var/lib/writ/keys", {}, now);    // makes the first key
//   each minute or so: (*keys)->tick(now);
//   auto token = (*keys)->sign("at+jwt", claims, now);
//
//   <made, ms since 1970, 13 digits>-<kid>.pem       one file a key, mode 0600; nothing else counts
//
//        rotate()       publish_ahead                     keep_for
//   old  ──signs────────────────────────┤ published only ─────────────┤ removed
//   new      └─ published only ─────────┤ signs ──────────────────────────
//
// All of that follows from the names of the files, so a restart changes nothing. A new key is
// published before it signs, so that whoever caches the JWKS for that long never meets an unknown
// kid. An old one stays until the last token that it can have signed is gone.
//
// Owner: the daemon; one thread.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "identity/signing_key.h"
#include "util/result.h"

namespace writ::identity {

inline constexpr std::chrono::hours kMaxTokenTtl{1};  // the longest that exchange.yaml can say
inline constexpr std::chrono::seconds kJwksMaxAge{60};

struct SigningKeysOptions {
  std::chrono::milliseconds publish_ahead = kJwksMaxAge;
  // After its last signature: the longest ttl, and a leeway for others' clocks.
  std::chrono::milliseconds keep_for = kMaxTokenTtl + std::chrono::minutes(5);
  std::chrono::milliseconds rotate_every = std::chrono::hours(30 * 24);  // by tick()
};

class SigningKeys {
 public:
  using Time = std::chrono::system_clock::time_point;
  static constexpr std::size_t kMaxKeys = 32;

  // Makes the folder (0700; its parent must be there) and the first key where they are missing.
  // kDenied: a key or the folder can be read or changed by others, or belongs to another user;
  // kCorrupt: a file is not the key that its name says. Each message names the file and what to do.
  // A key that others could read is never used, and nothing is repaired behind the caller's back.
  static Result<std::unique_ptr<SigningKeys>> open(const std::string& folder,
                                                   SigningKeysOptions options, Time now);

  // With the key that signs at `now`.
  [[nodiscard]] Result<std::string> sign(std::string_view type, std::string_view claims,
                                         Time now) const;

  // The JWKS document: every public part that is published at `now`.
  [[nodiscard]] std::string jwks(Time now) const;

  // Makes a new key and makes it durable before it counts. kUnavailable: kMaxKeys are published, or
  // the one before does not sign yet.
  Status rotate(Time now);

  // Removes the files of keys whose tokens are gone. On an error they stay published and are tried
  // again.
  Status prune(Time now);

  // rotate() when the newest key is older than rotate_every, and prune().
  Status tick(Time now);

  [[nodiscard]] const std::string& signing_kid(Time now) const { return signer(now).key.kid(); }
  [[nodiscard]] std::size_t size() const { return keys_.size(); }

 private:
  struct Entry {
    SigningKey key;
    Time made;
    std::string file;
  };

  SigningKeys(std::string folder, SigningKeysOptions options)
      : folder_(std::move(folder)), options_(options) {}
  Status load();
  Status add(Time now);
  [[nodiscard]] Time signs_from(std::size_t index) const;
  // When the last token of a key is gone; Time::max() for the newest key.
  [[nodiscard]] Time gone_at(std::size_t index) const;
  [[nodiscard]] const Entry& signer(Time now) const;

  const std::string folder_;
  const SigningKeysOptions options_;
  std::vector<Entry> keys_;  // in the order in which they were made; never empty
};

}  // namespace writ::identity
