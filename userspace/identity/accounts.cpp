#include "identity/accounts.h"

#include <pwd.h>

#include <cerrno>
#include <vector>

namespace writ::identity {

Result<uid_t> system_account(const std::string& name) {
  constexpr std::size_t kMaxBuffer = 1u << 20;
  std::vector<char> buffer(1024);
  for (;;) {
    passwd entry{};
    passwd* found = nullptr;
    const int error = getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
    if (error == ERANGE && buffer.size() < kMaxBuffer) {
      buffer.resize(buffer.size() * 2);
      continue;
    }
    if (error == EINTR) continue;
    if (found != nullptr) return entry.pw_uid;
    // "Not found" is 0 by POSIX; some name services answer with one of these instead.
    if (error == 0 || error == ENOENT || error == ESRCH || error == EBADF || error == EPERM)
      return fail(ErrorCode::kNotFound, "this host has no account '{}'", name);
    return fail_errno(error, "look up account '{}'", name);
  }
}

}  // namespace writ::identity
