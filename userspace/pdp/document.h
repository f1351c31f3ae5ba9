// What a decision point is told about a call. Filled by the daemon, written as JSON at once: the
// views need to live until ask() returns.
//
// Every text may hold any bytes: it is escaped, and what is not UTF-8 becomes U+FFFD. The
// documents, for the two dialects (absent texts are "", absent lists []):
//
//   OPA      {"input": {
//              "user":     {"id", "email", "roles": [], "scopes": [], "tenant", "identity"},
//              "agent":    {"id", "scopes": [], "tier", "chain": []},
//              "scopes":   {"effective": []},
//              "tool":     {"name", "server", "effect", "args", "args_state"},
//              "request":  {"method", "host", "path", "query", "protocol", "trace_id",
//                           "complete": true},
//              "findings": [{"rule", "category", "count": 1, "where"}],
//              "session":  {"id", "calls": 0, "tainted": false, "tools": []},
//              "budget":   {"<name>": {"left": 17}}}}      null: there is no limit
//
//   AuthZEN  {"subject":  {"type": "user", "id": user.id, "properties": user without id},
//             "action":   {"name": tool.name or "?", "properties": tool without name and server},
//             "resource": {"type": "server", "id": tool.server or request.host,
//                          "properties": request},
//             "context":  {"agent", "scopes", "findings", "session", "budget"}}
//
// tool.args is the call's own JSON (numbers as they were written), or null. args_state says why:
//   "complete"    args is all of it
//   "none"        the call has none
//   "truncated"   it was not all there when this was asked
//   "too_large"   more than kMaxArgsBytes
//   "unreadable"  not exactly one JSON value (RFC 8259), deeper than kMaxArgsDepth, a number that
//                 no 64 bits hold, a NUL in a text, or a name twice in one object: two readers
//                 would read it differently
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "pdp/answer.h"
#include "util/result.h"

namespace writ::pdp {

inline constexpr std::size_t kMaxDocumentBytes = 512u << 10;
inline constexpr std::size_t kMaxArgsBytes = 256u << 10;
inline constexpr std::size_t kMaxArgsDepth = 64;

using Texts = std::span<const std::string>;

struct PdpUser {
  std::string_view id;
  std::string_view email;
  Texts roles;
  Texts scopes;
  std::string_view tenant;
  std::string_view identity;  // how well the person is known: identity/standing.h
};

struct PdpAgent {
  std::string_view id;
  Texts scopes;
  std::string_view tier;
  Texts chain;  // outermost first, ends with id
};

struct PdpTool {
  std::string_view name;    // empty: no tool names the call
  std::string_view server;  // empty: the request's host stands for it
  std::string_view effect;  // "read" or "write"; empty with no name
  std::string_view args;    // JSON text as it came; empty: none
  bool args_complete = true;
};

struct PdpRequest {
  std::string_view method;
  std::string_view host;
  std::string_view path;
  std::string_view query;  // as it was sent, without '?'
  std::string_view protocol;
  std::string_view trace_id;
  bool complete = true;  // false: findings and args are those of the first part of the call
};

struct PdpFinding {
  std::string_view rule;      // "pii.card"
  std::string_view category;  // "pii"
  std::uint32_t count = 1;
  std::string_view where = {};  // "body", "query", "path", "header"; empty: not known
};

struct PdpSession {
  std::string_view id;
  std::uint64_t calls = 0;  // allowed so far
  bool tainted = false;     // it has read untrusted content
  Texts tools;              // used before
};

struct PdpBudget {
  std::string_view name;             // "calls", "calls_per_minute"; one entry a name
  std::optional<std::int64_t> left;  // nullopt: there is no limit
};

struct PdpInput {
  PdpUser user;
  PdpAgent agent;
  Texts effective_scopes;
  PdpTool tool;
  PdpRequest request;
  std::span<const PdpFinding> findings;
  PdpSession session;
  std::span<const PdpBudget> budget;
};

// The body of the request. kInvalid: it would be longer than kMaxDocumentBytes.
Result<std::string> write_document(Dialect dialect, const PdpInput& input);

}  // namespace writ::pdp
