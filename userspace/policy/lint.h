// Rules of a policy that are fine each by itself and mean nothing together.
#pragma once

#include "policy/policy.h"
#include "util/diagnostic.h"

namespace writ::policy {

// Warnings, by place in the text:
//   - a rule that no call can satisfy (its identity bounds exclude each other, its tools have none
//   of
//     its effects)
//   - an allow rule of which a deny rule takes all that it allows
//   - a rule that is never named, since another one of the same or a stronger effect matches
//   whenever
//     it does
// What is said is true; what is not said may still be so. Looks at no more than kMaxCompared pairs.
inline constexpr std::size_t kMaxCompared = 5'000'000;
Diagnostics find_idle_rules(const Policy& policy);

}  // namespace writ::policy
