// What issue() and delegate() do alike with what is asked for; not for others.
#pragma once

#include <string>
#include <string_view>

#include "identity/writ.h"

namespace writ::identity {

// 32 hex digits, random.
Result<std::string> new_writ_id();

// kInvalid: the task, the ttl or a scope is not one.
Status check_asked(const Asked& asked);

// The part of `had` that is asked for. kDenied: more is asked for, and `narrow` was not said; `who`
// ("user 'x' and agent 'y'") begins the message.
Result<Scopes> take_scopes(const Scopes& had, const Asked& asked, std::string_view who);

}  // namespace writ::identity
