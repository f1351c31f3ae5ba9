// What a decision point says, read strictly: only what is documented below counts, everything else
// is no answer.
//
// OPA, 200 to POST /v1/data/…:
//   {"result": true}                                        allow; false: deny
//   {"result": {"decision": "allow" | "deny" | "flag",
//               "reason": "a sentence", "rule": "name"}}    reason and rule are optional
//   {}                                                      undefined: no rule said anything
// Other members, such as decision_id and metrics, are ignored.
//
// AuthZEN, 200 to POST /access/v1/evaluation:
//   {"decision": true | false, "context": {…}}              context is optional
// Of the context, all optional: "reason", or the first text of "reason_user" ("reason_admin" is
// not for users); "rule", or "id"; and "flag": true with decision true means flag, which AuthZEN
// has no word for.
//
// JSON with a repeated name, more than kMaxAnswerBytes of it, a member of another type than above,
// an unknown decision: no answer. Only in AuthZEN's context, which the specification leaves free,
// are texts of another type passed over.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

namespace writ::pdp {

enum class Dialect { kOpa, kAuthZen };

enum class Verdict { kAllow, kFlag, kDeny };

inline constexpr std::size_t kMaxAnswerBytes = 64u << 10;
inline constexpr std::size_t kMaxReason = 512;  // bytes
inline constexpr std::size_t kMaxRule = 128;    // bytes

// `code` is one of
//   pdp_allowed, pdp_flagged, pdp_denied   what the decision point said
// or, when there is no usable answer and `verdict` is what on_error says:
//   pdp_undefined     it has no rule for this (or none at this path)
//   pdp_timeout       no whole answer in time
//   pdp_unreachable   no connection, or it ended before the answer did
//   pdp_bad_answer    not JSON, of the wrong shape, or too large
//   pdp_status        another status than 200; redirects are not followed
//   pdp_overloaded    too many requests wait already
//   pdp_input         the call is too large to be asked about
struct PdpAnswer {
  Verdict verdict = Verdict::kDeny;
  std::string code;
  std::string reason;     // printable UTF-8, at most kMaxReason; a sentence of ours with an error
  std::string rule;       // printable UTF-8, at most kMaxRule; may be empty
  bool answered = false;  // false: `verdict` is on_error's
  std::chrono::microseconds took{0};  // from ask() to the answer

  bool operator==(const PdpAnswer&) const = default;
};

// Reads the body of a 200. `took` is left at zero, `verdict` is kDeny when there is no answer.
PdpAnswer parse_answer(Dialect dialect, std::string body);

}  // namespace writ::pdp
