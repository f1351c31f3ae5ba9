// What comes back, and the record of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/gatekeeper_support.h"

namespace writ::daemon {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST_F(GatekeeperTest, AResultIsCountedDigestedAndScanned) {
  start();
  Wire wire = connect();
  wire.send(get("/contacts/7"));
  wire.receive(answer("{\"note\": \"Open  sesame\"}"));
  ASSERT_EQ(outcomes().size(), 1u);
  const v1::Outcome made = outcomes()[0];
  EXPECT_EQ(made.call_id(), decisions()[0].call_id());
  EXPECT_EQ(made.session_id(), kSession);
  EXPECT_EQ(made.result(), "completed");
  EXPECT_EQ(made.status(), 200u);
  EXPECT_EQ(made.bytes(), 24u);
  EXPECT_FALSE(made.digest().empty());
  EXPECT_TRUE(made.scan().complete());
  ASSERT_EQ(made.findings_size(), 1);
  EXPECT_EQ(made.findings(0).rule(), "injection.test");
  EXPECT_EQ(made.findings(0).where(), "result");
  EXPECT_EQ(records()[0].trace_id(), records()[1].trace_id());
}

TEST_F(GatekeeperTest, EqualBodiesHaveEqualDigestsAndOthersHaveNot) {
  start();
  for (const char* body : {"same", "same", "other"}) {
    Wire wire = connect();
    wire.send(post(body));
    wire.receive(answer(body));
  }
  const auto asked = decisions();
  const auto got = outcomes();
  ASSERT_EQ(asked.size(), 3u);
  ASSERT_EQ(got.size(), 3u);
  EXPECT_EQ(asked[0].request().digest(), asked[1].request().digest());
  EXPECT_NE(asked[0].request().digest(), asked[2].request().digest());
  EXPECT_EQ(got[0].digest(), got[1].digest());
  EXPECT_NE(got[0].digest(), got[2].digest());
}

TEST_F(GatekeeperTest, EqualCallsHaveEqualDigestsAndOthersHaveNot) {
  start();
  for (const char* path :
       {"/contacts/7?a=1", "/contacts/7?a=1", "/contacts/7?a=2", "/contacts/8"}) {
    Wire wire = connect();
    wire.send(get(path));
    wire.receive(answer("x"));
  }
  const auto asked = decisions();
  ASSERT_EQ(asked.size(), 4u);
  const auto digest = [&](std::size_t i) { return asked[i].request().call_digest(); };
  EXPECT_EQ(digest(0).size(), 64u);
  EXPECT_EQ(digest(0), digest(1));
  EXPECT_NE(digest(0), digest(2)) << "the query is part of it";
  EXPECT_NE(digest(2), digest(3));
  EXPECT_EQ(asked[0].request().digest(), asked[2].request().digest()) << "of the body alone";
}

TEST_F(GatekeeperTest, PipelinedResultsGoToTheirCalls) {
  start();
  Wire wire = connect();
  wire.send(get("/contacts/1") + get("/contacts/2"));
  const std::string both =
      answer("one") + "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nfour";
  for (const char byte : both) wire.receive({&byte, 1});
  ASSERT_EQ(outcomes().size(), 2u);
  EXPECT_EQ(outcomes()[0].call_id(), decisions()[0].call_id());
  EXPECT_EQ(outcomes()[0].bytes(), 3u);
  EXPECT_EQ(outcomes()[1].call_id(), decisions()[1].call_id());
  EXPECT_EQ(outcomes()[1].status(), 404u);
  EXPECT_EQ(outcomes()[1].bytes(), 4u);
}

TEST_F(GatekeeperTest, AnInterimAnswerIsNoResult) {
  start();
  Wire wire = connect();
  wire.send(get("/contacts/7"));
  wire.receive("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
  EXPECT_THAT(outcomes(), IsEmpty());
  wire.receive(answer("{}"));
  ASSERT_EQ(outcomes().size(), 1u);
  EXPECT_EQ(outcomes()[0].status(), 200u);
}

TEST_F(GatekeeperTest, AResultThatLastsUntilTheEndIsComplete) {
  start();
  Wire wire = connect();
  wire.send(get("/contacts/7"));
  wire.receive("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall of it");
  EXPECT_THAT(outcomes(), IsEmpty());
  wire.close();
  ASSERT_EQ(outcomes().size(), 1u);
  EXPECT_EQ(outcomes()[0].result(), "completed");
  EXPECT_EQ(outcomes()[0].bytes(), 9u);
}

TEST_F(GatekeeperTest, AResultThatBreaksOffIsIncompleteAndSaysWhatWasSeen) {
  start();
  Wire wire = connect();
  wire.send(get("/contacts/7"));
  wire.receive("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nnot all");
  wire.fin();
  EXPECT_THAT(outcomes(), IsEmpty()) << "the agent may well wait for the rest";
  wire.close();
  ASSERT_EQ(outcomes().size(), 1u);
  EXPECT_EQ(outcomes()[0].result(), "incomplete");
  EXPECT_EQ(outcomes()[0].status(), 200u);
  EXPECT_EQ(outcomes()[0].bytes(), 7u);
  EXPECT_FALSE(outcomes()[0].scan().complete());
  EXPECT_EQ(wire.channel(), nullptr);
  EXPECT_EQ(kernel_.count("forget c9 of 9"), 1u);
}

TEST_F(GatekeeperTest, AResultThatCannotBeReadIsNoCompletedOne) {
  start();
  Wire wire = connect();
  wire.send(get("/contacts/7"));
  wire.receive("no HTTP\r\n\r\n");
  wire.receive(answer("{}"));
  wire.send(get("/contacts/8"));
  EXPECT_EQ(wire.server_got(), wire.sent());
  wire.close();
  EXPECT_THAT(story(), ElementsAre("allowed", "allowed", "incomplete", "incomplete"));
}

TEST_F(GatekeeperTest, AnAnswerBeforeTheRequestHasEndedWaitsForItsDecision) {
  start();
  Wire wire = connect();
  const std::string request = post("a note");
  wire.send(request.substr(0, request.size() - 1));
  wire.receive(answer("early"));
  EXPECT_THAT(story(), IsEmpty());
  wire.send(request.substr(request.size() - 1));
  EXPECT_THAT(story(), ElementsAre("allowed", "completed"));
  EXPECT_EQ(wire.server_got(), request);
}

TEST_F(GatekeeperTest, AnOutcomeThatCannotBeRecordedIsTold) {
  start();
  Wire wire = connect();
  wire.send(get("/contacts/7"));
  disk_.full = true;
  wire.receive(answer("{}"));
  EXPECT_THAT(reports_, ElementsAre(HasSubstr("an outcome could not be recorded")));
}

TEST_F(GatekeeperTest, WhatASessionLeavesIsEndedWithIt) {
  start();
  Wire answered = connect();
  answered.send(get("/contacts/7"));
  Wire held = connect();
  held.send("POST /notes HTTP/1.1\r\nHost: crm.test\r\nContent-Length: 9\r\n\r\nabc");
  flows_->forget_session(kCgroup);
  EXPECT_EQ(held.server_got(), "");
  EXPECT_EQ(flows_->channels(), 0u);
  EXPECT_THAT(story(),
              testing::UnorderedElementsAre("allowed", "incomplete", "unparseable", "incomplete"));
  EXPECT_EQ(committed(), 1u);
}

}  // namespace
}  // namespace writ::daemon
