// What a policy says and this version cannot do, so that something else is done in its place.
#pragma once

#include "policy/policy.h"
#include "util/diagnostic.h"

namespace writ::policy {

// A warning for each: `writ policy check` shows them with the others, `writ doctor` while the
// policy is in force.
Diagnostics find_not_in_force(const Document& document);

}  // namespace writ::policy
