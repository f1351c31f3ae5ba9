// What another policy would have said of the calls on record, counted and gathered.
//
// Each call is judged in the history that it was made in (session_history.h), call by call: what an
// agent would have done after another verdict nobody knows. Limits and rates are not played. Memory
// does not grow with the number of calls, but for SessionHistories.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <tuple>

#include "cli/recorded_call.h"
#include "cli/session_history.h"
#include "policy/policy_set.h"

namespace writ::cli {

enum class Change {
  kUnchanged,
  kNewlyDenied,
  kNewlyAllowed,  // also when it is flagged now
  kNewlyFlagged,
  kNoLongerFlagged,
  kUndecidable,    // it hangs on what is not on record
  kNotThePolicys,  // denied by what no policy decides: see Decider
};
inline constexpr std::size_t kChanges = 7;
// "newlyDenied".
std::string_view to_text(Change change);

class Replay {
 public:
  static constexpr std::size_t kMaxGroups = 200;

  // Calls before `since_unix_ns` are history only. `policies` must outlive it.
  Replay(const policy::PolicySet& policies, std::uint64_t since_unix_ns)
      : policies_(policies), since_unix_ns_(since_unix_ns) {}

  // In the order of audit::each_call. REQUIRES: call.has_decision().
  void add(const v1::Call& call);

  // Calls that changed, or may have, with all in common that a policy's author looks for.
  struct Key {
    Change change = Change::kUnchanged;
    std::string tenant;
    std::string user;  // empty: nobody was known
    std::string agent;
    std::string tool;  // as the new policy names it, or else the old one; "?"
    std::string by;    // the rule, or the code of what else decided; what is open
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  struct Group {
    std::uint64_t count = 0;
    std::string call;    // the first one's id
    std::string reason;  // and what the new policy says of that
  };

  [[nodiscard]] std::uint64_t calls() const;
  [[nodiscard]] std::uint64_t count(Change change) const {
    return counts_.at(static_cast<std::size_t>(change));
  }
  [[nodiscard]] const std::map<Key, Group>& groups() const { return groups_; }
  // Calls of further groups, beyond kMaxGroups.
  [[nodiscard]] std::uint64_t ungrouped() const { return ungrouped_; }
  // Calls that came out of order or of a session given up, so that what went before is not known.
  [[nodiscard]] std::uint64_t without_history() const { return without_history_; }

 private:
  void gather(Change change, const policy::Policy& policy, const RecordedCall& call,
              const Rejudged& judged);

  const policy::PolicySet& policies_;
  std::uint64_t since_unix_ns_;
  SessionHistories histories_;
  std::array<std::uint64_t, kChanges> counts_{};
  std::map<Key, Group> groups_;
  std::uint64_t ungrouped_ = 0;
  std::uint64_t without_history_ = 0;
};

}  // namespace writ::cli
