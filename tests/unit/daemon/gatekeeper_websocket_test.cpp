// WebSocket: each message is a call, control frames say nothing, a denied message does not leave.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/gatekeeper_support.h"
#include "daemon/websocket_conversation.h"
#include "protocol/websocket_frames.h"

namespace writ::daemon {
namespace {

using protocol::masked;
using protocol::ws_frame;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kChat = R"(version: 1
tools:
  - {name: crm.chat.open, host: crm.test, method: GET, path: /chat, scopes: [crm.contacts.read], effect: read, untrusted: true}
  - {name: crm.chat.say, host: crm.test, method: MESSAGE, path: /chat, scopes: [crm.notes.write], effect: write}
  - {name: crm.orders.open, host: crm.test, method: GET, path: /orders, scopes: [crm.contacts.read], effect: read}
  - {name: crm.order, host: crm.test, method: MESSAGE, path: /orders, scopes: [crm.notes.write], effect: write}
rules:
  - {id: sales-works, effect: allow, tools: [crm.*], roles: [sales]}
  - {id: no-cards, effect: deny, tools: [crm.chat.say], findings: [pii.card], reason: "{user} may not send card numbers"}
  - {id: cap, effect: deny, tools: [crm.order], args: {amount: {exists: true, gt: 500}}}
)";

std::string handshake(const std::string& extensions = "", const std::string& path = "/chat") {
  return get(path,
             "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
                 extensions);
}
std::string switching(const std::string& extensions = "",
                      const std::string& accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") {
  return "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
         "Sec-WebSocket-Accept: " +
         accept + "\r\n" + extensions + "\r\n";
}
std::string text(std::string_view content) { return masked(ws_frame(0x81, content)); }
std::string close_1000(const std::string& reason = "") {
  return ws_frame(0x88, std::string("\x03\xe8") + reason);
}
const std::string kDeflate = "Sec-WebSocket-Extensions: permessage-deflate\r\n";

class WebSocketTest : public GatekeeperTest {
 protected:
  void begin(identity::Mode mode = identity::Mode::kEnforce) {
    start({.policy = kChat, .mode = mode});
  }
  // A connection after its handshake.
  Wire open(bool tls = false, const std::string& extensions = "",
            const std::string& path = "/chat") {
    Wire wire = connect(tls);
    wire.send(handshake(extensions, path));
    wire.receive(switching(extensions));
    EXPECT_EQ(wire.server_got(), wire.sent());
    EXPECT_THAT(new_story(), ElementsAre("allowed"));
    return wire;
  }
};

TEST_F(WebSocketTest, EachMessageIsACall) {
  begin();
  Wire wire = open();
  wire.send(text("one") + text(R"({"amount": 500})") + masked(ws_frame(0x82, "three")));
  EXPECT_EQ(wire.server_got(), wire.sent());
  EXPECT_THAT(new_story(),
              ElementsAre("allowed", "allowed", "allowed", "completed", "completed", "completed"));
  const v1::Decision said = decisions()[1];
  EXPECT_EQ(said.tool().name(), "crm.chat.say");
  EXPECT_EQ(said.request().protocol(), "websocket");
  EXPECT_EQ(said.request().method(), "MESSAGE");
  EXPECT_EQ(said.request().path(), "/chat");
  EXPECT_EQ(said.request().bytes(), text("one").size());
  EXPECT_TRUE(said.request().complete());
  EXPECT_EQ(said.destination().host(), "crm.test");
  EXPECT_EQ(committed(), 4u);
}

TEST_F(WebSocketTest, AMessageIsHeldUntilItIsWhole) {
  begin();
  Wire wire = open();
  const std::string before = wire.sent();
  wire.send(masked(ws_frame(0x01, "be")) + masked(ws_frame(0x89, "ping")));
  EXPECT_EQ(wire.server_got(), before);
  wire.send(masked(ws_frame(0x00, "gin")), 1);
  EXPECT_EQ(wire.server_got(), before);
  EXPECT_THAT(new_story(), IsEmpty());
  wire.send(masked(ws_frame(0x80, "")));
  EXPECT_EQ(wire.server_got(), wire.sent());
  EXPECT_THAT(new_story(), ElementsAre("allowed", "completed"));
}

TEST_F(WebSocketTest, BytewiseItIsTheSame) {
  begin();
  Wire wire = open();
  wire.send(text("one") + masked(ws_frame(0x8a, "")) + text("two"), 1);
  EXPECT_EQ(wire.server_got(), wire.sent());
  EXPECT_THAT(new_story(), ElementsAre("allowed", "completed", "allowed", "completed"));
}

TEST_F(WebSocketTest, ADeniedMessageStaysAndTheAgentReadsWhy) {
  begin();
  Wire wire = open();
  wire.send(text("before"));
  const std::string before = wire.sent();
  wire.send(text(std::string("my card is ") + kCard) + text("behind it"));
  EXPECT_EQ(wire.server_got(), before);
  EXPECT_THAT(new_story(), ElementsAre("allowed", "completed", "rule_denied", "refused",
                                       "incomplete", "rule_denied", "incomplete"));
  ASSERT_EQ(kernel_.answers.size(), 1u);
  EXPECT_EQ(kernel_.answers[0], ws_frame(0x88, "\x03\xf0writ: sarah may not send card numbers"));
  EXPECT_THAT(outcomes()[2].detail(), HasSubstr("WebSocket: 3 messages of the agent"));
  // The client's answer to the Close ends the connection.
  wire.send(masked(close_1000()));
  EXPECT_EQ(kernel_.count("abort 9"), 1u);
  EXPECT_EQ(wire.server_got(), before);
}

TEST_F(WebSocketTest, ArgumentsAreJudged) {
  begin();
  Wire wire = open(false, "", "/orders");
  wire.send(text(R"({"amount": 500})"));
  const std::string before = wire.sent();
  wire.send(text(R"({"amount": 501})"));
  EXPECT_EQ(wire.server_got(), before);
  EXPECT_EQ(decisions().back().rule(), "cap");
}

TEST_F(WebSocketTest, WithinAFrameOfTheServerAndOverTlsADenialIsAnAbort) {
  begin();
  Wire wire = open();
  wire.receive(ws_frame(0x81, "a message").substr(0, 5));
  wire.send(text(kCard));
  EXPECT_EQ(kernel_.count("abort 9"), 1u);
  EXPECT_THAT(new_story(), ElementsAre("rule_denied", "aborted", "incomplete"));
  Wire over_tls = open(true);
  over_tls.send(text(kCard));
  EXPECT_EQ(kernel_.count("abort 10"), 1u);
  EXPECT_EQ(kernel_.count("refuse"), 0u);
}

TEST_F(WebSocketTest, BetweenFramesOfAMessageTheServersCloseMayStand) {
  begin();
  Wire wire = open();
  wire.receive(ws_frame(0x01, "a mess"));
  wire.send(text(kCard));
  EXPECT_EQ(kernel_.count("abort"), 0u);
  EXPECT_THAT(story(), testing::Contains("refused"));
}

TEST_F(WebSocketTest, WhatTheServerSaysIsTheHandshakesResult) {
  begin();
  Wire wire = open();
  wire.receive(ws_frame(0x81, "open ses") + ws_frame(0x81, "ame"));
  EXPECT_EQ(session().facts.sources().size(), 1u) << "two messages are no word";
  wire.receive(ws_frame(0x01, "open ses") + ws_frame(0x89, "ping"));
  wire.receive(ws_frame(0x80, "ame"));
  EXPECT_EQ(session().facts.sources().size(), 2u) << "what came counts before the connection ends";
  EXPECT_THAT(outcomes(), IsEmpty());
  wire.receive(close_1000());
  wire.send(masked(close_1000()));
  EXPECT_EQ(wire.server_got(), wire.sent());
  wire.close();
  const auto ended = outcomes();
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].result(), "completed");
  EXPECT_EQ(ended[0].status(), 101u);
  EXPECT_EQ(ended[0].bytes(), 22u);
  EXPECT_FALSE(ended[0].digest().empty());
  ASSERT_EQ(ended[0].findings_size(), 1);
  EXPECT_EQ(ended[0].findings(0).rule(), "injection.test");
  EXPECT_EQ(ended[0].detail(),
            "WebSocket: 0 messages of the agent, 3 of the server, closed by the server");
}

TEST_F(WebSocketTest, AConnectionThatEndsWithoutAClose) {
  begin();
  Wire wire = open();
  wire.send(text("one"));
  wire.close();
  EXPECT_EQ(outcomes().back().result(), "incomplete");
  EXPECT_EQ(outcomes().back().detail(),
            "WebSocket: 1 messages of the agent, 0 of the server, no Close frame");
}

TEST_F(WebSocketTest, ControlFramesThatSayNothingPass) {
  begin();
  Wire wire = open();
  wire.receive(ws_frame(0x89, "what the server asks") + ws_frame(0x89, "and again"));
  wire.send(masked(ws_frame(0x8a, "and again")));
  wire.send(masked(ws_frame(0x89, "12345678")));
  wire.send(masked(ws_frame(0x8a, "")));
  wire.receive(close_1000("and a reason"));
  wire.send(masked(close_1000("and a reason")));
  EXPECT_EQ(wire.server_got(), wire.sent());
  EXPECT_THAT(new_story(), IsEmpty()) << "they are no calls";
}

struct Refused {
  const char* name;
  std::string frame;
  const char* code;
};

TEST_F(WebSocketTest, ControlFramesThatMaySaySomethingDoNot) {
  begin();
  const Refused all[] = {
      {"a long ping", ws_frame(0x89, "123456789"), "ping_too_long"},
      {"a pong to nothing", ws_frame(0x8a, "x"), "unsolicited_pong"},
      {"a close within a message", ws_frame(0x01, "x") + close_1000(), "close_in_message"},
      {"a reserved bit", ws_frame(0x91, "x"), "reserved_bits"},
      {"no compression was agreed on", ws_frame(0xc1, "x"), "reserved_bits"},
  };
  for (const Refused& one : all) {
    SCOPED_TRACE(one.name);
    Wire wire = open();
    const std::string before = wire.sent();
    wire.send(masked(one.frame));
    EXPECT_EQ(wire.server_got(), before);
    EXPECT_THAT(new_story(), ElementsAre("unparseable", "refused", "incomplete"));
    EXPECT_THAT(decisions().back().reason(), HasSubstr(one.code));
    EXPECT_EQ(decisions().back().request().path(), "/chat");
  }
  Wire wire = open();
  const std::string before = wire.sent();
  wire.send(ws_frame(0x81, "without a mask"));
  EXPECT_EQ(wire.server_got(), before);
  EXPECT_THAT(decisions().back().reason(), HasSubstr("mask_missing"));
}

TEST_F(WebSocketTest, TheReasonOfACloseIsJudged) {
  begin();
  Wire fine = open();
  fine.send(masked(close_1000("bye")));
  EXPECT_EQ(fine.server_got(), fine.sent());
  EXPECT_THAT(new_story(), ElementsAre("allowed", "completed"));
  Wire wire = open();
  const std::string before = wire.sent();
  wire.send(masked(close_1000(kCard)));
  EXPECT_EQ(wire.server_got(), before);
  EXPECT_EQ(decisions().back().rule(), "no-cards");
}

TEST_F(WebSocketTest, ALongMessageIsDecidedAtTheBoundAndScannedOn) {
  begin();
  Wire wire = open();
  const std::string before = wire.sent();
  const std::string message = text(filler(300'000) + kCard);
  wire.send(message.substr(0, 200'000));
  EXPECT_THAT(new_story(), ElementsAre("allowed"));
  EXPECT_LT(wire.server_got().size(), before.size() + 200'000 - 16'000) << "the tail stays";
  EXPECT_GT(wire.server_got().size(), before.size() + 100'000);
  wire.send(message.substr(200'000));
  EXPECT_LT(wire.server_got().size(), wire.sent().size() - 16'000) << "its end does not leave";
  EXPECT_THAT(new_story(), ElementsAre("refused", "incomplete"));
  Wire fine = open();
  fine.send(text(filler(300'000)) + text("and another"));
  EXPECT_EQ(fine.server_got(), fine.sent());
}

TEST_F(WebSocketTest, ManyMessagesInOneWrite) {
  begin();
  Wire wire = open();
  std::string all;
  for (int i = 0; i < 3000; ++i) all += text("x");
  wire.send(all);
  EXPECT_EQ(wire.server_got(), wire.sent());
  EXPECT_EQ(decisions().size(), 3001u);
}

TEST_F(WebSocketTest, CompressedMessagesAreReadAsWhatTheySay) {
  begin();
  Wire wire = open(false, kDeflate);
  // "Hello", RFC 7692 section 7.2.3.1; then the same by reference.
  wire.send(masked(protocol::from_hex("c1 07 f248cdc9c90700 c1 05 f200110000")));
  EXPECT_EQ(wire.server_got(), wire.sent());
  wire.receive(protocol::from_hex("c1 07 f248cdc9c90700"));
  wire.receive(close_1000());
  wire.close();
  const auto said = decisions();
  ASSERT_EQ(said.size(), 3u);
  EXPECT_EQ(said[1].request().digest(), said[2].request().digest());
  EXPECT_EQ(outcomes().back().bytes(), 5u);
}

TEST_F(WebSocketTest, OnlyARightHandshakeOpensOne) {
  begin();
  Wire wire = connect();
  wire.send(handshake());
  wire.receive(switching("", "c3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
  EXPECT_THAT(story(), ElementsAre("allowed", "completed", "opaque", "aborted"));
  Wire extended = connect();
  extended.send(handshake());
  extended.receive(switching("Sec-WebSocket-Extensions: x-other\r\n"));
  EXPECT_EQ(decisions().back().code(), "opaque");
}

TEST_F(WebSocketTest, FramesBeforeTheServerHasSwitchedStayHeld) {
  begin();
  Wire wire = connect();
  wire.send(handshake());
  const std::string before = wire.sent();
  wire.send(text("too early"));
  EXPECT_EQ(wire.server_got(), before);
  EXPECT_EQ(decisions().back().code(), "unparseable");
}

TEST_F(WebSocketTest, FramesInThePieceOfThe101AreRead) {
  begin();
  Wire wire = connect();
  wire.send(handshake());
  wire.receive(switching() + ws_frame(0x89, "a longer ping"));
  wire.send(masked(ws_frame(0x8a, "a longer ping")));
  EXPECT_EQ(wire.server_got(), wire.sent());
}

TEST_F(WebSocketTest, ARevokedWritEndsTheConnection) {
  begin();
  Wire wire = open();
  book_.revoke(session().handle, "test", std::chrono::system_clock::now());
  EXPECT_EQ(gatekeeper_->withdraw(*flows_, kCgroup), 1u);
  EXPECT_THAT(new_story(), ElementsAre("refused"));
  EXPECT_THAT(outcomes().back().detail(), HasSubstr("writ_revoked"));
  const std::string before = wire.sent();
  wire.send(text("later"));
  EXPECT_EQ(wire.server_got(), before);
}

TEST_F(WebSocketTest, ObservedOnlyEverythingIsOnRecord) {
  begin(identity::Mode::kObserve);
  Wire wire = connect();
  wire.send(handshake());
  wire.receive(switching());
  wire.send(text("one") + text(kCard) + masked(ws_frame(0x89, "a long ping that nobody looks at")) +
            text("behind"));
  EXPECT_THAT(kernel_.answers, IsEmpty());
  wire.close();
  EXPECT_THAT(new_story(), ElementsAre("allowed", "allowed", "rule_denied", "unparseable",
                                       "completed", "completed", "incomplete", "incomplete"));
}

}  // namespace
}  // namespace writ::daemon
