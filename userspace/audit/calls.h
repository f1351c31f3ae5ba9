// Tool calls out of the audit record: each decision joined with its outcome.
//
// Every query is a linear scan that proves what it reads (a few µs a record); an index is a later
// step. Memory does not grow with the length of the record: it holds what a query returns, and
// each_call() also the calls that are open (decided, outcome not seen yet).
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "audit/reader.h"
#include "control.pb.h"

namespace writ::audit {

struct CallFilter {
  std::string session;                            // empty: all
  v1::Verdict verdict = v1::VERDICT_UNSPECIFIED;  // unspecified: all
  std::uint64_t since_unix_ns = 0;                // of the decision
  std::function<bool(const v1::Decision&)> visible =
      {};  // what the asker may see; empty: everything
};

// How the detail of an outcome begins where another call's denial ended the connection. Of a call
// that was not decided yet, the decision is a copy of that denial's.
inline constexpr std::string_view kEndedByAnother = "its connection ended with the denial of call ";

// The code of the decision about a message of a batch that was denied with another one of it.
inline constexpr std::string_view kBatchDenied = "batch_denied";

bool matches(const CallFilter& filter, const v1::Record& decision);

// Joins a stream of records into calls, in the order of their decisions. Only when a call stays
// open for more than kReorderWindow later ones it is handed out behind them, so that none is waited
// for without end and no outcome is ever left out.
class CallJoiner {
 public:
  using Emit = std::function<void(v1::Call&&)>;
  static constexpr std::size_t kReorderWindow = 1024;

  CallJoiner(CallFilter filter, Emit emit) : filter_(std::move(filter)), emit_(std::move(emit)) {}

  void add(v1::Record record);
  // Hands out what is left, also the calls whose outcome is not known.
  void finish();

 private:
  void release_front();

  CallFilter filter_;
  Emit emit_;
  std::map<std::uint64_t, v1::Call> calls_;              // by the decision's sequence
  std::unordered_map<std::string, std::uint64_t> open_;  // call id → sequence
  std::size_t complete_ = 0;  // of calls_: those that wait for an open one before them
};

inline constexpr std::uint32_t kMaxNewest = 10'000;

struct CallsResult {
  // Damaged places that were met, at most kMaxProblems; calls behind them may be missing.
  std::vector<Error> damage;
};

// Hands out every call that matches, in the order of CallJoiner.
Result<CallsResult> each_call(const std::string& dir, const Key& key, const CallFilter& filter,
                              const CallJoiner::Emit& emit);

// The newest `count` (1 to kMaxNewest) calls that match, oldest of them first. Reads backwards by
// segments, no further than needed.
struct NewestCalls {
  std::vector<v1::Call> calls;
  std::vector<Error> damage;
};
Result<NewestCalls> newest_calls(const std::string& dir, const Key& key, const CallFilter& filter,
                                 std::uint32_t count);

// One call with its place in the record, and the proof of it.
struct FoundCall {
  v1::Call call;
  Position decision;
  Position outcome;  // sequence 0: there is none yet
  // The segments with the two records verify from their headers to their ends.
  bool intact = false;
  std::string integrity;  // the same as a sentence
};

// The call whose id is `prefix`, or else the only one whose id begins with it. Errors: kNotFound,
// and kInvalid when several do (the message names some). `visible` as in CallFilter: what the asker
// may not see is not found.
Result<FoundCall> find_call(const std::string& dir, const Key& key, std::string_view prefix,
                            const std::function<bool(const v1::Decision&)>& visible = {});

}  // namespace writ::audit
