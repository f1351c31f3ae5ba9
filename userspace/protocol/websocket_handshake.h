// How HTTP/1.1 becomes WebSocket (RFC 6455 section 4), and what both sides agree to there about
// compression (permessage-deflate, RFC 7692 section 7.1).
//
//   auto offer = read_websocket_offer(request);           // at the request's head
//   if (offer) terms = agree_on_websocket(*offer, response);  // at the 101
//
// Whatever is not exactly that is nullopt: what then follows on the connection is no WebSocket that
// can be read. That includes other extensions and answers that a client must refuse.
#pragma once

#include <optional>
#include <string>

#include "protocol/http1_types.h"

namespace writ::protocol {

// What one side's messages are compressed with. A smaller window (*_max_window_bits) is no term:
// who keeps to it fails where a message reaches further back, and nobody reads anything else.
struct DeflateTerms {
  bool context_takeover = true;  // a message may refer to what was in those before it
};

struct WebSocketTerms {
  std::optional<DeflateTerms> client;  // both or none
  std::optional<DeflateTerms> server;
};

struct WebSocketOffer {
  std::string accept;                   // what Sec-WebSocket-Accept must say
  bool deflate = false;                 // permessage-deflate was offered
  bool client_max_window_bits = false;  // in some offer of it, so the server may say it too
};

// A GET without a body that asks for "Upgrade: websocket", version 13.
std::optional<WebSocketOffer> read_websocket_offer(const RequestHead& request);

// REQUIRES: `response` is a 101 to that request.
std::optional<WebSocketTerms> agree_on_websocket(const WebSocketOffer& offer,
                                                 const ResponseHead& response);

}  // namespace writ::protocol
