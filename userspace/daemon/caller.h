// Who asks on the control socket, and what of the writs, sessions and calls they may see.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "daemon/session.h"
#include "identity/directory.h"

namespace writ::daemon {

// The pointers live as long as the request is being handled.
struct Caller {
  uid_t uid = static_cast<uid_t>(-1);
  pid_t pid = -1;
  const identity::User* user = nullptr;  // nullptr: the account is no known user's
  Session* session = nullptr;            // the caller is a governed agent itself
  // The process that connected has ended, so nobody knows whose its socket is now: an agent that
  // hands one to its child must not pass for somebody who is not governed.
  bool gone = false;

  // An agent that runs as root is no administrator.
  [[nodiscard]] bool root() const { return uid == 0 && session == nullptr && !gone; }
  // "uid 0", "user sarah of acme"
  [[nodiscard]] std::string name() const;
};

// What somebody may look at: one's own, as an administrator one's tenant, as root all.
class Sight {
 public:
  static Sight of(const Caller& caller);

  [[nodiscard]] bool nothing() const { return !all_ && tenant_.empty(); }
  [[nodiscard]] bool all() const { return all_; }
  [[nodiscard]] const std::string& tenant() const { return tenant_; }
  [[nodiscard]] bool covers(std::string_view tenant, std::string_view user) const {
    return all_ || (tenant == tenant_ && (whole_tenant_ || user == user_));
  }
  // Whether such a tenant may be named at all; the same answer whether it exists or not.
  [[nodiscard]] bool covers_tenant(std::string_view tenant) const {
    return all_ || tenant == tenant_;
  }

 private:
  bool all_ = false;
  bool whole_tenant_ = false;
  std::string tenant_;
  std::string user_;
};

}  // namespace writ::daemon
