// Whether a token whose signature is good counts here and now: the registered claims of RFC 7519
// section 4.1.
#pragma once

#include <chrono>

#include "identity/issuers.h"
#include "identity/verified_person.h"
#include "util/result.h"

namespace simdjson::dom {
class object;
}

namespace writ::identity {

// Checks iss, aud, exp, nbf and iat, and refuses what is no bearer token of a person (`cnf`,
// `events`). Fills the times of `person`. kDenied, with what to do.
Status check_claims(const simdjson::dom::object& claims, const Issuer& issuer,
                    std::chrono::system_clock::time_point now, VerifiedPerson& person);

}  // namespace writ::identity
