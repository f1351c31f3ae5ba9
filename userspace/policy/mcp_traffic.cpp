#include "policy/mcp_traffic.h"

#include <algorithm>
#include <array>

namespace writ::policy {
namespace {

// Places in kMcpTraffic.
enum McpKind : std::size_t {
  kMcpStart,
  kMcpPing,
  kMcpList,
  kMcpNotify,
  kMcpReply,
  kMcpStream,
  kMcpEnd
};

constexpr std::array<McpTraffic, 7> kMcpTraffic = {{
    {"mcp.start", "initialize, server/discover"},
    {"mcp.ping", "ping"},
    {"mcp.list", "tools/list, prompts/list, resources/list, resources/templates/list"},
    {"mcp.notify", "notifications/…"},
    {"mcp.reply", "the agent's answer to what the server asked"},
    {"mcp.stream", "GET: what the server sends by itself"},
    {"mcp.end", "DELETE: the end of a session"},
}};

struct TrafficMethod {
  std::string_view method;
  McpKind kind;
};
constexpr std::array<TrafficMethod, 7> kTrafficMethods = {{
    {"initialize", kMcpStart},
    {"server/discover", kMcpStart},
    {"ping", kMcpPing},
    {"tools/list", kMcpList},
    {"prompts/list", kMcpList},
    {"resources/list", kMcpList},
    {"resources/templates/list", kMcpList},
}};

}  // namespace

std::span<const McpTraffic> mcp_traffic() { return kMcpTraffic; }

std::optional<std::size_t> traffic_kind(const ToolCall& call) {
  if (call.method == "GET") return kMcpStream;
  if (call.method == "DELETE") return kMcpEnd;
  if (!call.mcp) return std::nullopt;
  switch (call.mcp->kind) {
    case McpMessage::Kind::kNotification:
      return kMcpNotify;
    case McpMessage::Kind::kResponse:
      return kMcpReply;
    case McpMessage::Kind::kRequest:
      break;
  }
  for (const TrafficMethod& known : kTrafficMethods) {
    if (known.method == call.mcp->method) return known.kind;
  }
  return std::nullopt;
}

bool mcp_method(std::string_view method) {
  return method == "POST" || method == "GET" || method == "DELETE";
}

bool names_traffic(std::string_view tool) {
  return std::any_of(kMcpTraffic.begin(), kMcpTraffic.end(),
                     [&](const McpTraffic& kind) { return kind.tool == tool; });
}

}  // namespace writ::policy
