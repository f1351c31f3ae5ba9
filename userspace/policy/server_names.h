// The MCP servers over stdio of a catalog: from the command line of a server, and what is said to
// it, to one tool, or none. Of the patterns for servers that fit, the longer glob goes first, and
// of equally long ones the one that sorts first; within one, a name before a glob, and the longer
// glob.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "policy/glob.h"
#include "protocol/mcp_message.h"

namespace writ::policy {

struct Tool;

// A request to an MCP server.
struct McpPattern {
  std::string method;  // "tools/call"
  std::string name;    // glob over McpMessage::name

  [[nodiscard]] bool matches(const McpMessage& message) const;
  // As specific as the other, and some message matches both.
  [[nodiscard]] bool clashes(const McpPattern& other) const;
  // The smaller, the more specific.
  [[nodiscard]] std::size_t looseness() const;
};

class ServerNames {
 public:
  // The tool that some message to one of the servers is of already; nullptr: none.
  [[nodiscard]] const Tool* taken(const std::vector<std::string>& servers,
                                  const std::vector<McpPattern>& messages) const;
  // `tool` must outlive this.
  void add(const std::vector<std::string>& servers, const std::vector<McpPattern>& messages,
           const Tool& tool);

  // `server`: its command line.
  [[nodiscard]] const Tool* find(std::string_view server, const McpMessage& message) const;
  [[nodiscard]] bool knows(std::string_view server) const;
  [[nodiscard]] bool empty() const { return servers_.empty(); }

 private:
  struct Message {
    McpPattern pattern;
    const Tool* tool;
  };
  std::map<std::string, std::vector<Message>, LongerFirst> servers_;  // more specific first
};

}  // namespace writ::policy
