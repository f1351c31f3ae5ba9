// Bodies: room while they are held, and those that are longer than hold_max.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "daemon/gatekeeper_support.h"

namespace writ::daemon {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr std::uint64_t kHoldMax = 64u << 10;
constexpr std::uint64_t kTail = 16u << 10;  // as in gatekeeper.cpp

// Sends piece by piece and looks each time at what has left.
void send_watched(Wire& wire, const std::string& request) {
  for (std::size_t at = 0; at < request.size(); at += WRIT_CHUNK_MAX) {
    wire.send(std::string_view(request).substr(at, WRIT_CHUNK_MAX));
    const std::size_t left = wire.server_got().size();
    if (wire.sent().size() < kHoldMax) {
      ASSERT_EQ(left, 0u) << "nothing before hold_max";
    }
    if (wire.sent().size() < request.size() && left > 0) {
      ASSERT_LE(left + kTail, wire.sent().size()) << "the tail stays behind the scanner";
    }
  }
}

class BodyTest : public GatekeeperTest, public testing::WithParamInterface<bool> {};

TEST_P(BodyTest, ALongBodyStreamsBehindTheScanner) {
  start({.hold_max = kHoldMax});
  Wire wire = connect(GetParam());
  const std::string request = post(filler(600'000));
  ASSERT_NO_FATAL_FAILURE(send_watched(wire, request));
  EXPECT_TRUE(wire.server_got() == request);
  EXPECT_GE(kernel_.count("release"), 3u) << "it was to stream";
  EXPECT_LE(kernel_.count("release"), 6u) << "a release for every event is too many";
  ASSERT_EQ(decisions().size(), 1u);
  EXPECT_FALSE(decisions()[0].request().complete());
  EXPECT_THAT(decisions()[0].reason(), HasSubstr("first part"));
  EXPECT_EQ(committed(), 1u);
  wire.receive(answer("ok"));
  EXPECT_THAT(story(), ElementsAre("allowed", "completed"));
}

TEST_P(BodyTest, ALateFindingLeavesTheRequestIncomplete) {
  start({.hold_max = kHoldMax});
  Wire wire = connect(GetParam());
  const std::string request = post(filler(600'000) + " card " + kCard + " end");
  ASSERT_NO_FATAL_FAILURE(send_watched(wire, request));
  EXPECT_GT(wire.server_got().size(), 0u) << "the test is about a part that has left";
  EXPECT_LT(wire.server_got().size(), request.size() - 1000);
  EXPECT_EQ(wire.server_got().find("4111"), std::string::npos);
  const std::size_t left = wire.server_got().size();
  wire.send(get("/contacts/1"));
  gatekeeper_->help_stalled(*flows_);
  wire.close();
  EXPECT_EQ(wire.server_got().size(), left);
  EXPECT_THAT(story(), ElementsAre("allowed", GetParam() ? "aborted" : "refused"));
  EXPECT_THAT(outcomes()[0].detail(), HasSubstr("sarah may not send card numbers"))
      << "the decision is older and says nothing of it";
  EXPECT_EQ(session().denied, 1u);
}

TEST_P(BodyTest, AFindingInTheFirstPartDeniesAllOfIt) {
  start({.hold_max = kHoldMax});
  Wire wire = connect(GetParam());
  wire.send(post(kCard + (" " + filler(600'000))));
  EXPECT_EQ(wire.server_got().size(), 0u);
  EXPECT_THAT(story(), ElementsAre("rule_denied", GetParam() ? "aborted" : "refused"));
  EXPECT_EQ(committed(), 0u);
}

INSTANTIATE_TEST_SUITE_P(Transports, BodyTest, testing::Bool(),
                         [](const auto& with) { return with.param ? "Tls" : "Cleartext"; });

TEST_F(GatekeeperTest, ALongBodyWithBrokenChunksEndsWhereItBreaks) {
  start({.hold_max = kHoldMax});
  Wire wire = connect();
  wire.send(
      "POST /notes HTTP/1.1\r\nHost: crm.test\r\nTransfer-Encoding: chunked\r\n\r\n40000\r\n" +
      filler(0x40000) + "\r\n");
  const std::size_t left = wire.server_got().size();
  EXPECT_GT(left, 0u);
  wire.send("no size\r\n");
  wire.send(filler(300'000));
  EXPECT_EQ(wire.server_got().size(), left);
  EXPECT_THAT(story(), ElementsAre("allowed", "refused"));
  EXPECT_THAT(outcomes()[0].detail(), HasSubstr("bad_chunk_size"));
}

TEST_F(GatekeeperTest, ALossWithinALongBodyLeavesItIncomplete) {
  start({.hold_max = kHoldMax});
  Wire wire = connect_tls();
  const std::string request = post(filler(600'000));
  wire.send(request.substr(0, 400'000));
  const std::size_t left = wire.server_got().size();
  EXPECT_GT(left, 0u);
  wire.lose_out();
  wire.send(request.substr(400'000));
  EXPECT_EQ(wire.server_got().size(), left);
  EXPECT_THAT(gaps(), ElementsAre("plaintext_lost"));
  EXPECT_THAT(story(), ElementsAre("allowed", "aborted"));
}

TEST_F(GatekeeperTest, AnAgentThatClosesWithinALongBodyLeavesItIncomplete) {
  start({.hold_max = kHoldMax});
  Wire wire = connect_tls();
  wire.send(post(filler(600'000)).substr(0, 400'000));
  const std::size_t left = wire.server_got().size();
  wire.fin();
  EXPECT_EQ(wire.server_got().size(), left);
  EXPECT_THAT(story(), ElementsAre("allowed", "aborted"));
  EXPECT_THAT(outcomes()[0].detail(), HasSubstr("incomplete_message"));
}

TEST_F(GatekeeperTest, WhatIsLeftBelowAStepGoesAtTheNextLookButForTheTail) {
  start({.hold_max = kHoldMax});
  Wire wire = connect();
  wire.send(post(filler(600'000)).substr(0, 100'000));
  EXPECT_EQ(wire.server_got().size(), 0u);
  EXPECT_EQ(decisions().size(), 1u);
  gatekeeper_->help_stalled(*flows_);
  EXPECT_EQ(wire.server_got().size(), 100'000 - kTail);
}

TEST_F(GatekeeperTest, ALookReleasesNothingOfACallThatIsNotJudged) {
  start({.hold_max = kHoldMax});
  Wire wire = connect();
  wire.send(post(filler(600'000)).substr(0, 60'000));
  gatekeeper_->help_stalled(*flows_);
  EXPECT_EQ(wire.server_got().size(), 0u);
  EXPECT_THAT(decisions(), IsEmpty());
}

TEST_F(GatekeeperTest, AHeldBodyGetsRoomAndTheBufferIsGivenBack) {
  start();
  Wire small = connect();  // 9: fits into any buffer
  small.send(post(filler(1024)).substr(0, 200));
  Wire wire = connect();  // 10
  const std::string request = post(filler(50'000));
  (void)kernel_.take();
  wire.send(request.substr(0, 200));
  const Lines first = kernel_.take();
  ASSERT_THAT(first, ElementsAre(StartsWith("widen 10 to ")));
  EXPECT_GE(std::stoul(first[0].substr(12)), 48'000u);
  wire.send(request.substr(200));
  EXPECT_THAT(kernel_.take(), ElementsAre("release c10 to " + std::to_string(request.size()),
                                          "kick 10", "restore 10 to 87040"));
}

TEST_F(GatekeeperTest, ABufferThatCannotBeWidenedStopsNothing) {
  start();
  Wire wire = connect();
  kernel_.fail_call("widen");
  const std::string request = post(filler(20'000));
  wire.send(request);
  EXPECT_TRUE(wire.server_got() == request);
}

TEST_F(GatekeeperTest, ACallThatStallsGetsMoreRoom) {
  start();
  Wire wire = connect();
  wire.send(post(filler(1000)).substr(0, 200));
  gatekeeper_->help_stalled(*flows_);
  EXPECT_EQ(kernel_.count("widen"), 0u);
  std::this_thread::sleep_for(std::chrono::milliseconds(260));
  gatekeeper_->help_stalled(*flows_);
  EXPECT_EQ(kernel_.count("widen 9"), 1u);
  EXPECT_EQ(wire.server_got().size(), 0u);
}

TEST_F(GatekeeperTest, TheLoopLearnsThatSomethingIsHeld) {
  start();
  EXPECT_EQ(gatekeeper_->last_hold_ns(), 0u);
  Wire wire = connect();
  const std::uint64_t before = monotonic_ns();
  wire.send("POST /notes HTTP/1.1\r\nHost: crm.test\r\nContent-Length: 9\r\n\r\nabc");
  EXPECT_GE(gatekeeper_->last_hold_ns(), before);
  EXPECT_EQ(Gatekeeper::held_calls(*flows_, kCgroup), 1u);
  EXPECT_EQ(Gatekeeper::held_calls(*flows_, kCgroup + 1), 0u);
  wire.send("defghi");
  EXPECT_EQ(Gatekeeper::held_calls(*flows_, kCgroup), 0u);
}

}  // namespace
}  // namespace writ::daemon
