#include "daemon/caller.h"

#include <fmt/format.h>

namespace writ::daemon {

std::string Caller::name() const {
  if (session != nullptr) {
    return fmt::format("agent {} under writ {}", session->writ.agent.id, session->writ.id);
  }
  if (user != nullptr) return fmt::format("user {} of {}", user->id, user->tenant);
  return fmt::format("uid {}", uid);
}

Sight Sight::of(const Caller& caller) {
  Sight sight;
  if (caller.root()) {
    sight.all_ = true;
  } else if (caller.session == nullptr && caller.user != nullptr && !caller.gone) {
    sight.tenant_ = caller.user->tenant;
    sight.user_ = caller.user->id;
    sight.whole_tenant_ = identity::may_administer(*caller.user, caller.user->tenant);
  }
  return sight;
}

}  // namespace writ::daemon
