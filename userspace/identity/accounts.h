// The host's account database, seen as one question.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>

#include "util/result.h"

namespace writ::identity {

// The uid of an account name. kNotFound: there is no such account; kIo: the database could not be
// asked.
using AccountLookup = std::function<Result<uid_t>(const std::string& name)>;

// getpwnam_r(3), so whatever /etc/nsswitch.conf names. May block: ask at load time only.
Result<uid_t> system_account(const std::string& name);

}  // namespace writ::identity
