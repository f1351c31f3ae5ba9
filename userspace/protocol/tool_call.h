// What a call is, once its bytes have been read: plain data that goes from parse to may to proof.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "protocol/mcp_message.h"

namespace writ {

struct Endpoint {
  std::string address;     // numeric, IPv4-mapped addresses as IPv4; empty: not known yet
  std::uint16_t port = 0;  // host byte order
  // By which DNS answers that the agent received call the address. They are for people: an agent
  // that has a DNS zone can have it call any address what it likes, so nothing is allowed by them.
  std::vector<std::string> names = {};
};

// A program that is started: the call's path is the file that runs, its arguments are a JSON object
// (daemon/command_call.h), and it goes to no host.
inline constexpr const char* kCommandProtocol = "exec";
inline constexpr const char* kCommandMethod = "EXEC";

// A message to an MCP server over stdio: the call's path is the server's command line
// (daemon/stdio_call.h), its body the message, and it goes to no host.
inline constexpr const char* kStdioProtocol = "stdio";
inline constexpr const char* kStdioMethod = "MCP";

struct ToolCall {
  std::string protocol = "http/1.1";
  std::string method;
  std::string host;  // lower case, without port; from the request, not from the connection
  std::string path;  // without the query, percent-decoded once; always begins with '/'
  std::string query;
  Endpoint destination;
  bool tls = false;
  std::uint64_t bytes = 0;        // of the message so far, head and body
  std::optional<McpMessage> mcp;  // what the body says to an MCP server, once it was read
};

}  // namespace writ
