// An agent passes a part of what it may do on to another agent.
//
//   scopes    = parent ∩ child agent ∩ asked            never wider than the parent's
//   limits    = min(rest of the parent's, child agent's, asked)
//   not_after = min(parent's, now + asked ttl, now + max_duration)
//   subject   = the parent's, with how it is known; so is the tenant
//
// Each agent's max_depth says how many delegations may follow one another below it, so a chain ends
// where the first of its agents says so, and at kMaxDepth in any case.
#pragma once

#include "identity/writ.h"

namespace writ::identity {

// `rest` is what the parent has not used yet of its limits; absent parts are not limited (the
// parent's own limits bind in any case). kDenied, in this order: the agent is of another tenant,
// the parent is not valid at `now`, the chain is as long as it may be, the agent is in it already,
// scopes are asked for that are not had. kInvalid as issue(). Whether the parent is revoked is the
// book's to know: WritBook::add() refuses the child of a writ that is not active.
//
// An agent under an enforced one is enforced, whatever its own mode says; otherwise delegation
// would be a way out.
Result<Writ> delegate(const Writ& parent, const Agent& child, const Asked& asked,
                      const Limits& rest, TimePoint now);

// Whether `child` is one that delegate() can have made of `parent`; their times are not looked at.
// kDenied says what is wrong. For what comes from elsewhere.
Status check_link(const Writ& parent, const Writ& child);

}  // namespace writ::identity
