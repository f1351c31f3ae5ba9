// A writ that ends while calls are under way.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "daemon/gatekeeper_support.h"

namespace writ::daemon {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string opaque_allowed() {
  std::string policy = kTools;
  policy.replace(policy.find("on_opaque: deny"), 15, "on_opaque: allow");
  return policy;
}

class EndedWritTest : public GatekeeperTest {
 protected:
  std::uint32_t revoke() {
    book_.revoke(session().handle, "user sarah", std::chrono::system_clock::now());
    return gatekeeper_->withdraw(*flows_, kCgroup);
  }
};

class WritTest : public EndedWritTest, public testing::WithParamInterface<bool> {};

TEST_P(WritTest, AHeldCallIsDeniedWhenItIsRevoked) {
  start();
  Wire wire = connect(GetParam());
  const std::string request = post(filler(3000));
  wire.send(std::string_view(request).substr(0, 1500));
  ASSERT_THAT(story(), IsEmpty()) << "it was to be held";
  EXPECT_EQ(revoke(), 1u);
  EXPECT_THAT(story(), ElementsAre("writ_revoked", GetParam() ? "aborted" : "refused"));
  EXPECT_THAT(decisions()[0].reason(), HasSubstr("is revoked"));
  wire.send(std::string_view(request).substr(1500));
  EXPECT_EQ(wire.server_got(), "");
  EXPECT_EQ(committed(), 0u);
}

TEST_P(WritTest, WhatIsAskedLaterIsDeniedAsItComes) {
  start();
  Wire wire = connect(GetParam());
  wire.send(get("/contacts/7"));
  wire.receive(answer("ok"));
  EXPECT_EQ(revoke(), 0u) << "nothing was held";
  const std::string before = wire.server_got();
  wire.send(get("/contacts/8"));
  EXPECT_EQ(wire.server_got(), before);
  EXPECT_THAT(story(), ElementsAre("allowed", "completed", "writ_revoked",
                                   GetParam() ? "aborted" : "refused"));
}

TEST_P(WritTest, ALongBodyEndsInItsMiddle) {
  start({.hold_max = 64u << 10});
  Wire wire = connect(GetParam());
  const std::string request = post(filler(600'000));
  wire.send(std::string_view(request).substr(0, 300'000));
  const std::size_t left = wire.server_got().size();
  ASSERT_GT(left, 0u);
  EXPECT_EQ(revoke(), 1u);
  wire.send(std::string_view(request).substr(300'000));
  EXPECT_EQ(wire.server_got().size(), left) << "the next byte counts";
  EXPECT_THAT(story(), ElementsAre("allowed", GetParam() ? "aborted" : "refused"));
  EXPECT_THAT(outcomes()[0].detail(), HasSubstr("is revoked"));
}

TEST_P(WritTest, ItsTimeRunsOutWithoutAWithdrawal) {
  start();
  Wire wire = connect(GetParam());
  book_.end(session().handle, std::chrono::system_clock::now());
  wire.send(get("/contacts/7"));
  EXPECT_THAT(story(), ElementsAre("writ_expired", GetParam() ? "aborted" : "refused"));
  EXPECT_EQ(wire.server_got(), "");
}

TEST_P(WritTest, NobodyIsKnownBehindIt) {
  start();
  session().writ.id.clear();
  session().writ.user = {};
  Wire wire = connect(GetParam());
  wire.send(get("/contacts/7"));
  EXPECT_THAT(story(), ElementsAre("no_identity", GetParam() ? "aborted" : "refused"));
  EXPECT_EQ(decisions()[0].user().id(), "");
  EXPECT_EQ(wire.server_got(), "");
}

TEST_P(WritTest, WaitsUntilItIsKnownWhoItIs) {
  start();
  const identity::Writ writ = session().writ;
  session().writ.id.clear();
  session().resolving = true;
  Wire wire = connect(GetParam());
  wire.send(get("/contacts/7"));
  ASSERT_THAT(story(), IsEmpty()) << "it was to be held";
  EXPECT_EQ(wire.server_got(), "");
  session().writ = writ;
  session().resolving = false;
  gatekeeper_->resume(*flows_, kCgroup);
  EXPECT_EQ(wire.server_got(), get("/contacts/7"));
  wire.receive(answer("ok"));
  EXPECT_THAT(story(), ElementsAre("allowed", "completed"));
  EXPECT_EQ(decisions()[0].user().id(), "sarah");
}

TEST_P(WritTest, IsDeniedWhenNobodyIsFound) {
  start();
  session().writ.id.clear();
  session().resolving = true;
  Wire wire = connect(GetParam());
  wire.send(get("/contacts/7"));
  ASSERT_THAT(story(), IsEmpty());
  session().resolving = false;
  gatekeeper_->resume(*flows_, kCgroup);
  EXPECT_THAT(story(), ElementsAre("no_identity", GetParam() ? "aborted" : "refused"));
  EXPECT_EQ(wire.server_got(), "");
}

TEST_P(WritTest, AnObserverIsToldAndNothingIsEnded) {
  start({.mode = identity::Mode::kObserve});
  Wire wire = connect(GetParam());
  EXPECT_EQ(revoke(), 0u);
  wire.send(get("/contacts/7"));
  EXPECT_THAT(story(), Contains("writ_revoked"));
  EXPECT_EQ(kernel_.count("abort") + kernel_.count("refuse"), 0u);
}

INSTANTIATE_TEST_SUITE_P(ClearAndTls, WritTest, testing::Bool());

TEST_F(EndedWritTest, OpaqueBytesAreDenied) {
  start({.policy = opaque_allowed()});
  Wire wire = connect_tls();
  book_.end(session().handle, std::chrono::system_clock::now());
  wire.opaque();
  EXPECT_THAT(story(), ElementsAre("writ_expired", "aborted"));
  EXPECT_EQ(kernel_.count("pass"), 0u);
}

TEST_F(EndedWritTest, WhatPassesAsOpaqueIsEnded) {
  start({.policy = opaque_allowed()});
  Wire wire = connect_tls();
  wire.opaque();
  ASSERT_EQ(kernel_.count("pass 9"), 1u);
  revoke();
  EXPECT_EQ(kernel_.count("abort 9"), 1u);
}

TEST_F(EndedWritTest, ATunnelIsEnded) {
  start({.policy = opaque_allowed()});
  Wire wire = connect();
  wire.send("CONNECT crm.test:443 HTTP/1.1\r\nHost: crm.test:443\r\n\r\n");
  wire.receive("HTTP/1.1 200 OK\r\n\r\n");
  ASSERT_EQ(kernel_.count("pass 9"), 1u);
  revoke();
  EXPECT_EQ(kernel_.count("abort 9"), 1u);
}

}  // namespace
}  // namespace writ::daemon
