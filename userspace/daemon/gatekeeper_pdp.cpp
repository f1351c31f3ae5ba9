// What an external decision point says beside the rules: it is asked about what they let through,
// and can only narrow that.
#include <algorithm>

#include "daemon/gatekeeper.h"

namespace writ::daemon {

// The call is held until the answer, which comes within the configured time; a batch until it has
// one for each of its messages.
void Gatekeeper::consult(Exchange& exchange, Session& session, Call& call) {
  const std::uint64_t stream = exchange.channel.stream;
  judge_.consult(stream, session, call, [this, stream, id = call.id](const pdp::PdpAnswer& answer) {
    take_answer(stream, id, answer);
  });
}

void Gatekeeper::take_answer(std::uint64_t stream, const std::string& id,
                             const pdp::PdpAnswer& answer) {
  flow::Channel* channel = flows_->channel(stream);
  Session* session = channel == nullptr ? nullptr : session_of(channel->session);
  if (session == nullptr || !channel->state) return;
  auto& exchange = static_cast<Exchange&>(*channel->state);
  const auto found = std::find_if(exchange.calls.begin(), exchange.calls.end(),
                                  [&](const auto& call) { return call->id == id; });
  if (found == exchange.calls.end() || (*found)->stage != Stage::kAsking) return;
  Call& call = **found;
  call.stage = Stage::kArriving;
  judge_.narrow(*session, call, answer);
  if (Judge::wants_answer(*session, call)) {
    consult(exchange, *session, call);
    return;
  }
  conclude(exchange, *session, call);
  advance(exchange, *session);
}

}  // namespace writ::daemon
