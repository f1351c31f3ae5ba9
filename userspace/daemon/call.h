// One tool call on its way: what is known of it so far, and the two records that it ends as.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/asked_tools.h"
#include "daemon/content.h"
#include "daemon/llm_call.h"
#include "daemon/session.h"
#include "policy/decision.h"
#include "policy/policy.h"
#include "protocol/http1_types.h"
#include "protocol/tool_call.h"
#include "record.pb.h"

namespace writ::daemon {

// Where a call is. It only moves forward.
enum class Stage {
  kArriving,  // its end has not been seen, nothing is decided
  kAsking,    // a decision point has been asked about it
  kDecided,   // there is a Decision record; it was released, or will be as it is scanned
  kDone,      // there is an Outcome record
};

// A tool that a cooperative caller names itself, instead of a request that the catalog recognises.
struct Claim {
  std::string tool;
  std::map<std::string, std::string> captures;
};

struct Call {
  std::string id;           // 32 hex digits; the trace id too
  std::uint64_t begin = 0;  // of its bytes in the stream
  std::uint64_t head_end = 0;
  std::uint64_t end = 0;            // behind its last byte; 0 while it arrives
  std::uint64_t first_seen_ns = 0;  // CLOCK_MONOTONIC
  std::uint64_t decided_ns = 0;
  Stage stage = Stage::kArriving;
  ToolCall request;
  std::optional<Claim> claim;
  std::optional<policy::ToolMatch> tool;
  std::shared_ptr<const policy::Policy> policy;  // that `tool` is of
  std::optional<protocol::Problem> problem;
  bool expect_continue = false;
  std::uint64_t content_length = 0;
  bool chunked = false;
  bool tunnel = false;  // CONNECT or Upgrade
  Content arguments;
  Content result;
  int status = 0;
  policy::Decision decision;
  std::unique_ptr<LlmCall> llm;  // it is one to a language model
  std::optional<Asked> asked;    // whether a model asked for it, where one was seen

  // Arguments that cannot be read are a problem of the call.
  void take_content_problem() {
    if (!problem) problem = arguments.problem();
  }
  [[nodiscard]] bool received() const { return end != 0; }
  // There is no Decision record of it yet.
  [[nodiscard]] bool undecided() const {
    return stage == Stage::kArriving || stage == Stage::kAsking;
  }
  [[nodiscard]] bool denied() const {
    return !undecided() && decision.verdict == policy::Verdict::kDeny;
  }
};

// What stands in every record of this run of writd.
struct RecordContext {
  std::string ruleset_version;
  std::vector<std::string> categories;
  const llm::Prices* prices = nullptr;  // nullptr: nobody has said what models cost
};

// The tool by which the session's policy knows it.
void name(const Session& session, Call& call);
// Its name, or policy::kUnnamed.
std::string_view tool_name(const Call& call);

std::string new_call_id();
std::uint64_t monotonic_ns();
std::uint64_t unix_ns();

void fill_user(const identity::Writ& writ, v1::User& out);
void fill_agent(const identity::Writ& writ, v1::Agent& out);
v1::Mode to_mode(identity::Mode mode);

// What stands in a record must be UTF-8 (protobuf `string`), whatever an agent's files and command
// lines hold: ASCII, cut.
inline constexpr std::size_t kMaxPrintable = 256;
std::string printable(std::string_view text);

// What the process runs; empty: it has ended.
std::string executable_path(std::uint32_t pid);

v1::Verdict to_verdict(policy::Verdict verdict);
// `where`: "args" or "result".
void fill_findings(const std::vector<scan::Finding>& from, const char* where,
                   google::protobuf::RepeatedPtrField<v1::Finding>& to);

v1::Record decision_record(const Call& call, const Session& session, std::uint32_t pid,
                           const std::string& executable, const RecordContext& context);
// `result`: "completed", "refused", "aborted", "incomplete".
v1::Record outcome_record(const Call& call, const Session& session, const char* result,
                          std::string detail, const RecordContext& context);

}  // namespace writ::daemon
