// A writ: the scoped, expiring delegation under which an agent acts for a person.
//
//   auto writ = issue(user, agent, {.lifetime = Lifetime::kGrant, .scopes = asked, .via = "token",
//                                   .strength = IdentityStrength::kToken}, now);
//   if (!writ) return context(writ.error(), "grant");
//   book.add(std::move(*writ), now);        // it counts from here on, see writ_book.h
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "identity/directory.h"
#include "identity/limits.h"
#include "identity/scope.h"
#include "identity/standing.h"
#include "util/result.h"

namespace writ::identity {

using TimePoint = std::chrono::system_clock::time_point;

// A snapshot: it stays what it was issued as when the directory is reloaded.
struct Writ {
  std::string id;  // 32 hex digits, random
  std::string tenant;
  User user;
  Agent agent;
  // The delegation chain, outermost agent first; ends with agent.id. No agent stands in it twice.
  std::vector<std::string> chain;
  std::vector<std::string> chain_writs;  // the writ of each of them; ends with id
  std::string parent;                    // the writ that this one was delegated from; may be empty
  Scopes effective;                      // user ∩ every agent of the chain ∩ asked; minimal
  Limits limits;
  std::string task;  // what it is for, in the person's words; may be empty
  Tier tier = Tier::kInteractive;
  std::uint32_t delegations_left = 0;  // how many more agents may follow one another below this one
  std::string via;                     // how the user is known: "unix-peer", "run --user"
  IdentityStrength strength = IdentityStrength::kNone;
  std::string issuer;                  // of the person's token, when there was one
  std::string token_digest;            // of that token, never the token itself
  TimePoint not_before;                // it counts from this instant on
  std::optional<TimePoint> not_after;  // and no longer at this one; none: until its session ends
};

inline constexpr std::chrono::minutes kDefaultTtl{10};
inline constexpr std::size_t kMaxTask = 1024;  // bytes

enum class Lifetime {
  kSession,  // of `writ run`: as long as the session, or the limits' max_duration when there is one
  kGrant,    // of `writ grant`: `ttl`, else the agent's, else kDefaultTtl
};

// What the two ways to a writ, issue() and delegate(), can be asked for.
struct Asked {
  Lifetime lifetime = Lifetime::kSession;
  // Absent: all there is. Present and not had in full: an error that names what is missing, or,
  // with `narrow`, as much of it as there is. Empty: nothing.
  std::optional<Scopes> scopes;
  bool narrow = false;
  Limits limits;                                 // on top of the agent's
  std::optional<std::chrono::milliseconds> ttl;  // over 0, at most kMaxTtl
  std::optional<TimePoint> not_before;           // absent or past: now
  std::optional<TimePoint> until;                // it ends then at the latest, as what it rests on
  std::string task;
  // Of issue() only; a delegated writ takes them from its parent.
  Tier tier = Tier::kInteractive;
  std::string via;
  IdentityStrength strength = IdentityStrength::kNone;
  std::string issuer;
  std::string token_digest;
};

// Delegates from `user` to `agent`. kDenied: they are of different tenants, scopes are asked for
// that are not had, or nobody vouches for the user (strength none). kInvalid: the task is not
// printable text, a scope is none, or the ttl is out of bounds.
Result<Writ> issue(const User& user, const Agent& agent, const Asked& asked, TimePoint now);

// Whether the writ is one that issue() or delegate() can have made: every name bounded text, the
// chain in order, no scope that user and agent do not both have. kInvalid says what is wrong. For
// what comes from a file.
Status check_writ(const Writ& writ);

// now + duration, or the last instant there is.
TimePoint later(TimePoint now, std::chrono::milliseconds duration);

}  // namespace writ::identity
