#include "identity/signing_keys.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <optional>

#include "identity/private_file.h"

namespace writ::identity {
namespace {

constexpr std::string_view kSuffix = ".pem";
constexpr std::size_t kTimeDigits = 13;  // up to the year 2286
constexpr std::size_t kKidLength = 43;   // SHA-256 as base64url
constexpr std::size_t kMaxPem = 4096;

using Time = SigningKeys::Time;
using Ms = std::chrono::milliseconds;

std::string name_of(Time made, const std::string& kid) {
  const auto ms = std::chrono::duration_cast<Ms>(made.time_since_epoch()).count();
  return fmt::format("{:013}-{}{}", std::max<std::int64_t>(ms, 0), kid, kSuffix);
}

struct Named {
  Time made;
  std::string kid;
};
std::optional<Named> parse_name(std::string_view name) {
  if (name.size() != kTimeDigits + 1 + kKidLength + kSuffix.size() || name[kTimeDigits] != '-' ||
      !name.ends_with(kSuffix))
    return std::nullopt;
  std::int64_t ms = 0;
  const auto [end, code] = std::from_chars(name.data(), name.data() + kTimeDigits, ms);
  if (code != std::errc() || end != name.data() + kTimeDigits || ms < 0) return std::nullopt;
  return Named{Time(Ms(ms)), std::string(name.substr(kTimeDigits + 1, kKidLength))};
}

Result<SigningKey> load_key(const std::string& path, const std::string& kid) {
  auto pem = read_private_file(path, kMaxPem);
  if (!pem) {
    if (pem.error().code == ErrorCode::kDenied) {
      pem.error().message +=
          " and, if others may have read it, remove it: a new key is made at the next start";
    }
    return tl::unexpected(pem.error());
  }
  auto key = SigningKey::from_pem(*pem);
  OPENSSL_cleanse(pem->data(), pem->size());
  constexpr const char* kRemedy = "restore it, or remove it to have a new key made";
  if (!key) return fail(key.error().code, "{}: {} ({})", path, key.error().message, kRemedy);
  if (key->kid() != kid) {
    return fail(ErrorCode::kCorrupt, "{}: it holds another key than its name says ({})", path,
                kRemedy);
  }
  return key;
}

}  // namespace

Result<std::unique_ptr<SigningKeys>> SigningKeys::open(const std::string& folder,
                                                       SigningKeysOptions options, Time now) {
  if (Status ready = make_private_folder(folder); !ready)
    return context(ready.error(), "open the signing keys");
  std::unique_ptr<SigningKeys> keys(new SigningKeys(folder, options));
  if (Status loaded = keys->load(); !loaded)
    return context(loaded.error(), "open the signing keys");
  if (keys->keys_.empty()) {
    if (Status made = keys->add(now); !made)
      return context(made.error(), "make the first signing key");
  }
  return keys;
}

Status SigningKeys::load() {
  std::error_code error;
  for (std::filesystem::directory_iterator it(folder_, error), end; it != end && !error;
       it.increment(error)) {
    const std::string name = it->path().filename();
    if (name.ends_with(".pem.new")) {  // of a writd that was killed while it wrote
      if (Status removed = remove_private_file(folder_, name); !removed) return removed;
    }
    if (!name.ends_with(kSuffix)) continue;
    const std::string path = folder_ + "/" + name;
    const auto named = parse_name(name);
    if (!named) {
      return fail(ErrorCode::kCorrupt, "{}: a key is named <13 digits>-<kid>.pem (move it away)",
                  path);
    }
    if (keys_.size() == kMaxKeys) {
      return fail(ErrorCode::kInvalid, "{} holds more than {} keys (remove the oldest)", folder_,
                  kMaxKeys);
    }
    auto key = load_key(path, named->kid);
    if (!key) return tl::unexpected(key.error());
    keys_.push_back({std::move(*key), named->made, name});
  }
  if (error) return fail(ErrorCode::kIo, "list {}: {}", folder_, error.message());
  std::sort(keys_.begin(), keys_.end(),
            [](const Entry& a, const Entry& b) { return a.file < b.file; });
  return {};
}

Status SigningKeys::add(Time now) {
  auto key = SigningKey::generate();
  if (!key) return tl::unexpected(key.error());
  // The order of the names is the order of the keys, also when the clock was set back.
  Time made = std::chrono::floor<Ms>(now);
  if (!keys_.empty()) made = std::max(made, keys_.back().made + Ms(1));
  const std::string file = name_of(made, key->kid());
  auto pem = key->to_pem();
  if (!pem) return tl::unexpected(pem.error());
  const Status written = write_private_file(folder_, file, *pem);
  OPENSSL_cleanse(pem->data(), pem->size());
  if (!written) return tl::unexpected(written.error());
  keys_.push_back({std::move(*key), made, file});
  return {};
}

Time SigningKeys::signs_from(std::size_t index) const {
  return index == 0 ? Time::min() : keys_[index].made + options_.publish_ahead;
}

Time SigningKeys::gone_at(std::size_t index) const {
  return index + 1 == keys_.size() ? Time::max() : signs_from(index + 1) + options_.keep_for;
}

const SigningKeys::Entry& SigningKeys::signer(Time now) const {
  std::size_t index = keys_.size() - 1;
  while (index > 0 && signs_from(index) > now) --index;
  return keys_[index];
}

Result<std::string> SigningKeys::sign(std::string_view type, std::string_view claims,
                                      Time now) const {
  return signer(now).key.sign(type, claims);
}

std::string SigningKeys::jwks(Time now) const {
  std::string keys;
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    if (gone_at(i) <= now) continue;
    if (!keys.empty()) keys += ',';
    keys += keys_[i].key.public_jwk();
  }
  return "{\"keys\":[" + keys + "]}";
}

Status SigningKeys::rotate(Time now) {
  if (signs_from(keys_.size() - 1) > now) {
    return fail(ErrorCode::kUnavailable,
                "the newest signing key does not sign yet (rotate again in {} s)",
                options_.publish_ahead.count() / 1000);
  }
  if (keys_.size() >= kMaxKeys) {
    return fail(ErrorCode::kUnavailable,
                "{} signing keys are published, which is as many as can be (wait until the tokens "
                "of the oldest have expired)",
                kMaxKeys);
  }
  if (Status made = add(now); !made) return context(made.error(), "rotate the signing keys");
  return {};
}

Status SigningKeys::prune(Time now) {
  while (keys_.size() > 1 && gone_at(0) <= now) {
    if (Status removed = remove_private_file(folder_, keys_.front().file); !removed)
      return context(removed.error(), "remove an old signing key");
    keys_.erase(keys_.begin());
  }
  return {};
}

Status SigningKeys::tick(Time now) {
  if (Status pruned = prune(now); !pruned) return pruned;
  if (now - keys_.back().made < options_.rotate_every) return {};
  return rotate(now);
}

}  // namespace writ::identity
