#include "daemon/mcp_call.h"

#include <fmt/format.h>

#include <utility>

#include "protocol/mcp.h"

namespace writ::daemon {

void read_mcp_call(const policy::Catalog& catalog, Call& call) {
  if (call.problem || call.claim) return;
  if (!catalog.is_mcp(call.request)) {
    call.request.mcp.reset();  // it was one under a policy before this one
    return;
  }
  if (call.request.mcp) return;
  const auto body = call.arguments.body();
  const auto problem = [&](const char* code, std::string message) {
    call.problem = protocol::Problem{code, std::move(message), call.begin};
  };
  if (!call.arguments.complete()) {
    problem("mcp_incomplete", "a message to an MCP server is judged whole, and its end is missing");
  } else if (!body) {
    problem("mcp_unread", fmt::format("a message to an MCP server cannot be read: {}",
                                      call.arguments.body_missing()));
  } else if (auto message = protocol::read_mcp(*body); !message) {
    call.problem = std::move(message.error());
  } else if (auto mismatch = protocol::check_mcp_headers(call.mcp_headers, *message)) {
    call.problem = std::move(mismatch);
  } else {
    message->version = call.mcp_headers.version;
    call.request.mcp = *std::move(message);
  }
}

bool wants_mcp_answer(const Call& call) {
  return call.request.mcp && call.request.mcp->kind == McpMessage::Kind::kRequest;
}

bool opens_mcp_stream(const Call& call) {
  return call.traffic() && call.request.method == "GET" && call.status == 200;
}

std::optional<protocol::McpResult> read_mcp_answer(Call& call) {
  if (call.mcp_result) return std::exchange(call.mcp_result, std::nullopt);
  const auto body = call.result.body();
  if (!wants_mcp_answer(call) || !body) return std::nullopt;
  auto result = protocol::find_mcp_result(*body, call.result.events(), call.request.mcp->id);
  call.result.drop_body();
  return result;
}

std::string mcp_server(const ToolCall& call) {
  if (call.protocol == kStdioProtocol) return "stdio:" + printable(call.path);
  return fmt::format("{}://{}:{}{}", call.tls ? "https" : "http", call.host, call.destination.port,
                     call.path);
}

}  // namespace writ::daemon
