// From the claims of a token whose signature is good to the person they speak of.
#pragma once

#include <chrono>

#include "identity/issuers.h"
#include "identity/verified_person.h"
#include "util/result.h"

namespace simdjson::dom {
class object;
}

namespace writ::identity {

// check_claims(), and then the mapping as `issuer` says.
// token_digest stays empty. kDenied, with what to do.
Result<VerifiedPerson> person_from_claims(const simdjson::dom::object& claims, const Issuer& issuer,
                                          std::chrono::system_clock::time_point now);

}  // namespace writ::identity
