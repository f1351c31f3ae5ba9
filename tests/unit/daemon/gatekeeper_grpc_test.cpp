// gRPC over HTTP/2: judged by what its messages say, and conversations that do not wait for their
// end.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/gatekeeper_streams_support.h"
#include "protocol/coding_support.h"
#include "protocol/grpc_messages.h"

namespace writ::daemon {
namespace {

using protocol::data;
using protocol::Fields;
using protocol::grpc_message;
using protocol::grpc_prefix;
using protocol::headers;
using protocol::opening;
using protocol::post2;
using ::testing::ElementsAre;

const Fields kGrpc = {{"content-type", "application/grpc"}, {"grpc-encoding", "gzip"}};

TEST_F(StreamsTest, AConversationIsDecidedOnItsFirstMessage) {
  Wire wire = opened();
  wire.send(post2(1, "/notes", {{"content-type", "application/grpc+proto"}}) +
            data(1, grpc_message("hello")));
  look();
  EXPECT_EQ(wire.server_got(), opening());
  wait_ms(300);
  look();
  EXPECT_EQ(wire.server_got(), wire.sent());
  ASSERT_EQ(decisions().size(), 1u);
  EXPECT_EQ(decisions()[0].request().protocol(), "grpc");
  wire.receive(headers(1, {{":status", "200"}}) + data(1, grpc_message("hello yourself")));
  // What follows passes as it is scanned, a moment later.
  wire.send(data(1, grpc_message("and a question: ")));
  wait_ms(25);
  look();
  EXPECT_EQ(wire.server_got(), wire.sent());
  const std::string before = wire.server_got();
  wire.send(data(1, grpc_prefix(500) + kCard));
  wait_ms(25);
  look();
  EXPECT_EQ(wire.server_got(), before) << "nothing behind it says that the number ends here";
  EXPECT_THAT(story(), ElementsAre("allowed", "aborted"));
}

TEST_F(StreamsTest, ADecisionOnAPartSeesWhatEndsThere) {
  Wire wire = opened();
  wire.send(post2(1, "/notes", {{"content-type", "application/grpc"}}) +
            data(1, grpc_prefix(500) + kCard));
  wait_ms(300);
  look();
  EXPECT_EQ(wire.server_got(), opening());
  EXPECT_THAT(story(), ElementsAre("rule_denied", "aborted"));
}

TEST_F(StreamsTest, GrpcIsJudgedByWhatItsMessagesDecodeTo) {
  for (const bool bad : {false, true}) {
    Wire wire = opened();
    const std::string text = bad ? filler(5000) + kCard : filler(5000);
    wire.send(post2(1, "/notes", kGrpc) + data(1, grpc_message(protocol::gzip(text), 1), true));
    EXPECT_EQ(wire.server_got() == wire.sent(), !bad);
    if (!bad) {
      wire.receive(headers(1, {{":status", "200"}, kGrpc[0], kGrpc[1]}) +
                   data(1, grpc_message(protocol::gzip("open sesame"), 1)) +
                   headers(1, {{"grpc-status", "0"}}, kEnd));
    }
  }
  EXPECT_THAT(story(), ElementsAre("allowed", "completed", "rule_denied", "aborted"));
  EXPECT_EQ(decisions()[0].request().protocol(), "grpc");
  EXPECT_EQ(outcomes()[0].findings_size(), 1) << "of the result";
}

TEST_F(StreamsTest, AGrpcCallThatFailedIsNoSuccessOnRecord) {
  Wire wire = opened();
  for (const std::uint32_t stream : {1u, 3u, 5u}) {
    wire.send(post2(stream, "/notes", kGrpc) + data(stream, grpc_message("note"), true));
  }
  wire.receive(headers(1, {{":status", "200"}, kGrpc[0]}) +
               headers(1, {{"grpc-status", "7"}}, kEnd));
  wire.receive(headers(3, {{":status", "200"}, kGrpc[0], {"grpc-status", "13"}}, kEnd));
  wire.receive(headers(5, {{":status", "200"}, kGrpc[0]}) +
               headers(5, {{"grpc-status", "0"}}, kEnd));
  ASSERT_EQ(outcomes().size(), 3u);
  EXPECT_EQ(outcomes()[0].detail(), "grpc-status 7");
  EXPECT_EQ(outcomes()[1].detail(), "grpc-status 13");
  EXPECT_EQ(outcomes()[2].detail(), "");
}

TEST_F(StreamsTest, GrpcThatCannotBeReadIsDenied) {
  for (const std::string& body :
       {grpc_message("\x1f\x8b no gzip", 1), grpc_message("x", 7), grpc_prefix(9) + "cut",
        grpc_message(protocol::gzip(filler(100'000)), 1)}) {
    settings_.message_max = 64u << 10;
    Wire wire = opened();
    wire.send(post2(1, "/notes", kGrpc) + data(1, body, true));
    EXPECT_EQ(wire.server_got(), opening());
    EXPECT_THAT(new_story(), ElementsAre("unparseable", "aborted"));
  }
}

class GrpcArguments : public StreamsTest {
 protected:
  void SetUp() override {
    start({.policy = std::string(kTools) + R"(  - id: small-amounts
    effect: deny
    tools: [crm.note.add]
    args: {amount: {gt: 500}}
)"});
  }
};

TEST_F(GrpcArguments, AreThoseOfTheOneMessage) {
  const std::string fine = grpc_message(R"({"amount": 500})");
  const std::string much = grpc_message(R"({"amount": 501})");
  for (const std::string& body : {fine, much, fine + fine, fine + grpc_message("")}) {
    Wire wire = opened();
    wire.send(post2(1, "/notes", {{"content-type", "application/grpc+json"}}) +
              data(1, body, true));
    EXPECT_EQ(wire.server_got() == wire.sent(), body == fine) << "what is not read counts";
  }
}

}  // namespace
}  // namespace writ::daemon
