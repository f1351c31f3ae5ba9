#include "daemon/mcp_call.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "protocol/mcp.h"
#include "protocol/mcp_batch.h"

namespace writ::daemon {
namespace {

// The header field came with the version after that, so over HTTP it may be missing.
bool has_batches(const Call& call) {
  const std::string& version = call.mcp_headers.version;
  if (call.request.protocol == kStdioProtocol) return version == protocol::kMcpBatchVersion;
  return call.mcp_headers.streamable && (version.empty() || version == protocol::kMcpBatchVersion);
}

std::unique_ptr<Call> batched_call(const Call& carrier, McpMessage message, std::size_t bytes) {
  auto call = std::make_unique<Call>();
  call->id = new_call_id();
  call->first_seen_ns = carrier.first_seen_ns;
  call->end = carrier.end;
  call->request = carrier.request;
  call->request.bytes = bytes;
  call->mcp_headers = carrier.mcp_headers;
  message.version = carrier.mcp_headers.version;
  call->request.mcp = std::move(message);
  return call;
}

void read_mcp_batch(std::string_view body, Call& carrier) {
  const protocol::McpHeaders& headers = carrier.mcp_headers;
  if (headers.problem) {
    carrier.problem = headers.problem;
  } else if (headers.method || headers.name) {
    carrier.problem =
        protocol::Problem{"mcp_mismatch", "Mcp-Method or Mcp-Name, of several messages", 0};
  } else if (auto messages = protocol::read_mcp_batch(body); !messages) {
    carrier.problem = std::move(messages.error());
  } else {
    const auto texts = protocol::split_mcp_batch(body);
    for (std::size_t i = 0; i < messages->size(); ++i) {
      carrier.batch.push_back(
          batched_call(carrier, std::move((*messages)[i]), texts->at(i).size()));
    }
  }
}

}  // namespace

void read_mcp_call(const policy::Catalog& catalog, Call& call) {
  if (call.problem || call.claim) return;
  if (!catalog.is_mcp(call.request)) {
    call.request.mcp.reset();  // it was one under a policy before this one
    return;
  }
  if (call.request.mcp || !call.batch.empty()) return;
  const auto body = call.arguments.body();
  const auto problem = [&](const char* code, std::string message) {
    call.problem = protocol::Problem{code, std::move(message), call.begin};
  };
  if (!call.arguments.complete()) {
    problem("mcp_incomplete", "a message to an MCP server is judged whole, and its end is missing");
  } else if (!body) {
    problem("mcp_unread", fmt::format("a message to an MCP server cannot be read: {}",
                                      call.arguments.body_missing()));
  } else if (protocol::is_mcp_batch(*body) && has_batches(call)) {
    read_mcp_batch(*body, call);
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

bool waits_for_mcp_answer(const Call& call) {
  return wants_mcp_answer(call) ||
         std::any_of(call.batch.begin(), call.batch.end(),
                     [](const auto& message) { return wants_mcp_answer(*message); });
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

void take_mcp_answer(Call& call, std::string_view text, protocol::McpResult answer,
                     scan::Scanner& scanner, audit::DigestStream digest) {
  call.result.open(scanner, std::move(digest), {}, {});
  call.result.feed(text);
  call.result.end();
  (void)call.result.look();
  call.mcp_result = std::move(answer);
  call.answered = true;
}

std::string mcp_server(const ToolCall& call) {
  if (call.protocol == kStdioProtocol) return "stdio:" + printable(call.path);
  return fmt::format("{}://{}:{}{}", call.tls ? "https" : "http", call.host, call.destination.port,
                     call.path);
}

}  // namespace writ::daemon
