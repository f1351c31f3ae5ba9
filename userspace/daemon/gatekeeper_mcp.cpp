// Answers of MCP's older HTTP+SSE transport: they come on another connection than their request.
#include "daemon/gatekeeper.h"
#include "daemon/mcp_call.h"
#include "flow/flow_table.h"

namespace writ::daemon {

template <class F>
void Gatekeeper::for_each_open_call(const Session& session, F&& visit) {
  flows_->for_each_channel([&](flow::Channel& channel) {
    if (session_of(channel.session) != &session || !channel.state) return;
    for (const auto& call : static_cast<Exchange&>(*channel.state).calls) {
      if (call->stage != Stage::kDone) visit(*call);
    }
  });
}

// Of a call that has its result: where its answer comes, if that is yet to come.
McpStream* Gatekeeper::stream_for(const Session& session, const Call& posted) {
  constexpr int kAccepted = 202;
  if (posted.status != kAccepted || posted.mcp_answer || !wants_mcp_answer(posted)) return nullptr;
  McpStream* found = nullptr;
  for_each_open_call(session, [&](const Call& call) {
    if (call.mcp_stream && call.mcp_stream->answers(posted.request)) found = call.mcp_stream.get();
  });
  return found;
}

Call* Gatekeeper::posted_to(const Session& session, const McpStream& stream,
                            const std::string& id) {
  Call* found = nullptr;
  for_each_open_call(session, [&](Call& call) {
    if (wants_mcp_answer(call) && call.request.mcp->id == id && stream.answers(call.request))
      found = &call;
  });
  return found;
}

// An answer may overtake the 202 to its own request.
void Gatekeeper::deliver(const Session& session, Exchange& exchange) {
  for (const auto& call : exchange.calls) {
    if (!call->mcp_stream) continue;
    McpStream& stream = *call->mcp_stream;
    for (protocol::McpResult& answer : stream.take_answers()) {
      if (judge_.take_answer(stream, answer)) continue;
      Call* posted = posted_to(session, stream, answer.id);
      if (posted != nullptr && !posted->mcp_result) posted->mcp_result = std::move(answer);
    }
  }
}

}  // namespace writ::daemon
