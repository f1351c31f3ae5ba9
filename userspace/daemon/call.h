// One tool call on its way: what is known of it so far, and the two records that it ends as.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "audit/key.h"
#include "daemon/asked_tools.h"
#include "daemon/content.h"
#include "daemon/llm_call.h"
#include "daemon/mcp_stream.h"
#include "daemon/session.h"
#include "policy/decision.h"
#include "policy/policy.h"
#include "protocol/http1_types.h"
#include "protocol/mcp.h"
#include "protocol/mcp_result.h"
#include "protocol/tool_call.h"
#include "protocol/websocket_handshake.h"
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

// Of an MCP server, to a request.
struct McpAnswer {
  bool error = false;      // a JSON-RPC error, or the tool says that it failed
  std::string error_text;  // of a JSON-RPC error
  std::string result;      // keyed digests
  std::string structured;
};

// A program that is started, beside what a ToolCall says of it (daemon/command_call.h).
struct Command {
  std::vector<std::string> argv;
  bool cut = false;     // there was more of it
  bool script = false;  // what runs is an interpreter
  std::string cwd;      // empty: it ended before anybody could look
  std::string file;     // as it was given to execve(2)
  std::string digest;   // "sha256:..."; empty: not known
  std::uint32_t parent = 0;
  std::string parent_executable;
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
  std::optional<Command> command;
  std::optional<policy::ToolMatch> tool;
  std::shared_ptr<const policy::Policy> policy;  // that `tool` is of
  std::optional<protocol::Problem> problem;
  bool expect_continue = false;
  std::uint64_t content_length = 0;
  bool chunked = false;                               // or, over HTTP/2, without a Content-Length
  bool tunnel = false;                                // CONNECT or Upgrade
  std::optional<protocol::WebSocketOffer> websocket;  // it asks for WebSocket
  bool message = false;      // on a WebSocket connection: nothing answers it
  std::string conversation;  // of a WebSocket handshake: what the outcome says of all that followed
  // Over HTTP/2, where calls share a connection. 0: HTTP/1.1.
  std::uint32_t stream = 0;
  std::uint64_t held_from = 0;  // while it is undecided, nothing from here on leaves
  static constexpr std::uint64_t kHeadOnly = UINT64_MAX;  // of it: no body has come yet
  std::uint64_t grown_ns = 0;                             // when bytes of it were last seen
  std::uint64_t judged = 0;       // of request.bytes: a verdict has looked at these
  std::uint64_t judged_end = 0;   // the same, as if nothing more came
  std::uint64_t released_ns = 0;  // when the first of its bytes left
  bool answered = false;          // its whole result has come
  std::string broken_off;         // by whom, when a side has given the stream up
  std::string grpc_status;        // what gRPC says of its result, when it is no success
  Content arguments;
  Content result;
  protocol::McpHeaders mcp_headers;
  std::string mcp_arguments;                      // keyed digest
  std::optional<McpAnswer> mcp_answer;            // once it was read
  std::optional<protocol::McpResult> mcp_result;  // that came on the stream of another call
  std::unique_ptr<McpStream> mcp_stream;          // its result is where others' answers come
  int status = 0;
  policy::Decision decision;
  std::unique_ptr<LlmCall> llm;  // it is one to a language model
  std::optional<Asked> asked;    // whether a model asked for it, where one was seen
  // The messages of an MCP batch, in their order: each is a call of its own, with its own verdict
  // and records. This one carries them, and has the bytes; what is asked of it is asked of them.
  std::vector<std::unique_ptr<Call>> batch;
  std::size_t consulted = 0;  // of them, or of itself: so many a decision point has answered
  bool with_batch = false;    // of a message: it is denied because its batch is

  // Arguments that cannot be read are a problem of the call.
  void take_content_problem() {
    if (!problem) problem = arguments.problem();
  }
  [[nodiscard]] bool received() const { return end != 0; }
  [[nodiscard]] bool shares_connection() const { return stream != 0; }
  // It is MCP's own traffic: no tool is called.
  [[nodiscard]] bool traffic() const { return tool && tool->tool->traffic; }
  // There is no Decision record of it yet.
  [[nodiscard]] bool undecided() const {
    return stage == Stage::kArriving || stage == Stage::kAsking;
  }
  // What the decision point is asked about: its messages, or itself.
  [[nodiscard]] std::size_t messages() const { return batch.empty() ? 1 : batch.size(); }
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

// The tool by which the session's policy knows it. What it says to an MCP server is read for that,
// and may be a problem.
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
std::string printable(std::string_view text, std::size_t max = kMaxPrintable);

// What /proc shows as the file that a process runs; empty: it has ended. Not printable().
std::string executable_link(std::uint32_t pid, const std::string& proc = "/proc");

// For keyed digests in records.
audit::DigestStream make_digest(const audit::Key& key);

v1::Verdict to_verdict(policy::Verdict verdict);
// `where`: "args" or "result".
void fill_findings(const std::vector<scan::Finding>& from, const char* where,
                   google::protobuf::RepeatedPtrField<v1::Finding>& to);

void fill_answer(const McpAnswer& answer, v1::McpAnswer& out);

v1::Record decision_record(const Call& call, const Session& session, std::uint32_t pid,
                           const std::string& executable, const RecordContext& context);
// `result`: "completed", "refused", "aborted", "incomplete".
v1::Record outcome_record(const Call& call, const Session& session, const char* result,
                          std::string detail, const RecordContext& context);

}  // namespace writ::daemon
