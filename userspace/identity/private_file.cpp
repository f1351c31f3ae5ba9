#include "identity/private_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "util/unique_fd.h"

namespace writ::identity {
namespace {

constexpr mode_t kOthers = S_IRWXG | S_IRWXO;

Status check_owner(const struct stat& found, const std::string& path, const char* mode) {
  if (found.st_uid != ::geteuid() && found.st_uid != 0) {
    return fail(ErrorCode::kDenied, "{} belongs to uid {} (chown it to {})", path, found.st_uid,
                ::geteuid());
  }
  if ((found.st_mode & kOthers) != 0) {
    return fail(ErrorCode::kDenied, "{} has mode {:04o}, so others can reach it: chmod it to {}",
                path, found.st_mode & 07777u, mode);
  }
  return {};
}

Status write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return fail_errno(errno, "write");
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

// Makes what happened to the names in a folder durable.
Status sync_folder(const std::string& folder) {
  const UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) return fail_errno(errno, "sync {}", folder);
  return {};
}

}  // namespace

Status make_private_folder(const std::string& folder) {
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
    return fail_errno(errno, "make {}", folder);
  struct stat found {};
  if (::lstat(folder.c_str(), &found) != 0) return fail_errno(errno, "look at {}", folder);
  if (!S_ISDIR(found.st_mode))
    return fail(ErrorCode::kInvalid, "{} is there and is no folder (move it away)", folder);
  return check_owner(found, folder, "0700");
}

Result<std::string> read_private_file(const std::string& path, std::size_t max) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd && errno == ENOENT) return fail(ErrorCode::kNotFound, "{} is not there", path);
  if (!fd && errno == ELOOP)
    return fail(ErrorCode::kInvalid, "{} is a link (put the file itself there)", path);
  if (!fd) return fail_errno(errno, "open {}", path);
  struct stat found {};
  if (::fstat(fd.get(), &found) != 0) return fail_errno(errno, "look at {}", path);
  if (!S_ISREG(found.st_mode)) return fail(ErrorCode::kInvalid, "{} is no regular file", path);
  if (Status fine = check_owner(found, path, "0600"); !fine) return tl::unexpected(fine.error());

  std::string bytes(max + 1, '\0');
  std::size_t used = 0;
  while (used < bytes.size()) {
    const ssize_t got = ::read(fd.get(), bytes.data() + used, bytes.size() - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno(errno, "read {}", path);
    if (got == 0) break;
    used += static_cast<std::size_t>(got);
  }
  if (used > max)
    return fail(ErrorCode::kInvalid, "{} is longer than the {} bytes that it can be", path, max);
  bytes.resize(used);
  return bytes;
}

Status write_private_file(const std::string& folder, const std::string& name,
                          std::string_view bytes) {
  const std::string path = folder + "/" + name;
  const std::string draft = path + ".new";
  (void)::unlink(draft.c_str());  // of a writd that was killed while it wrote
  const UniqueFd fd(
      ::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) return fail_errno(errno, "create {}", draft);
  Status written = write_all(fd.get(), bytes);
  if (written && ::fsync(fd.get()) != 0) written = fail_errno(errno, "sync");
  if (written && ::rename(draft.c_str(), path.c_str()) != 0) written = fail_errno(errno, "rename");
  if (!written) {
    (void)::unlink(draft.c_str());  // the first failure is the one to tell
    return context(written.error(), draft);
  }
  if (Status synced = sync_folder(folder); !synced) {
    (void)::unlink(path.c_str());
    return synced;
  }
  return {};
}

Status remove_private_file(const std::string& folder, const std::string& name) {
  const std::string path = folder + "/" + name;
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return fail_errno(errno, "remove {}", path);
  return sync_folder(folder);
}

}  // namespace writ::identity
