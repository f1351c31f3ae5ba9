// From the first byte to the verdict: what is held, what is released, in which order, and who
// counts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "daemon/gatekeeper_support.h"

namespace writ::daemon {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

TEST_F(GatekeeperTest, NothingIsReleasedBeforeTheLastByte) {
  start();
  Wire wire = connect();
  const std::string request = post(filler(900));
  for (const char byte : request.substr(0, request.size() - 1)) {
    wire.send({&byte, 1});
    ASSERT_THAT(kernel_.lines(), Not(Contains(StartsWith("release"))));
  }
  EXPECT_EQ(wire.server_got(), "");
  EXPECT_THAT(decisions(), IsEmpty());
  wire.send(request.substr(request.size() - 1));
  EXPECT_EQ(wire.server_got(), request);
  ASSERT_EQ(decisions().size(), 1u);
  EXPECT_EQ(decisions()[0].verdict(), v1::VERDICT_ALLOW);
}

TEST_F(GatekeeperTest, AnAllowedCallIsReleasedToItsEndAndThenKicked) {
  start();
  Wire wire = connect();
  (void)kernel_.take();
  const std::string request = get("/contacts/7");
  wire.send(request);
  EXPECT_THAT(kernel_.take(),
              ElementsAre("release c9 to " + std::to_string(request.size()), "kick 9"));
}

TEST_F(GatekeeperTest, TheDecisionSaysWhoAskedForWhatAndWhere) {
  start();
  Wire wire = connect_tls();
  wire.send(post("three words here"));
  ASSERT_EQ(decisions().size(), 1u);
  const v1::Decision made = decisions()[0];
  EXPECT_EQ(made.user().id(), "sarah");
  EXPECT_EQ(made.agent().id(), "sales-assistant");
  EXPECT_EQ(made.tool().name(), "crm.note.add");
  EXPECT_EQ(made.rule(), "sales-works");
  EXPECT_EQ(made.destination().address(), "10.0.0.2");
  EXPECT_EQ(made.destination().port(), 443u);
  EXPECT_EQ(made.destination().host(), "crm.test");
  EXPECT_TRUE(made.destination().tls());
  EXPECT_EQ(made.request().bytes(), wire.sent().size());
  EXPECT_EQ(made.scan().bytes(), 16u);
  EXPECT_TRUE(made.request().complete());
  EXPECT_EQ(made.mode(), v1::MODE_ENFORCE);
  EXPECT_EQ(made.process().pid(), static_cast<std::uint32_t>(::getpid()));
  EXPECT_EQ(made.process().exe(), std::filesystem::read_symlink("/proc/self/exe").native());
}

TEST_F(GatekeeperTest, TheDecisionIsOnTheDiskBeforeAByteLeaves) {
  start({.durability = audit::Durability::kStrict});
  int releases = 0;
  kernel_.before = [&](std::string_view name) {
    if (name != "release") return;
    ++releases;
    const auto now = records();
    ASSERT_FALSE(now.empty());
    ASSERT_TRUE(now.back().has_decision());
    EXPECT_LE(now.back().sequence(), audit_->durable_sequence());
  };
  Wire wire = connect();
  wire.send(get("/contacts/1"));
  wire.send(get("/contacts/2"));
  EXPECT_EQ(releases, 2);
}

TEST_F(GatekeeperTest, WithoutARecordNothingLeaves) {
  start();
  Wire wire = connect();
  disk_.full = true;
  wire.send(get("/contacts/7"));
  EXPECT_EQ(wire.server_got(), "");
  EXPECT_EQ(kernel_.count("refuse 9"), 1u);
  ASSERT_EQ(kernel_.answers.size(), 1u);
  EXPECT_THAT(kernel_.answers[0], HasSubstr(R"("code":"audit_unavailable")"));
  EXPECT_THAT(reports_, Contains(HasSubstr("could not be recorded")));
  EXPECT_EQ(committed(), 0u);
}

TEST_F(GatekeeperTest, PipelinedCallsAreEachJudgedAndReleased) {
  start();
  Wire wire = connect();
  const std::string first = get("/contacts/1");
  const std::string second = get("/contacts/22");
  (void)kernel_.take();
  wire.send(first + second);
  EXPECT_THAT(kernel_.take(),
              ElementsAre("release c9 to " + std::to_string(first.size()), "kick 9",
                          "release c9 to " + std::to_string(wire.sent().size()), "kick 9"));
  ASSERT_EQ(decisions().size(), 2u);
  EXPECT_EQ(decisions()[0].request().path(), "/contacts/1");
  EXPECT_EQ(decisions()[1].request().path(), "/contacts/22");
}

TEST_F(GatekeeperTest, TheBeginningOfTheNextCallStaysHeld) {
  start();
  Wire wire = connect();
  const std::string first = get("/contacts/1");
  wire.send(first + "GET /contacts/2 HT");
  EXPECT_EQ(wire.server_got(), first);
  wire.send("TP/1.1\r\nHost: crm.test\r\n\r\n");
  EXPECT_EQ(wire.server_got(), wire.sent());
}

TEST_F(GatekeeperTest, NothingIsJudgedBeforeItsConnectionIsKnown) {
  start();
  Wire wire = connect_tls();
  wire.send_unbound(get("/contacts/7"));
  EXPECT_THAT(decisions(), IsEmpty());
  EXPECT_EQ(wire.server_got(), "");
  wire.bind();
  EXPECT_EQ(wire.server_got(), wire.sent());
  ASSERT_EQ(decisions().size(), 1u);
  EXPECT_EQ(decisions()[0].destination().address(), "10.0.0.2");
}

TEST_F(GatekeeperTest, BytesOfNoSessionAreNeverReleased) {
  start();
  Wire wire = connect(false, kCgroup + 1);
  wire.send(get("/contacts/7"));
  wire.opaque();
  wire.lose_out();
  wire.fin();
  wire.close();
  EXPECT_EQ(wire.server_got(), "");
  EXPECT_EQ(kernel_.count("release"), 0u);
  EXPECT_EQ(kernel_.count("pass"), 0u);
  EXPECT_EQ(kernel_.count("forget c9 of 9"), 1u) << "the kernel side must not keep it";
  EXPECT_THAT(records(), IsEmpty());
}

TEST_F(GatekeeperTest, AWritWhoseLimitsAreClosedMayCallNoMore) {
  start();
  limits_.close_writ(session().writ.id,
                     std::chrono::steady_clock::now());  // its last process has ended
  Wire wire = connect();
  wire.send(get("/contacts/7"));
  EXPECT_EQ(wire.server_got(), "");
  EXPECT_THAT(story(), ElementsAre("no_writ", "refused"));
}

TEST_F(GatekeeperTest, AMissedKickIsCountedAndTheCallIsReleasedAllTheSame) {
  start();
  Wire wire = connect();
  kernel_.fail_call("kick");
  wire.send(get("/contacts/7"));
  EXPECT_EQ(wire.server_got(), wire.sent());
  EXPECT_EQ(gatekeeper_->counters().missed_kicks, 1u);
  EXPECT_EQ(kernel_.count("abort"), 0u);
  wire.send(get("/contacts/8"));
  EXPECT_EQ(gatekeeper_->counters().missed_kicks, 1u);
}

TEST_F(GatekeeperTest, WhatCannotBeReleasedStaysHeldAndIsToldAndGoesWithTheNext) {
  start();
  Wire wire = connect();
  kernel_.fail_call("release");
  wire.send(get("/contacts/7"));
  EXPECT_EQ(wire.server_got(), "");
  EXPECT_EQ(kernel_.count("kick"), 0u);
  EXPECT_THAT(reports_, ElementsAre(HasSubstr("it stays held")));
  wire.send(get("/contacts/8"));
  EXPECT_EQ(wire.server_got(), wire.sent());
}

TEST_F(GatekeeperTest, AHeadThatWaitsForContinueGoesAlone) {
  start();
  Wire wire = connect();
  const std::string body = filler(500);
  const std::string request = post(body, "Expect: 100-continue\r\n");
  const std::string head = request.substr(0, request.size() - body.size());
  wire.send(head.substr(0, head.size() - 1));
  EXPECT_EQ(wire.server_got(), "");
  (void)kernel_.take();
  wire.send(head.substr(head.size() - 1));
  EXPECT_EQ(wire.server_got(), head);
  EXPECT_THAT(kernel_.take(),
              ElementsAre("release c9 to " + std::to_string(head.size()), "kick 9"));
  wire.receive("HTTP/1.1 100 Continue\r\n\r\n");
  wire.send(body.substr(0, 499));
  EXPECT_EQ(wire.server_got(), head);
  EXPECT_EQ(limits_.usage(session().writ.id, std::chrono::steady_clock::now())->reserved, 1u);
  wire.send(body.substr(499));
  EXPECT_EQ(wire.server_got(), request);
  wire.receive(answer("ok"));
  EXPECT_THAT(story(), ElementsAre("allowed", "completed"));
  EXPECT_EQ(committed(), 1u);
}

TEST_F(GatekeeperTest, ADeniedHeadThatWaitsForContinueDoesNotLeave) {
  start();
  Wire wire = connect();
  wire.send(
      "DELETE /contacts/7 HTTP/1.1\r\nHost: crm.test\r\nContent-Length: 9\r\n"
      "Expect: 100-continue\r\n\r\n");
  EXPECT_EQ(wire.server_got(), "");
  EXPECT_THAT(kernel_.take(), Contains("refuse 9, end sending"));
  EXPECT_THAT(story(), ElementsAre("scope_missing", "refused"));
  EXPECT_EQ(committed(), 0u);
}

TEST_F(GatekeeperTest, ABodyThatIsDeniedBehindItsHeadDoesNotLeave) {
  start();
  Wire wire = connect();
  const std::string body = std::string("card ") + kCard + " end";
  const std::string request = post(body, "Expect: 100-continue\r\n");
  wire.send(request.substr(0, request.size() - body.size()));
  wire.receive("HTTP/1.1 100 Continue\r\n\r\n");
  wire.send(body);
  EXPECT_EQ(wire.server_got(), request.substr(0, request.size() - body.size()));
  EXPECT_THAT(story(), ElementsAre("rule_denied", "refused"));
  EXPECT_EQ(committed(), 0u);
}

TEST_F(GatekeeperTest, DeniedCallsUseNoneOfTheLimit) {
  start({.limits = {.max_tool_calls = 2, .max_duration = {}, .calls_per_minute = {}}});
  for (int i = 0; i < 5; ++i) {
    Wire denied = connect();
    denied.send("DELETE /contacts/7 HTTP/1.1\r\nHost: crm.test\r\n\r\n");
    EXPECT_EQ(denied.server_got(), "");
  }
  EXPECT_EQ(committed(), 0u);
  Wire wire = connect();
  wire.send(get("/contacts/1") + get("/contacts/2"));
  EXPECT_EQ(wire.server_got(), wire.sent());
  EXPECT_EQ(committed(), 2u);
  Wire third = connect();
  third.send(get("/contacts/3"));
  EXPECT_EQ(third.server_got(), "");
  EXPECT_EQ(decisions().back().code(), "limit_tool_calls");
  EXPECT_EQ(decisions().back().rule(), "limits");
  EXPECT_EQ(committed(), 2u);
  EXPECT_EQ(session().calls, 8u);
  EXPECT_EQ(session().denied, 6u);
}

TEST_F(GatekeeperTest, ASessionThatIsTooOldMayCallNoMore) {
  start({.limits = {.max_tool_calls = {},
                    .max_duration = std::chrono::hours(1),
                    .calls_per_minute = {}},
         .session_age = std::chrono::hours(2)});
  Wire wire = connect();
  wire.send(get("/contacts/7"));
  EXPECT_EQ(wire.server_got(), "");
  EXPECT_THAT(story(), ElementsAre("limit_duration", "refused"));
}

TEST_F(GatekeeperTest, CallsPerMinuteAreTheUsers) {
  start({.limits = {.user_calls_per_minute = 1}});
  Wire wire = connect();
  wire.send(get("/contacts/7"));
  wire.receive(answer("{}"));
  wire.send(get("/contacts/8"));
  EXPECT_THAT(story(), ElementsAre("allowed", "completed", "limit_calls_per_minute", "refused"));
}

TEST_F(GatekeeperTest, AnObservedCallIsJudgedAndNeverTouched) {
  start({.mode = identity::Mode::kObserve});
  Wire denied = connect();
  denied.send("DELETE /contacts/7 HTTP/1.1\r\nHost: crm.test\r\n\r\n");
  denied.receive(answer("gone"));
  denied.send("\x01 no HTTP at all\r\n\r\n");
  denied.send("and more of it");
  denied.fin();
  denied.close();
  Wire opaque = connect_tls();
  opaque.opaque();
  Wire lost = connect_tls();
  lost.send("GET /conta");
  lost.lose_out();
  lost.close();
  EXPECT_THAT(
      kernel_.take(),
      ElementsAre("cover " + std::to_string(::getpid()) + " at most every 1000", "forget c9 of 9",
                  "cover " + std::to_string(::getpid()) + " at most every 1000",
                  "cover " + std::to_string(::getpid()) + " at most every 1000",
                  "forget 1011 of 11"));
  EXPECT_THAT(story(), ElementsAre("scope_missing", "completed", "unparseable", "incomplete",
                                   "opaque", "incomplete", "unparseable", "incomplete"));
  for (const v1::Decision& made : decisions()) {
    EXPECT_EQ(made.mode(), v1::MODE_OBSERVE);
    EXPECT_EQ(made.verdict(), v1::VERDICT_DENY);
    EXPECT_EQ(made.held_ns(), 0u);
  }
}

TEST_F(GatekeeperTest, WhatCannotBeParsedIsDenied) {
  start();
  const Lines bad = {"\x16\x03\x01 no HTTP\r\n\r\n",
                     "GET /contacts/../x HTTP/1.1\r\nHost: crm.test\r\n\r\n",
                     get("/contacts/7", "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"),
                     "GET /contacts/7 HTTP/1.1\nHost: crm.test\n\n"};
  for (const std::string& request : bad) {
    Wire wire = connect();
    wire.send(request);
    wire.send(get("/contacts/7"));
    EXPECT_EQ(wire.server_got(), "") << request;
    EXPECT_EQ(decisions().back().code(), "unparseable") << request;
    EXPECT_EQ(outcomes().back().result(), "refused") << request;
  }
  EXPECT_EQ(decisions().size(), bad.size());
  EXPECT_EQ(kernel_.count("release"), 0u);
}

TEST_F(GatekeeperTest, OneTooManyOpenCallsEndTheConnection) {
  start();
  Wire wire = connect();
  for (int i = 0; i < 1024; ++i) wire.send(get("/contacts/7"));
  EXPECT_EQ(wire.server_got(), wire.sent());
  const std::size_t before = wire.sent().size();
  wire.send(get("/contacts/7"));
  wire.send(get("/contacts/7"));
  EXPECT_LE(wire.server_got().size(), before + get("/contacts/7").size());
  EXPECT_EQ(kernel_.count("abort 9"), 1u);
  EXPECT_THAT(decisions().back().reason(), HasSubstr("too_many_pipelined"));
}

// What a run looks like from outside; without ids and times.
struct Seen {
  std::string server_got;
  std::vector<std::string> story;
  bool refused;
  bool ended;
  bool operator==(const Seen&) const = default;
};

class SplitTest : public GatekeeperTest, public testing::WithParamInterface<bool> {
 protected:
  // Sends `pieces`, closes, and looks.
  Seen play(const std::vector<std::string_view>& pieces) {
    (void)new_story();
    (void)kernel_.take();
    Wire wire = connect(GetParam());
    for (const std::string_view piece : pieces) wire.send(piece);
    wire.fin();
    return {wire.server_got(), new_story(), kernel_.count("refuse") > 0,
            kernel_.count("abort") > 0};
  }
  // `compare`: how many lines of the story must be the same; 0: all.
  void expect_same_however_cut(std::string_view bytes, std::size_t compare = 0) {
    const auto look = [&](const std::vector<std::string_view>& pieces) {
      Seen seen = play(pieces);
      if (compare > 0) seen.story.resize(compare);
      return seen;
    };
    const Seen whole = look({bytes});
    ASSERT_FALSE(whole.story.empty());
    for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
      const Seen seen = look({bytes.substr(0, cut), bytes.substr(cut)});
      ASSERT_EQ(seen.server_got, whole.server_got) << "cut at " << cut;
      ASSERT_EQ(seen.story, whole.story) << "cut at " << cut;
      ASSERT_EQ(seen, whole) << "cut at " << cut;
    }
    std::vector<std::string_view> bytewise;
    for (std::size_t at = 0; at < bytes.size(); ++at) bytewise.push_back(bytes.substr(at, 1));
    EXPECT_EQ(look(bytewise), whole);
  }
  const std::string allowed_ = post("a note", "X-A: b\r\n");
  const std::string denied_ = post(std::string("card=") + kCard);
};

TEST_P(SplitTest, AllowedCallsAreTheSameHoweverTheirBytesCome) {
  start();
  expect_same_however_cut(
      allowed_ +
      "POST /notes HTTP/1.1\r\nHost: crm.test\r\nTransfer-Encoding: chunked\r\n\r\n"
      "6\r\na note\r\n4\r\nmore\r\n0\r\n\r\n");
}

TEST_P(SplitTest, ADenialIsTheSameHoweverItsBytesCome) {
  start();
  expect_same_however_cut(denied_);
  expect_same_however_cut(allowed_ + denied_);
  // What comes behind a denial is recorded only if it was there before.
  expect_same_however_cut(denied_ + allowed_, 2);
}

TEST_P(SplitTest, NonsenseIsTheSameHoweverItsBytesCome) {
  start();
  expect_same_however_cut(allowed_ + "PUT nowhere\r\n\r\n");
  expect_same_however_cut(allowed_ + "GET /contacts/7 HT");
}

INSTANTIATE_TEST_SUITE_P(Transports, SplitTest, testing::Bool(),
                         [](const auto& with) { return with.param ? "Tls" : "Cleartext"; });

}  // namespace
}  // namespace writ::daemon
