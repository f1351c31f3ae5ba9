// How a denial is made true, and what else ends a call: lost plaintext, an agent that closes, the
// end of writd.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/gatekeeper_support.h"

namespace writ::daemon {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

const std::string kDenied = "DELETE /contacts/7 HTTP/1.1\r\nHost: crm.test\r\n\r\n";

TEST_F(GatekeeperTest, DeniedCleartextIsToldWhy) {
  start();
  Wire wire = connect();
  (void)kernel_.take();
  wire.send(kDenied);
  EXPECT_EQ(wire.server_got(), "");
  EXPECT_THAT(kernel_.take(), ElementsAre("refuse 9"));
  ASSERT_EQ(kernel_.answers.size(), 1u);
  const std::string& answer = kernel_.answers[0];
  const std::string body = answer.substr(answer.find("\r\n\r\n") + 4);
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\n"));
  EXPECT_THAT(answer, HasSubstr("Content-Length: " + std::to_string(body.size()) + "\r\n"));
  EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
  ASSERT_EQ(decisions().size(), 1u);
  const v1::Decision made = decisions()[0];
  EXPECT_EQ(made.verdict(), v1::VERDICT_DENY);
  EXPECT_EQ(made.rule(), "built-in:scope_missing");
  EXPECT_THAT(made.scopes().missing(), ElementsAre("crm.contacts.delete"));
  EXPECT_THAT(body, AllOf(StartsWith("{"), HasSubstr(R"("code":"scope_missing")"),
                          HasSubstr(R"("rule":"built-in:scope_missing")"),
                          HasSubstr("\"call\":\"" + made.call_id() + "\""),
                          HasSubstr("crm.contacts.delete"), HasSubstr(R"("by":"writ"}})")));
  EXPECT_THAT(story(), ElementsAre("scope_missing", "refused"));
  EXPECT_EQ(outcomes()[0].call_id(), made.call_id());
}

TEST_F(GatekeeperTest, ARefusalOfHeadHasNoBody) {
  start();
  Wire wire = connect();
  wire.send("HEAD /elsewhere HTTP/1.1\r\nHost: crm.test\r\n\r\n");
  ASSERT_EQ(kernel_.answers.size(), 1u);
  EXPECT_THAT(kernel_.answers[0], testing::EndsWith("\r\n\r\n"));
  EXPECT_THAT(decisions()[0].code(), "tool_unknown");
}

TEST_F(GatekeeperTest, AReasonCannotBreakOutOfItsJson) {
  start();
  Wire wire = connect();
  wire.send("GET /a%22b HTTP/1.1\r\nHost: crm.test\r\n\r\n");
  ASSERT_EQ(kernel_.answers.size(), 1u);
  EXPECT_THAT(kernel_.answers[0], HasSubstr(R"(/a\"b)"));
}

TEST_F(GatekeeperTest, NothingLeavesBehindADenial) {
  start();
  Wire wire = connect();
  wire.send(kDenied + get("/contacts/1"));
  EXPECT_EQ(kernel_.count("refuse 9"), 1u);
  EXPECT_EQ(kernel_.count("abort"), 0u);
  // Who goes on on that connection would wait for ever.
  wire.send(get("/contacts/2"));
  EXPECT_EQ(kernel_.count("abort 9"), 1u);
  wire.receive(answer("{}"));
  gatekeeper_->help_stalled(*flows_);
  wire.fin();
  wire.close();
  EXPECT_EQ(wire.server_got(), "");
  EXPECT_EQ(kernel_.count("release"), 0u);
  // The pipelined one is recorded as what it was; the later one never came to be a call.
  EXPECT_THAT(story(), ElementsAre("scope_missing", "refused", "scope_missing", "incomplete"));
  EXPECT_THAT(outcomes()[1].detail(), HasSubstr(decisions()[0].call_id()));
  EXPECT_EQ(committed(), 0u);
}

TEST_F(GatekeeperTest, DeniedTlsIsEnded) {
  start();
  Wire wire = connect_tls();
  (void)kernel_.take();
  wire.send(kDenied);
  EXPECT_THAT(kernel_.take(), ElementsAre("abort 9"));
  wire.send(get("/contacts/1"));
  EXPECT_EQ(wire.server_got(), "");
  EXPECT_THAT(story(), ElementsAre("scope_missing", "aborted"));
}

TEST_F(GatekeeperTest, ARefusalIsNotPutBeforeAnAnswerThatIsDue) {
  start();
  Wire wire = connect();
  const std::string first = get("/contacts/1");
  wire.send(first);
  wire.send(kDenied);
  EXPECT_EQ(wire.server_got(), first);
  EXPECT_EQ(kernel_.count("refuse"), 0u);
  EXPECT_EQ(kernel_.count("abort 9"), 1u);
  EXPECT_THAT(story(), ElementsAre("allowed", "scope_missing", "aborted", "incomplete"));
}

TEST_F(GatekeeperTest, ARefusalFollowsAnAnswerThatWasRead) {
  start();
  Wire wire = connect();
  wire.send(get("/contacts/1"));
  wire.receive(answer("{}"));
  wire.send(kDenied);
  EXPECT_EQ(kernel_.count("refuse 9"), 1u);
  EXPECT_EQ(kernel_.count("abort"), 0u);
}

TEST_F(GatekeeperTest, ARefusalIsNotPutIntoAnAnswerThatHasBegun) {
  start();
  Wire wire = connect();
  const std::string request = post(std::string("card ") + kCard);
  wire.send(request.substr(0, request.size() - 1));
  wire.receive("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc");
  wire.send(request.substr(request.size() - 1));
  EXPECT_EQ(wire.server_got(), "");
  EXPECT_EQ(kernel_.count("refuse"), 0u);
  EXPECT_EQ(kernel_.count("abort 9"), 1u);
}

TEST_F(GatekeeperTest, ARefusalThatFailsIsAnAbort) {
  start();
  Wire wire = connect();
  (void)kernel_.take();
  kernel_.fail_call("refuse");
  wire.send(kDenied);
  EXPECT_THAT(kernel_.take(), ElementsAre("refuse 9", "failed", "abort 9"));
  EXPECT_EQ(gatekeeper_->counters().degraded_denials, 1u);
  EXPECT_THAT(story(), ElementsAre("scope_missing", "aborted"));
}

TEST_F(GatekeeperTest, AnAbortThatFailsTooLeavesTheBytesHeld) {
  start();
  Wire wire = connect();
  kernel_.fail_call("refuse");
  kernel_.fail_call("abort");
  wire.send(kDenied);
  EXPECT_EQ(gatekeeper_->counters().degraded_denials, 2u);
  EXPECT_THAT(reports_, ElementsAre(HasSubstr("its bytes stay held")));
  EXPECT_THAT(story(), ElementsAre("scope_missing", "held"));
  wire.send(get("/contacts/1"));
  EXPECT_EQ(wire.server_got(), "");
  // The shutdown tries once more.
  (void)kernel_.take();
  gatekeeper_->destroy_held(*wire.channel());
  EXPECT_THAT(kernel_.take(), ElementsAre("abort 9"));
}

TEST_F(GatekeeperTest, ASocketThatIsGoneNeedsNoAbort) {
  start();
  Wire wire = connect_tls();
  kernel_.fail_call("abort", 1, ErrorCode::kNotFound);
  wire.send(kDenied);
  EXPECT_EQ(gatekeeper_->counters().degraded_denials, 0u);
  EXPECT_THAT(reports_, IsEmpty());
  EXPECT_THAT(story(), ElementsAre("scope_missing", "aborted"));
}

TEST_F(GatekeeperTest, LostPlaintextNeverLeaves) {
  start();
  Wire wire = connect_tls();
  wire.lose_out();  // of a stream that nobody knows: nothing to lose
  wire.send("GET /contacts/7 HTTP/1.1\r\nHo");
  wire.lose_out();
  wire.send("st: crm.test\r\n\r\n");
  wire.send(get("/contacts/8"));
  EXPECT_EQ(wire.server_got(), "");
  EXPECT_EQ(kernel_.count("abort 9"), 1u);
  EXPECT_EQ(gatekeeper_->counters().lost_out, 1u);
  EXPECT_THAT(gaps(), ElementsAre("plaintext_lost"));
  ASSERT_THAT(story(), ElementsAre("unparseable", "aborted"));
  EXPECT_THAT(decisions()[0].reason(), HasSubstr("plaintext_lost"));
}

TEST_F(GatekeeperTest, WhatWasReleasedBeforeALossStaysRecorded) {
  start();
  Wire wire = connect();
  const std::string first = get("/contacts/7");
  wire.send(first);
  wire.lose_out();
  EXPECT_EQ(wire.server_got(), first);
  EXPECT_EQ(kernel_.count("abort 9"), 1u) << "an answer is due";
  EXPECT_THAT(story(), ElementsAre("allowed", "unparseable", "aborted", "incomplete"));
}

TEST_F(GatekeeperTest, ALossBeforeTheConnectionIsKnownIsJudgedWhenItIs) {
  start();
  Wire wire = connect_tls();
  wire.send_unbound("GET /contacts/7 HT");
  wire.lose_out();
  EXPECT_THAT(decisions(), IsEmpty());
  wire.bind();
  EXPECT_EQ(kernel_.count("abort 9"), 1u);
  EXPECT_THAT(story(), ElementsAre("unparseable", "aborted"));
}

TEST_F(GatekeeperTest, ALostAnswerHurtsNoCall) {
  start();
  Wire wire = connect();
  wire.send(get("/contacts/7"));
  wire.receive("HTTP/1.1 200 OK\r\n");
  wire.lose_in();
  wire.receive("Content-Length: 2\r\n\r\nok");
  wire.send(get("/contacts/8"));
  EXPECT_EQ(wire.server_got(), wire.sent());
  wire.close();
  EXPECT_EQ(gatekeeper_->counters().lost_in, 1u);
  EXPECT_EQ(gatekeeper_->counters().lost_out, 0u);
  EXPECT_THAT(gaps(), ElementsAre("response_lost"));
  EXPECT_THAT(story(), ElementsAre("allowed", "allowed", "incomplete", "incomplete"));
}

TEST_F(GatekeeperTest, AnAgentThatClosesWithinItsRequestIsRecordedAndNothingLeaves) {
  start();
  for (const bool tls : {false, true}) {
    Wire wire = connect(tls);
    wire.send("POST /notes HTTP/1.1\r\nHost: crm.test\r\nContent-Length: 9\r\n\r\nabc");
    wire.fin();
    EXPECT_EQ(wire.server_got(), "");
    EXPECT_EQ(decisions().back().code(), "unparseable");
    EXPECT_THAT(decisions().back().reason(), HasSubstr("incomplete_message"));
    EXPECT_EQ(outcomes().back().result(), tls ? "aborted" : "refused");
    wire.close();
  }
  EXPECT_EQ(decisions().size(), 2u);
  EXPECT_EQ(outcomes().size(), 2u);
  EXPECT_EQ(committed(), 0u);
}

TEST_F(GatekeeperTest, HalfAHeadIsNoSilence) {
  start();
  Wire closed = connect();
  closed.send("GET /contacts/7 HTT");
  closed.fin();
  EXPECT_EQ(kernel_.count("refuse 9"), 1u);
  EXPECT_THAT(story(), ElementsAre("unparseable", "refused"));
  Wire broken = connect();
  broken.send("GET /contacts/7 HTT");
  broken.close();
  EXPECT_THAT(story(), ElementsAre("unparseable", "refused", "unparseable", "incomplete"));
  Wire fine = connect();
  fine.send(get("/contacts/7"));
  fine.receive(answer("{}"));
  fine.fin();
  fine.close();
  EXPECT_EQ(decisions().size(), 3u);
}

TEST_F(GatekeeperTest, AConnectionThatEndsWithinARequestGivesItsReservationBack) {
  start();
  Wire wire = connect();
  wire.send(
      "POST /notes HTTP/1.1\r\nHost: crm.test\r\nContent-Length: 9\r\n"
      "Expect: 100-continue\r\n\r\n");
  wire.close();
  EXPECT_EQ(committed(), 0u);
  EXPECT_THAT(story(), ElementsAre("unparseable", "incomplete"));
  EXPECT_EQ(wire.channel(), nullptr);
}

TEST_F(GatekeeperTest, ARefusedConnectionIsEndedWhenItsAgentCloses) {
  start();
  Wire wire = connect();
  wire.send(kDenied);
  (void)kernel_.take();
  wire.fin();  // what is held would be sent again and again from FIN-WAIT
  EXPECT_THAT(kernel_.take(), ElementsAre("abort 9"));
}

TEST_F(GatekeeperTest, AtTheEndEverythingThatIsHeldIsDestroyedAndNothingElse) {
  start();
  Wire arriving = connect();  // 9
  arriving.send("POST /notes HTTP/1.1\r\nHost: crm.test\r\nContent-Length: 9\r\n\r\nabc");
  Wire refused = connect();  // 10
  refused.send(kDenied);
  Wire released = connect();  // 11
  released.send(get("/contacts/7"));
  Wire head = connect_tls();  // 12
  head.send("GET /cont");
  Wire behind = connect();  // 13: one has left, the next has not
  behind.send(get("/contacts/7") + "G");
  Wire lost = connect();  // 14
  kernel_.fail_call("abort");
  kernel_.fail_call("refuse");
  lost.send("GET ");
  lost.lose_out();
  (void)kernel_.take();
  flows_->for_each_channel([&](flow::Channel& channel) { gatekeeper_->destroy_held(channel); });
  EXPECT_THAT(kernel_.take(), testing::UnorderedElementsAre("abort 9", "abort 10", "abort 12",
                                                            "abort 13", "abort 14"));
}

TEST_F(GatekeeperTest, AtTheEndAnObservedConnectionIsLeftAlone) {
  start({.mode = identity::Mode::kObserve});
  Wire wire = connect();
  wire.send("GET /cont");
  (void)kernel_.take();
  gatekeeper_->destroy_held(*wire.channel());
  EXPECT_THAT(kernel_.take(), IsEmpty());
}

}  // namespace
}  // namespace writ::daemon
