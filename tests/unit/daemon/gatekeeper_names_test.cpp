// Datagrams, and the names that DNS gives to where a call goes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include "daemon/gatekeeper_support.h"

namespace writ::daemon {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// That api.acme.test is 10.0.0.2, which is where Wire connects to.
std::string answer_of_dns() {
  const std::string question("\3api\4acme\4test\0\0\1\0\1", 19);
  const std::string record("\xc0\x0c\0\1\0\1\0\0\1\0\0\4\x0a\0\0\2", 16);
  return std::string("\0\7\x81\x80\0\1\0\1\0\0\0\0", 12) + question + record;
}

class GatekeeperNamesTest : public GatekeeperTest {
 protected:
  void resolve(const std::string& message, std::size_t length, std::uint64_t cgroup = kCgroup) {
    writ_event_dns event = {};
    event.head.type = WRIT_EVENT_DNS;
    event.head.session = cgroup;
    event.head.size = static_cast<std::uint32_t>(message.size());
    event.length = static_cast<std::uint32_t>(length);
    flows_->on_dns(event, message);
  }
  void resolve() { resolve(answer_of_dns(), answer_of_dns().size()); }
  void datagram(std::uint32_t type, std::uint16_t port, std::uint64_t cgroup = kCgroup) {
    writ_event_flow event = {};
    event.head.type = type;
    event.head.session = cgroup;
    event.reason = IPPROTO_UDP;
    event.family = AF_INET;
    event.peer[0] = 10;
    event.peer[3] = 2;
    event.peer_port = port;
    flows_->on_flow(event);
  }
  std::vector<std::string> details() {
    std::vector<std::string> all;
    for (const v1::Record& record : records()) all.push_back(record.gap().detail());
    return all;
  }
};

TEST_F(GatekeeperNamesTest, ACallBearsTheNameOfWhereItGoes) {
  start();
  connect().send(get("/contacts/7"));
  resolve();
  connect().send(get("/contacts/7"));
  ASSERT_EQ(decisions().size(), 2u);
  EXPECT_THAT(decisions()[0].destination().dns_names(), IsEmpty());
  EXPECT_THAT(decisions()[1].destination().dns_names(), ElementsAre("api.acme.test"));
  EXPECT_EQ(decisions()[1].destination().host(), "crm.test");
}

TEST_F(GatekeeperNamesTest, BytesThatCannotBeReadAreNamedByIt) {
  start();
  resolve();
  connect_tls().opaque();
  EXPECT_THAT(decisions()[0].destination().dns_names(), ElementsAre("api.acme.test"));
  EXPECT_THAT(decisions()[0].reason(), HasSubstr("10.0.0.2:443 (api.acme.test)"));
}

TEST_F(GatekeeperNamesTest, AnAnswerIsOfItsSessionOnly) {
  start();
  resolve(answer_of_dns(), answer_of_dns().size(), kCgroup + 1);
  connect().send(get("/contacts/7"));
  EXPECT_THAT(decisions()[0].destination().dns_names(), IsEmpty());
}

TEST_F(GatekeeperNamesTest, WhatIsNoWholeAnswerIsCounted) {
  start();
  resolve(answer_of_dns(), answer_of_dns().size() + 1);
  resolve("nonsense", 8);
  EXPECT_EQ(gatekeeper_->counters().dns_unread, 2u);
  connect().send(get("/contacts/7"));
  EXPECT_THAT(decisions()[0].destination().dns_names(), IsEmpty());
}

TEST_F(GatekeeperNamesTest, DatagramsAreGapsThatSayWhereTheyGo) {
  start();
  resolve();
  datagram(WRIT_EVENT_DATAGRAM, 9);
  datagram(WRIT_EVENT_DATAGRAM, 53);
  datagram(WRIT_EVENT_DATAGRAM, 443);
  datagram(WRIT_EVENT_QUIC, 443);
  datagram(WRIT_EVENT_QUIC, 443, kCgroup + 1);
  EXPECT_THAT(gaps(), ElementsAre("datagram_refused", "datagram_refused", "datagram_refused",
                                  "quic_passed"));
  EXPECT_EQ(records()[0].gap().session_id(), kSession);
  EXPECT_THAT(
      details(),
      ElementsAre("IP protocol 17 to 10.0.0.2:9 (api.acme.test): only TCP and DNS may leave",
                  HasSubstr("network: {dns: host}"), HasSubstr("network: {quic: deny}"),
                  HasSubstr("UDP to 10.0.0.2:443 (api.acme.test) leaves unread")));
}

}  // namespace
}  // namespace writ::daemon
