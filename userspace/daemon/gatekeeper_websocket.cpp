// WebSocket: messages are calls, which gatekeeper.cpp takes their way like any others; this is what
// else there is on such a connection.
#include <algorithm>

#include "daemon/gatekeeper.h"
#include "daemon/question.h"
#include "daemon/websocket_conversation.h"

namespace writ::daemon {

// Lets go the control frames that no undecided message holds.
void Gatekeeper::pass_frames(Exchange& exchange, const Session& session) {
  if (!exchange.websocket() || exchange.dead || !session.enforced() || !exchange.channel.bound) {
    return;
  }
  std::uint64_t limit = exchange.readable();
  for (const auto& call : exchange.calls) {
    if (call->undecided()) limit = std::min(limit, call->begin);
  }
  if (limit > exchange.released) release(exchange, limit);
}

// What the server says counts from when it comes: the result that it is a part of may have no end.
void Gatekeeper::note_messages(Exchange& exchange, Session& session) {
  WebSocketConversation* conversation = exchange.websocket();
  if (conversation == nullptr || exchange.dead || !conversation->take_news()) return;
  Call& call = conversation->handshake();
  (void)call.result.look_as_if_ended();
  const policy::ToolMatch* tool = call.tool ? &*call.tool : nullptr;
  const auto settings = session.policy->settings(session.writ.user.id, tool, session.writ.tier);
  if (settings.results == policy::ResultAction::kOff) call.result.forget_findings();
  session.facts.note_result(tool_name(call), tool == nullptr || tool->tool->untrusted,
                            finding_views(call.result.findings(), 0));
}

}  // namespace writ::daemon
