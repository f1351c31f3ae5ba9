// A policy with an MCP server, and what an agent and the server say to each other.
#pragma once

#include <string>

#include "daemon/gatekeeper_support.h"

namespace writ::daemon {

inline constexpr const char* kMcpPolicy = R"(version: 1
on_opaque: deny
tools:
  - {name: crm.note.read, host: mcp.test, path: /mcp, mcp: read_note, scopes: [crm.contacts.read], effect: read}
  - {name: crm.note.delete, host: mcp.test, path: /mcp, mcp: delete_note, scopes: [crm.contacts.delete], effect: write}
rules:
  - {id: works, effect: allow, tools: [crm.*], args: {path: {prefix: /notes/}}}
  - {id: circles, effect: deny, tools: [crm.*], repeat: {more_than: 2}}
)";

inline constexpr const char* kStreamable = "Accept: application/json, text/event-stream\r\n";

inline std::string message(const std::string& body, const std::string& fields = kStreamable,
                           const std::string& target = "/mcp") {
  return "POST " + target +
         " HTTP/1.1\r\nHost: mcp.test\r\nContent-Type: application/json\r\n"
         "Content-Length: " +
         std::to_string(body.size()) + "\r\n" + fields + "\r\n" + body;
}

inline std::string call(const std::string& name, const std::string& path,
                        const std::string& id = "1") {
  return R"({"jsonrpc":"2.0","id":)" + id + R"(,"method":"tools/call","params":{"name":")" + name +
         R"(","arguments":{"path":")" + path + R"("}}})";
}

inline std::string result(const std::string& id, const std::string& more = "") {
  return R"({"jsonrpc":"2.0","id":)" + id + R"(,"result":{"content":[])" + more + "}}";
}

}  // namespace writ::daemon
