// What is known of a message to an MCP server beyond its tool's name, and what its answer tells.
#include "daemon/judge.h"
#include "daemon/mcp_call.h"

namespace writ::daemon {
namespace {

// Tenants may mean different servers by one address.
std::string server_key(const Session& session, const Call& call) {
  return session.writ.tenant + " " + mcp_server(call.request);
}

// The tool is not what it was when it was first listed. Where: at what names it.
scan::Finding tool_changed(const std::string& name) {
  return {.rule = "mcp.tool_changed",
          .category = "mcp",
          .count = 1,
          .offset = 0,
          .sample = printable(name)};
}

}  // namespace

void Judge::look_at_message(const Session& session, Call& call) const {
  if (!call.request.mcp || !call.mcp_arguments.empty()) return;  // none, or it was looked at
  const McpMessage& message = *call.request.mcp;
  // What the agent answers has none: the body's digest is all there is of it.
  if (message.kind != McpMessage::Kind::kResponse)
    call.mcp_arguments = keyed_digest(parts_.audit.key(), message.arguments);
  if (message.method == "tools/call" && tools_.changed(server_key(session, call), message.name))
    call.arguments.add_finding(tool_changed(message.name));
}

void Judge::read_answer(const Session& session, Call& call) {
  const audit::Key& key = parts_.audit.key();
  const auto result = read_mcp_answer(call);
  if (!result) return;
  McpAnswer& answer = call.mcp_answer.emplace();
  answer.error = result->error;
  answer.error_text = result->error_text;
  if (!result->result.empty()) answer.result = keyed_digest(key, result->result);
  if (!result->structured.empty()) answer.structured = keyed_digest(key, result->structured);
  if (call.request.mcp->method != "tools/list") return;
  const std::string server = server_key(session, call);
  for (const protocol::McpTool& tool : protocol::listed_tools(result->result)) {
    if (!tools_.note(server, tool.name, keyed_digest(key, tool.definition)))
      call.result.add_finding(tool_changed(tool.name));
  }
}

}  // namespace writ::daemon
