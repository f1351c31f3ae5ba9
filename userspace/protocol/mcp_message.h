// What one message to an MCP server says, as far as anybody decides by it: plain data.
// MCP (modelcontextprotocol.io/specification) is JSON-RPC 2.0; over HTTP a message is the body of a
// POST.
#pragma once

#include <string>

namespace writ {

struct McpMessage {
  enum class Kind {
    kRequest,       // wants an answer
    kNotification,  // "notifications/…": wants none
    kResponse,      // the client answers what the server asked it
  };
  Kind kind = Kind::kRequest;
  std::string id;      // as JSON: 7 or "7" with its quotes; of a notification empty
  std::string method;  // "tools/call"; of a response empty
  // What the method is about, as the header Mcp-Name repeats it: the name of a tool or a prompt,
  // the URI of a resource. Empty for other methods.
  std::string name;
  // JSON: params.arguments of tools/call and prompts/get, all params of other methods. Without
  // white space, so that equal ones read the same. Empty: there are none.
  std::string arguments;
  std::string version;  // the header MCP-Protocol-Version, printable; empty: not said
};

}  // namespace writ
