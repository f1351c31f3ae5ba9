// The secret of one audit record: 32 random bytes in a file that only its owner can read.
//
// Whoever has the key can forge the record, whoever has not cannot change a byte of it unseen. From
// the one secret a key is derived for each use, so that no MAC made for one use fits another.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "audit/mac.h"
#include "util/result.h"

namespace writ::audit {

class Key {
 public:
  using Id = std::array<std::uint8_t, 16>;

  // Reads the key. Errors: kNotFound; kDenied when the file is not a regular file of this process's
  // user or others may read or write it; kCorrupt when it is not 32 bytes long.
  static Result<Key> load(const std::string& path);
  // Makes the file (0600, synced) from the kernel's random numbers. It must not exist.
  static Result<Key> create(const std::string& path);
  static Key from_bytes(const MacValue& secret) { return Key(secret); }

  Key(const Key&) = default;
  Key& operator=(const Key&) = default;
  ~Key();

  // Which key a segment was written with, without telling anything about the key.
  [[nodiscard]] Result<Id> id() const;
  [[nodiscard]] Result<Mac> header_mac() const { return derived("writ audit v1 header"); }
  [[nodiscard]] Result<Mac> record_mac() const { return derived("writ audit v1 record"); }
  [[nodiscard]] Result<Mac> checkpoint_mac() const { return derived("writ audit v1 checkpoint"); }
  // Deriving it takes ten times as long as copying the first one, so it is done once. Not
  // thread-safe, but for a key that has given one out before.
  [[nodiscard]] Result<DigestStream> digest_stream() const;

 private:
  explicit Key(const MacValue& secret) : secret_(secret) {}
  [[nodiscard]] Result<Mac> derived(std::string_view use) const;

  MacValue secret_;
  mutable std::shared_ptr<const Mac> digest_;
};

}  // namespace writ::audit
