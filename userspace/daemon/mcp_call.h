// What a call says to an MCP server, and what the server answers.
#pragma once

#include "daemon/call.h"
#include "policy/catalog.h"
#include "protocol/mcp_result.h"

namespace writ::daemon {

// Reads the message, if the call is one to an MCP server that the catalog knows: fills
// call.request.mcp, or call.batch, where its version has batches, or call.problem, if none of them
// is there.
void read_mcp_call(const policy::Catalog& catalog, Call& call);

// The call's message was read, and it is a request: it has an answer.
bool wants_mcp_answer(const Call& call);
// The same, of one that may be a batch: one of its messages is a request.
bool waits_for_mcp_answer(const Call& call);

// What comes back may be the stream of the older transport.
bool opens_mcp_stream(const Call& call);

// Of the call's whole result, whose body is not kept any longer. nullopt: the call has none, or
// none that can be read.
std::optional<protocol::McpResult> read_mcp_answer(Call& call);

// What a server has answered, of which more than that comes the same way, is the call's result.
// REQUIRES: text answers it.
void take_mcp_answer(Call& call, std::string_view text, protocol::McpResult answer,
                     scan::Scanner& scanner, audit::DigestStream digest);

// "https://mcp.acme.test:443/mcp", or "stdio:" and a command line: where a tool's name is one of.
std::string mcp_server(const ToolCall& call);

}  // namespace writ::daemon
