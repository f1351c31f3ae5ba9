// The catalog names tools: from a request's host, port, method, path and destination to one tool,
// or none.
//
// Where several entries match, the most specific one names the call. Compared in this order, the
// first difference decides:
//   host      an exact one, then the longer "*.suffix", then "*"; of the same host, one with a port
//   path      segment by segment: a literal, then a {capture}, then "/**"
//   method    a listed one, then "*"
//   address   a tool with `addresses`, then one without
//   mcp       a name, then the longer glob
// Entries that are equal in all of these and can match the same call are refused at load, so the
// order of files and entries never matters. Programs (ToolShape::programs) and MCP servers over
// stdio (ToolShape::servers) are apart from all that: program_names.h, server_names.h.
//
// Where an entry with `mcp` is the most specific one by host, path and address, the catalog knows
// an MCP server. What is sent there is named by what it says and by nothing else: by an entry with
// `mcp`, or as one of the kinds of MCP's own traffic (mcp_traffic.h).
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "identity/scope.h"
#include "policy/address.h"
#include "policy/host_pattern.h"
#include "policy/path_pattern.h"
#include "policy/program_names.h"
#include "policy/server_names.h"
#include "protocol/tool_call.h"

namespace writ::policy {

enum class Effect { kRead, kWrite };

struct Tool {
  std::string name;
  identity::Scopes scopes;  // required, all of them; specific ones
  Effect effect = Effect::kWrite;
  bool untrusted = false;   // what it brings comes from people that nobody vouches for
  bool traffic = false;     // MCP's own: no tool is called
  std::uint32_t index = 0;  // in its catalog
};

// Valid as long as the Policy that made it.
struct ToolMatch {
  const Tool* tool = nullptr;
  std::map<std::string, std::string> captures;
};

// Whether a catalog can list it: in capitals, as methods are written.
bool is_method(std::string_view text);

// What a tool looks like on the wire. The lists are alternatives.
struct ToolShape {
  std::vector<HostPattern> hosts;
  std::vector<std::string> methods;  // empty: any
  std::vector<PathPattern> paths;
  std::vector<AddressRange> addresses;  // empty: any destination
  std::vector<McpPattern> mcp;          // empty: no matter what the body says
  std::vector<std::string> programs;    // instead of all others: globs over the file that runs
  std::vector<std::string> servers;     // instead of host and path: globs over a command line
};

class Catalog {
 public:
  Catalog();
  ~Catalog();
  Catalog(Catalog&&) noexcept;
  Catalog& operator=(Catalog&&) noexcept;

  // The tool that this one cannot be told apart from, or nullptr and the tool is part of the
  // catalog. REQUIRES: a name that the catalog does not have.
  const Tool* add(Tool tool, const ToolShape& shape);

  // Of a call to an MCP server, `call.mcp` says what; without it a POST has no name.
  [[nodiscard]] std::optional<ToolMatch> match(const ToolCall& call) const;
  // The call is a message to an MCP server: its body has to be read before it has a name.
  [[nodiscard]] bool is_mcp(const ToolCall& call) const;
  [[nodiscard]] bool knows_mcp() const { return !traffic_.empty(); }
  // Whether some tool is a program's.
  [[nodiscard]] bool knows_programs() const { return !programs_.empty(); }
  // Whether some tool is that of an MCP server over stdio; and of the one with that command line.
  [[nodiscard]] bool knows_servers() const { return !servers_.empty(); }
  [[nodiscard]] bool knows_server(std::string_view command_line) const {
    return servers_.knows(command_line);
  }
  [[nodiscard]] const std::deque<Tool>& tools() const { return tools_; }

 private:
  struct Entry;
  struct Node;
  struct Request;

  const Entry* find(const ToolCall& call, const Request& request,
                    std::vector<std::string_view>& captured) const;
  const Tool* find_message(const ToolCall& call) const;
  void add_traffic();

  std::deque<Tool> tools_;            // a Tool does not move
  std::vector<const Tool*> traffic_;  // by McpTraffic; empty: no tool is an MCP server's
  std::map<std::string, std::map<std::uint16_t, std::unique_ptr<Node>>, std::less<>> hosts_;
  ProgramNames programs_;
  ServerNames servers_;
};

}  // namespace writ::policy
