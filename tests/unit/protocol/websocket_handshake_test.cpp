#include "protocol/websocket_handshake.h"

#include <gtest/gtest.h>

#include "protocol/http1.h"

namespace writ::protocol {
namespace {

const std::string kKey = "dGhlIHNhbXBsZSBub25jZQ==";  // RFC 6455 section 1.3
const std::string kAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

// The request of RFC 6455 section 1.2, with fields changed: an empty value takes one away.
RequestHead request(const Headers& changes = {}) {
  RequestHead head;
  head.method = "GET";
  head.upgrade = true;
  head.headers = {{"Host", "crm.test"},
                  {"Upgrade", "websocket"},
                  {"Connection", "Upgrade"},
                  {"Sec-WebSocket-Key", kKey},
                  {"Sec-WebSocket-Version", "13"}};
  for (const Header& change : changes) {
    std::erase_if(head.headers, [&](const Header& h) { return h.name == change.name; });
    if (!change.value.empty()) head.headers.push_back(change);
  }
  return head;
}

ResponseHead response(const Headers& more = {}, const std::string& accept = kAccept) {
  ResponseHead head;
  head.status = 101;
  head.upgrade = true;
  head.headers = {{"Upgrade", "WebSocket"}, {"Connection", "Upgrade"}};
  if (!accept.empty()) head.headers.push_back({"Sec-WebSocket-Accept", accept});
  head.headers.insert(head.headers.end(), more.begin(), more.end());
  return head;
}

// "plain", "none", or whether client and server go on from message to message.
std::string terms_of(const std::string& offered, const std::string& accepted) {
  const auto offer = read_websocket_offer(request({{"Sec-WebSocket-Extensions", offered}}));
  if (!offer) return "no offer";
  Headers more;
  if (!accepted.empty()) more.push_back({"Sec-WebSocket-Extensions", accepted});
  const auto terms = agree_on_websocket(*offer, response(more));
  if (!terms) return "none";
  if (!terms->client) return "plain";
  const auto text = [](const DeflateTerms& t) {
    return std::string(t.context_takeover ? "on" : "afresh");
  };
  return text(*terms->client) + ", " + text(*terms->server);
}

TEST(WebSocketHandshake, TheExampleOfTheRfc) {
  const auto offer = read_websocket_offer(request());
  ASSERT_TRUE(offer);
  EXPECT_EQ(offer->accept, kAccept);
  const auto terms = agree_on_websocket(*offer, response());
  ASSERT_TRUE(terms);
  EXPECT_FALSE(terms->client);
  EXPECT_FALSE(terms->server);
}

TEST(WebSocketHandshake, WhatIsNoneIsNotOffered) {
  const Headers wrong[] = {
      {{"Upgrade", "h2c"}},
      {{"Upgrade", "websocket, h2c"}},
      {{"Upgrade", ""}},
      {{"Sec-WebSocket-Version", "8"}},
      {{"Sec-WebSocket-Version", ""}},
      {{"Sec-WebSocket-Key", ""}},
      {{"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ="}},
      {{"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25j\x01Q=="}},
  };
  for (const Headers& changes : wrong) {
    EXPECT_FALSE(read_websocket_offer(request(changes)))
        << changes[0].name << ": " << changes[0].value;
  }
  RequestHead twice = request();
  twice.headers.push_back({"sec-websocket-key", kKey});
  EXPECT_FALSE(read_websocket_offer(twice));
  RequestHead posted = request();
  posted.method = "POST";
  EXPECT_FALSE(read_websocket_offer(posted));
  RequestHead bodied = request();
  bodied.body = BodyKind::kLength;
  EXPECT_FALSE(read_websocket_offer(bodied));
  RequestHead option = request();
  option.upgrade = false;  // no "Connection: upgrade"
  EXPECT_FALSE(read_websocket_offer(option));
}

TEST(WebSocketHandshake, TheAnswerMustBeRight) {
  const auto offer = read_websocket_offer(request());
  ASSERT_TRUE(offer);
  EXPECT_FALSE(agree_on_websocket(*offer, response({}, "")));
  EXPECT_FALSE(agree_on_websocket(*offer, response({}, "s3pPLMBiTxaQ9kYGzzhZRbK+xOO=")));
  EXPECT_FALSE(agree_on_websocket(*offer, response({{"Sec-WebSocket-Accept", kAccept}})));
  EXPECT_FALSE(agree_on_websocket(*offer, response({{"Upgrade", "h2c"}})));
}

TEST(WebSocketHandshake, CompressionIsWhatBothSay) {
  const std::string all = "permessage-deflate; client_max_window_bits";
  EXPECT_EQ(terms_of(all, ""), "plain");
  EXPECT_EQ(terms_of(all, "permessage-deflate"), "on, on");
  EXPECT_EQ(terms_of("permessage-deflate", "permessage-deflate"), "on, on");
  EXPECT_EQ(terms_of(all, "permessage-deflate; client_no_context_takeover"), "afresh, on");
  EXPECT_EQ(terms_of(all, "permessage-deflate;server_no_context_takeover"), "on, afresh");
  EXPECT_EQ(terms_of(all, "permessage-deflate; client_max_window_bits=9; server_max_window_bits=8"),
            "on, on");
  EXPECT_EQ(terms_of("x-other, " + all + ", permessage-deflate", "permessage-deflate"), "on, on");
}

TEST(WebSocketHandshake, CompressionThatAClientMustRefuse) {
  const std::string all = "permessage-deflate; client_max_window_bits";
  EXPECT_EQ(terms_of("", "permessage-deflate"), "none") << "nobody offered it";
  EXPECT_EQ(terms_of("permessage-deflate", "permessage-deflate; client_max_window_bits=9"), "none");
  for (const char* accepted :
       {"x-other", "permessage-deflate, x-other", "permessage-deflate; more",
        "permessage-deflate; server_max_window_bits",
        "permessage-deflate; server_max_window_bits=7",
        "permessage-deflate; server_max_window_bits=16",
        "permessage-deflate; server_max_window_bits=09",
        "permessage-deflate; client_max_window_bits", "permessage-deflate;",
        "permessage-deflate; client_no_context_takeover=1",
        "permessage-deflate; client_no_context_takeover; client_no_context_takeover"}) {
    EXPECT_EQ(terms_of(all, accepted), "none") << accepted;
  }
}

}  // namespace
}  // namespace writ::protocol
