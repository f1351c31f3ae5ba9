// A call that somebody describes before they make it, as the same Call that is read off a
// connection.
//
// A described request is read by the parser of live ones, so that host and path get the one
// spelling that policies match, and what no server reads in one way only is a problem of the call
// here too.
#pragma once

#include <cstddef>
#include <memory>

#include "audit/key.h"
#include "control.pb.h"
#include "daemon/call.h"
#include "scan/scanner.h"
#include "util/result.h"

namespace writ::daemon {

// Of the tool's name and captures together; a live call's stand in a start line of at most that.
inline constexpr std::size_t kMaxClaimBytes = 16u << 10;

// The whole call, scanned and digested; not named and not judged. kInvalid: it says not what is
// called, or says it twice.
Result<std::unique_ptr<Call>> read_proposal(const v1::ProposedCall& proposal,
                                            scan::Scanner& scanner, const audit::Key& key);

}  // namespace writ::daemon
