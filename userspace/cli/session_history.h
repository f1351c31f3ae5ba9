// What sessions had done before each of their calls, played from the record as writd did live, with
// the names and marks of the policy that is asked now:
//
//   const SessionFacts* facts = histories.before(call);
//   ... judge ...
//   histories.note(policy, call);
//
// It is what happened, not what would have: a call counts when it was let go then. Calls come in
// the order of their decisions (audit::each_call); a result counts from its own place in the record
// on. What writd forgets with a restart is not forgotten here. Bounded: of sessions beyond
// kMaxSessions those that have been silent longest are given up, and nothing is known of them then.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "cli/recorded_call.h"

namespace writ::cli {

class SessionHistories {
 public:
  static constexpr std::size_t kMaxSessions = 4096;
  static constexpr std::size_t kMaxWaiting = 4096;  // results of one session, still to come

  // nullptr: it is not known, for this or an earlier call of the session came out of order, or the
  // session was given up. Valid until the next call of this class.
  const policy::SessionFacts* before(const RecordedCall& call);
  // REQUIRES: before(call) was called, and no other since.
  void note(const policy::Policy& policy, const RecordedCall& call);

 private:
  struct Result {
    std::string tool;
    bool untrusted = false;
    std::vector<policy::AskedFinding> findings;
  };
  struct Session {
    policy::SessionFacts facts;
    std::map<std::uint64_t, Result> waiting;  // by the sequence of their records
    std::uint64_t last_sequence = 0;
    bool lost = false;
  };
  void give_up_silent();

  std::unordered_map<std::string, Session> sessions_;
  std::unordered_set<std::size_t> given_up_;  // hashes of their ids
};

}  // namespace writ::cli
