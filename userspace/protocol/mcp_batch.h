// Several messages in one JSON array. Of all versions of MCP only 2025-03-26 has that
// (modelcontextprotocol.io/specification/2025-03-26/basic), over stdio and over Streamable HTTP:
// requests and notifications, or responses; initialize is never among them.
//
// Problem codes, beside those of json_rpc.h and mcp.h for the first message that cannot be read
//   json_rpc_batch  no list of objects, or an empty one; over kMaxMcpBatch messages; an id twice;
//                   initialize; requests or notifications beside responses
#pragma once

#include <optional>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "protocol/http1_types.h"
#include "protocol/mcp_message.h"

namespace writ::protocol {

inline constexpr std::size_t kMaxMcpBatch = 128;
inline constexpr std::string_view kMcpBatchVersion = "2025-03-26";

// The first byte says so; whether it can be read is another question.
bool is_mcp_batch(std::string_view body);

// The text of each message of an array, as it stands in `body`; nothing else than white space and
// commas is between them, so that the array can be read if and only if each of them can. nullopt:
// it is no list of objects, or of more than kMaxMcpBatch.
std::optional<std::vector<std::string_view>> split_mcp_batch(std::string_view body);

// Each message, in its order. Problem::offset is 0. `version` is not filled.
tl::expected<std::vector<McpMessage>, Problem> read_mcp_batch(std::string_view body);

}  // namespace writ::protocol
