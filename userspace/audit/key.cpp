#include "audit/key.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "util/unique_fd.h"

namespace writ::audit {

Key::~Key() { OPENSSL_cleanse(secret_.data(), secret_.size()); }

Result<Key> Key::load(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd) {
    if (errno == ENOENT) {
      return fail(ErrorCode::kNotFound,
                  "the audit key {} does not exist; without it the record beside it can be neither "
                  "continued nor verified (restore it from its backup)",
                  path);
    }
    return fail_errno(errno, "open the audit key {}", path);
  }
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return fail_errno(errno, "stat the audit key {}", path);
  if (!S_ISREG(info.st_mode))
    return fail(ErrorCode::kDenied, "the audit key {} is not a regular file", path);
  if (info.st_uid != ::geteuid()) {
    return fail(
        ErrorCode::kDenied,
        "the audit key {} belongs to uid {}, not to uid {} (chown it, after finding out who "
        "changed it)",
        path, info.st_uid, ::geteuid());
  }
  if ((info.st_mode & 077) != 0) {
    return fail(
        ErrorCode::kDenied,
        "the audit key {} has mode {:04o}, so others may read or write it (chmod 0600, after "
        "finding out who changed it)",
        path, info.st_mode & 07777);
  }
  MacValue secret{};
  std::uint8_t more = 0;
  if (::read(fd.get(), secret.data(), secret.size()) != static_cast<ssize_t>(secret.size()) ||
      ::read(fd.get(), &more, 1) != 0) {
    return fail(ErrorCode::kCorrupt, "the audit key {} is not {} bytes long", path, secret.size());
  }
  Key key(secret);
  OPENSSL_cleanse(secret.data(), secret.size());
  return key;
}

Result<Key> Key::create(const std::string& path) {
  MacValue secret{};
  if (::getrandom(secret.data(), secret.size(), 0) != static_cast<ssize_t>(secret.size()))
    return fail_errno(errno, "read random bytes for the audit key");
  // Under its final name it is complete or not there at all.
  const std::string fresh = path + ".new";
  ::unlink(fresh.c_str());
  const UniqueFd fd(
      ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return fail_errno(errno, "create the audit key {}", fresh);
  if (::write(fd.get(), secret.data(), secret.size()) != static_cast<ssize_t>(secret.size()) ||
      ::fsync(fd.get()) != 0) {
    return fail_errno(errno, "write the audit key {}", fresh);
  }
  // link() and not rename(): it never replaces a key that is there.
  const int linked = ::link(fresh.c_str(), path.c_str()) == 0 ? 0 : errno;
  ::unlink(fresh.c_str());
  if (linked != 0) return fail_errno(linked, "put the audit key at {}", path);
  Key key(secret);
  OPENSSL_cleanse(secret.data(), secret.size());
  return key;
}

Result<Mac> Key::derived(std::string_view use) const {
  auto root = Mac::create(secret_);
  if (!root) return root;
  root->update(as_bytes(use));
  return Mac::create(root->finish());
}

Result<Key::Id> Key::id() const {
  auto mac = derived("writ audit v1 key id");
  if (!mac) return tl::unexpected(mac.error());
  const MacValue value = mac->finish();
  Id id{};
  std::copy_n(value.begin(), id.size(), id.begin());
  return id;
}

Result<DigestStream> Key::digest_stream() const {
  if (!digest_) {
    auto mac = derived("writ audit v1 digest");
    if (!mac) return tl::unexpected(mac.error());
    digest_ = std::make_shared<const Mac>(std::move(*mac));
  }
  return DigestStream(digest_->copy());
}

}  // namespace writ::audit
