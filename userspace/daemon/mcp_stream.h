// The event stream of MCP's older HTTP+SSE transport (2024-11-05). By one GET an agent gets a
// stream, whose first event says where its messages go; a POST there is only accepted (202), and
// what answers it comes as an event of the stream.
//
//   POST /message?sessionId=5  {"id": 7, …}  →  202                      its outcome waits here
//   GET /sse                                 →  event: endpoint
//                                               data: /message?sessionId=5
//                                               …
//                                               data: {"id": 7, "result": …}        and is written
//
// Memory: an event's data up to kMaxEvent, and kMaxWaiting records. Owner: the Call of the GET;
// loop thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/mcp_result.h"
#include "protocol/sse.h"
#include "protocol/tool_call.h"
#include "record.pb.h"

namespace writ::daemon {

class McpStream : public protocol::SseSink {
 public:
  static constexpr std::size_t kMaxEvent = 2u << 20;
  static constexpr std::size_t kMaxWaiting = 1024;

  explicit McpStream(const ToolCall& opened) : opened_(opened) {}

  void on_data(std::string_view piece) override;
  void on_aside(std::string_view /*piece*/) override {}
  void on_event(const protocol::SseEvent& event) override;

  // Whether what answers the posted message comes here.
  [[nodiscard]] bool answers(const ToolCall& posted) const;

  // A message was accepted, and this is its outcome but for the answer.
  struct Waiting {
    v1::Record outcome;
    std::uint64_t decided_ns = 0;
    std::string lists;  // the server whose tools the answer lists; empty: it lists none
  };
  // Gives it back when too many wait, or one with that id does.
  std::optional<Waiting> wait(const std::string& id, Waiting waiting);
  // nullopt: none waits for that answer.
  std::optional<Waiting> take(const std::string& id);
  // Those that no answer will come for.
  std::vector<Waiting> take_all();

  // The answers that have come since the last call.
  std::vector<protocol::McpResult> take_answers();

 private:
  ToolCall opened_;
  std::string endpoint_;  // as the server says it, without its origin
  std::string data_;      // of the event that is being read
  bool too_long_ = false;
  std::vector<protocol::McpResult> answers_;
  std::map<std::string, Waiting> waiting_;  // by id
};

}  // namespace writ::daemon
