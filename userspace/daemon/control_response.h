// Responses as they go to the outbox: errors in the protocol's words, messages in frames.
#pragma once

#include <string>

#include "control.pb.h"
#include "daemon/control_outbox.h"
#include "util/result.h"

namespace writ::daemon {

// A ControlError with done = true. `code` becomes "denied", "not_found", "invalid", "unavailable"
// or "internal".
v1::ControlResponse error_response(const Error& error);

struct Encoded {
  std::string frame;
  bool done = false;
};

// An answer that does not fit a frame ends the request with an error instead.
Encoded encode(const v1::ControlResponse& response);

// Answers the request that is being handled. Valid during handle() only: what answers later keeps
// the ConnectionId and uses ControlServer::post.
class Responder {
 public:
  Responder(Outbox& outbox, ConnectionId id) : outbox_(outbox), id_(id) {}

  Posted send(const v1::ControlResponse& response);
  Posted fail(const Error& error) { return send(error_response(error)); }

 private:
  Outbox& outbox_;
  ConnectionId id_;
};

}  // namespace writ::daemon
