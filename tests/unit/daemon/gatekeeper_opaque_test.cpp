// Bytes that no channel explains: opaque records, tunnels; and the processes behind them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/gatekeeper_support.h"

namespace writ::daemon {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string with(std::string policy, const std::string& opaque,
                 const std::string& inbound = "deny") {
  const std::string from = "on_opaque: deny\n";
  return policy.replace(policy.find(from), from.size(),
                        "on_opaque: " + opaque + "\non_inbound: " + inbound + "\n");
}

TEST_F(GatekeeperTest, OpaqueBytesAreDenied) {
  start();
  Wire wire = connect_tls();
  (void)kernel_.take();
  wire.opaque();
  EXPECT_THAT(kernel_.take(), ElementsAre("abort 9"));
  EXPECT_THAT(story(), ElementsAre("opaque", "aborted"));
  const v1::Decision made = decisions()[0];
  EXPECT_EQ(made.verdict(), v1::VERDICT_DENY);
  EXPECT_EQ(made.request().protocol(), "opaque");
  EXPECT_EQ(made.destination().address(), "10.0.0.2");
  EXPECT_TRUE(made.destination().tls());
  EXPECT_THAT(made.reason(), HasSubstr("TLS records that no covered library made"));
}

TEST_F(GatekeeperTest, EachReasonForOpaqueHasItsWords) {
  start();
  Lines reasons;
  for (std::uint32_t reason = WRIT_OPAQUE_NO_PLAINTEXT; reason <= WRIT_OPAQUE_INBOUND; ++reason) {
    connect_tls().opaque(reason);
    reasons.push_back(decisions().back().reason());
    EXPECT_EQ(std::count(reasons.begin(), reasons.end(), reasons.back()), 1);
    EXPECT_EQ(decisions().back().code(), reason == WRIT_OPAQUE_INBOUND ? "inbound" : "opaque");
  }
  EXPECT_EQ(kernel_.count("abort"), 6u);
}

TEST_F(GatekeeperTest, AllowedOpaqueBytesPassAndTheRecordSaysThatNothingWasSeen) {
  start({.policy = with(kTools, "allow")});
  Wire wire = connect_tls();
  (void)kernel_.take();
  std::size_t recorded = 0;
  kernel_.before = [&](std::string_view name) {
    if (name == "pass_all") recorded = decisions().size();
  };
  wire.opaque();
  EXPECT_THAT(kernel_.take(), ElementsAre("pass 9", "kick 9"));
  EXPECT_EQ(recorded, 1u) << "the decision comes before the pass";
  EXPECT_THAT(story(), ElementsAre("opaque", "incomplete"));
  EXPECT_EQ(decisions()[0].verdict(), v1::VERDICT_ALLOW);
  EXPECT_EQ(decisions()[0].rule(), "built-in:opaque");
}

TEST_F(GatekeeperTest, HoldIsADenialInThisVersion) {
  start({.policy = with(kTools, "hold")});
  Wire wire = connect_tls();
  wire.opaque();
  EXPECT_EQ(kernel_.count("pass"), 0u);
  EXPECT_EQ(kernel_.count("abort 9"), 1u);
  EXPECT_THAT(decisions()[0].reason(), HasSubstr("hold"));
}

TEST_F(GatekeeperTest, InboundHasASettingOfItsOwn) {
  start({.policy = with(kTools, "deny", "allow")});
  Wire inbound = connect();  // 9
  inbound.opaque(WRIT_OPAQUE_INBOUND);
  Wire opaque = connect();  // 10
  opaque.opaque(WRIT_OPAQUE_UNSEEN);
  EXPECT_EQ(kernel_.count("pass 9"), 1u);
  EXPECT_EQ(kernel_.count("pass 10"), 0u);
  EXPECT_EQ(kernel_.count("abort 10"), 1u);
}

TEST_F(GatekeeperTest, AnAllowedOpaqueThatCannotPassIsEnded) {
  start({.policy = with(kTools, "allow")});
  Wire wire = connect_tls();
  (void)kernel_.take();
  kernel_.fail_call("pass_all");
  wire.opaque();
  EXPECT_THAT(kernel_.take(), ElementsAre("pass 9", "failed", "abort 9"));
  EXPECT_THAT(story(), ElementsAre("opaque", "aborted"));
}

TEST_F(GatekeeperTest, AMissedKickOfOpaqueBytesIsCounted) {
  start({.policy = with(kTools, "allow")});
  kernel_.fail_call("kick");
  connect_tls().opaque();
  EXPECT_EQ(gatekeeper_->counters().missed_kicks, 1u);
  EXPECT_THAT(story(), ElementsAre("opaque", "incomplete"));
}

TEST_F(GatekeeperTest, AllowedOpaqueBytesWithoutARecordDoNotPass) {
  start({.policy = with(kTools, "allow")});
  disk_.full = true;
  connect_tls().opaque();
  EXPECT_EQ(kernel_.count("pass"), 0u);
  EXPECT_EQ(kernel_.count("abort 9"), 1u);
}

TEST_F(GatekeeperTest, OpaqueBytesThatCannotBeEndedStayHeld) {
  start();
  kernel_.fail_call("abort");
  connect_tls().opaque();
  EXPECT_EQ(gatekeeper_->counters().degraded_denials, 1u);
  EXPECT_THAT(story(), ElementsAre("opaque", "held"));
}

TEST_F(GatekeeperTest, OpaqueBytesOnAConnectionWithCallsEndIt) {
  start();
  Wire wire = connect();
  const std::string first = get("/contacts/7");
  wire.send(first);
  wire.opaque(WRIT_OPAQUE_UNSEEN);
  wire.send(get("/contacts/8"));
  EXPECT_EQ(wire.server_got(), first);
  EXPECT_EQ(kernel_.count("abort 9"), 1u);
  wire.close();
  EXPECT_THAT(story(), ElementsAre("allowed", "opaque", "aborted", "incomplete"));
}

TEST_F(GatekeeperTest, OpaqueBytesNeverOpenAConnectionThatWasDenied) {
  start({.policy = with(kTools, "allow")});
  Wire wire = connect();
  wire.send("DELETE /contacts/7 HTTP/1.1\r\nHost: crm.test\r\n\r\n");
  (void)kernel_.take();
  wire.opaque(WRIT_OPAQUE_UNSEEN);
  EXPECT_THAT(kernel_.take(), ElementsAre("abort 9"));
  EXPECT_EQ(wire.server_got(), "");
}

TEST_F(GatekeeperTest, BehindAnUpgradeTheBytesAreOpaque) {
  start();
  Wire wire = connect();
  wire.send(get("/events", "Connection: Upgrade\r\nUpgrade: websocket\r\n"));
  const std::string request = wire.sent();
  EXPECT_EQ(wire.server_got(), request);
  wire.receive(
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  EXPECT_EQ(kernel_.count("abort 9"), 1u);
  wire.send(get("/contacts/7"));
  EXPECT_EQ(wire.server_got(), request) << "it only looks like HTTP";
  EXPECT_THAT(story(), ElementsAre("allowed", "completed", "opaque", "aborted"));
  EXPECT_EQ(outcomes()[0].status(), 101u);
}

TEST_F(GatekeeperTest, AnUpgradeThatTheServerIgnoresStaysHttp) {
  start();
  Wire wire = connect();
  wire.send(get("/events", "Connection: Upgrade\r\nUpgrade: websocket\r\n"));
  wire.receive(answer("no"));
  wire.send(get("/contacts/7"));
  wire.receive(answer("{}"));
  EXPECT_EQ(wire.server_got(), wire.sent());
  EXPECT_THAT(story(), ElementsAre("allowed", "completed", "allowed", "completed"));
}

TEST_F(GatekeeperTest, ATunnelIsJudgedOnceAndPassesWherePolicyAllowsIt) {
  start({.policy = with(kTools, "allow")});
  Wire wire = connect();
  const std::string request = "CONNECT crm.test:443 HTTP/1.1\r\nHost: crm.test:443\r\n\r\n";
  wire.send(request);
  EXPECT_EQ(wire.server_got(), request);
  EXPECT_EQ(kernel_.count("pass"), 0u) << "the server has not said yes yet";
  wire.receive("HTTP/1.1 200 OK\r\n\r\n");
  EXPECT_EQ(kernel_.count("pass 9"), 1u);
  wire.receive("anything");
  wire.send("\x16\x03\x01 what a tunnel carries");
  EXPECT_EQ(wire.server_got(), wire.sent());
  EXPECT_EQ(kernel_.count("pass 9"), 1u);
  EXPECT_THAT(story(), ElementsAre("allowed", "completed", "opaque", "incomplete"));
}

TEST_F(GatekeeperTest, BytesBehindAConnectWithoutAnAnswerStayHeld) {
  start({.policy = with(kTools, "allow")});
  Wire wire = connect();
  const std::string request = "CONNECT crm.test:443 HTTP/1.1\r\nHost: crm.test:443\r\n\r\n";
  wire.send(request);
  wire.send("\x16\x03\x01 too early");
  EXPECT_EQ(wire.server_got(), request);
  EXPECT_THAT(decisions().back().reason(), HasSubstr("bytes_before_tunnel"));
}

TEST_F(GatekeeperTest, ARefusedConnectStaysHttp) {
  start();
  Wire wire = connect();
  wire.send("CONNECT crm.test:443 HTTP/1.1\r\nHost: crm.test:443\r\n\r\n");
  wire.receive("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n");
  wire.send(get("/contacts/7"));
  EXPECT_EQ(wire.server_got(), wire.sent());
  EXPECT_THAT(story(), ElementsAre("allowed", "completed", "allowed"));
}

TEST_F(GatekeeperTest, AProcessIsCoveredAsItConnectsAndAsItStarts) {
  start();
  const std::string self = std::to_string(::getpid());
  (void)connect();
  EXPECT_THAT(kernel_.take(), ElementsAre("cover " + self + " at most every 1000"));
  kernel_.fail_call("cover_process");
  (void)connect();
  EXPECT_THAT(reports_, ElementsAre(HasSubstr("stays held as opaque")));
  writ_event event = {};
  event.type = WRIT_EVENT_EXEC;
  event.session = kCgroup;
  event.pid = 4711;
  (void)kernel_.take();
  flows_->on_exec(event, "/usr/bin/agent");
  event.type = WRIT_EVENT_EXIT;
  flows_->on_exec(event, "");
  EXPECT_THAT(kernel_.take(), ElementsAre("cover 4711", "forget process 4711"));
}

}  // namespace
}  // namespace writ::daemon
