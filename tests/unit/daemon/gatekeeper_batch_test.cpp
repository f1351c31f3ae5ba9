// Batches of MCP 2025-03-26 over HTTP: each message has its own verdict, records and answer, and
// all of them go, or none does.
#include <poll.h>

#include "daemon/mcp_support.h"
#include "pdp/stand_in.h"

namespace writ::daemon {
namespace {

using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;

constexpr const char* kNote =
    R"({"jsonrpc":"2.0","method":"notifications/progress","params":{"p":1}})";
constexpr const char* kJson = "Content-Type: application/json\r\n";

std::string list(const std::vector<std::string>& messages) {
  std::string all = "[";
  for (const std::string& one : messages) all += (all.size() > 1 ? "," : "") + one;
  return all + "]";
}

std::string read(const std::string& path, const std::string& id) {
  return call("read_note", path, id);
}

class GatekeeperBatchTest : public GatekeeperTest {
 protected:
  void start(budget::WritLimits limits = {}) {
    GatekeeperTest::start({.policy = kMcpPolicy, .limits = limits});
  }
  // What of the batch a new connection lets through.
  std::string sent(const std::string& body, const std::string& fields = kStreamable) {
    Wire wire = connect();
    wire.send(message(body, fields));
    return wire.server_got();
  }
  [[nodiscard]] Lines results() const {
    Lines all;
    for (const v1::Outcome& o : outcomes()) all.push_back(o.mcp().result());
    return all;
  }
};

TEST_F(GatekeeperBatchTest, EachMessageHasItsOwnRecordsAndResult) {
  start();
  Wire wire = connect();
  wire.send(message(list({read("/notes/1", "1"), kNote, read("/notes/2", "\"1\"")}),
                    std::string(kStreamable) + "MCP-Protocol-Version: 2025-03-26\r\n"),
            40);
  EXPECT_EQ(wire.server_got(), wire.sent());
  EXPECT_THAT(story(), ElementsAre("allowed", "allowed", "allowed"));
  wire.receive(answer(list({result("\"1\"", R"(,"isError":true)"), result("1")}), kJson));
  const auto made = decisions();
  const auto ended = outcomes();
  ASSERT_THAT(made, SizeIs(3));
  ASSERT_THAT(ended, SizeIs(3));
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(made[i].call_id(), ended[i].call_id());
    EXPECT_EQ(ended[i].result(), "completed");
    EXPECT_EQ(ended[i].status(), 200u);
    EXPECT_EQ(made[i].tool().mcp().version(), "2025-03-26");
    EXPECT_THAT(made[i].request().digest(), SizeIs(64));
  }
  EXPECT_EQ(made[0].tool().name(), "crm.note.read");
  EXPECT_EQ(made[0].tool().mcp().id(), "1");
  EXPECT_EQ(made[1].tool().name(), "mcp.notify");
  EXPECT_EQ(made[2].tool().mcp().id(), "\"1\"");
  EXPECT_FALSE(ended[0].mcp().is_error());
  EXPECT_FALSE(ended[1].has_mcp());
  EXPECT_TRUE(ended[2].mcp().is_error());
  EXPECT_NE(ended[0].mcp().result(), ended[2].mcp().result());
  EXPECT_EQ(committed(), 2u);
}

TEST_F(GatekeeperBatchTest, AnswersComeInAnEventStreamOneByOneOrTogether) {
  start();
  Wire wire = connect();
  wire.send(message(list({read("/notes/1", "1"), read("/notes/2", "2"), read("/notes/3", "3")})));
  wire.receive(answer("data: " + result("2") + "\n\ndata: " + kNote + "\n\ndata: " +
                          list({result("3"), result("1", R"(,"structuredContent":{"a":1})")}) +
                          "\n\n",
                      "Content-Type: text/event-stream\r\n"));
  EXPECT_THAT(results(), Each(SizeIs(64)));
  const auto ended = outcomes();
  ASSERT_THAT(ended, SizeIs(3));
  EXPECT_THAT(ended[0].mcp().structured(), SizeIs(64));
  EXPECT_THAT(ended[1].mcp().structured(), IsEmpty());
}

TEST_F(GatekeeperBatchTest, OneThatIsDeniedKeepsAllFromTheServer) {
  start();
  EXPECT_EQ(sent(list({read("/notes/1", "1"), call("delete_note", "/notes/7", "2"), kNote,
                       read("/notes/3", "3")})),
            "");
  const std::string refusal = kernel_.answers.back();
  EXPECT_THAT(refusal, StartsWith("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"));
  EXPECT_THAT(refusal, HasSubstr(R"([{"jsonrpc":"2.0","id":1,"error":{"code":-32090,)"
                                 R"("message":"not done, since message 2 of 4 of its batch )"
                                 R"((tools/call delete_note) is denied, by )"));
  EXPECT_THAT(refusal, HasSubstr(R"(}},{"jsonrpc":"2.0","id":2,"error":)"));
  EXPECT_THAT(refusal, HasSubstr(R"("code":"scope_missing")"));
  EXPECT_THAT(refusal, AllOf(HasSubstr(R"("id":3,)"), testing::EndsWith("}}]")));
  EXPECT_THAT(story(), ElementsAre("batch_denied", "scope_missing", "batch_denied", "batch_denied",
                                   "refused", "refused", "refused", "refused"));
  const auto made = decisions();
  const auto ended = outcomes();
  EXPECT_EQ(ended[0].detail(), "its batch was denied with call " + made[1].call_id());
  EXPECT_EQ(ended[1].detail(), "");
  EXPECT_EQ(made[0].rule(), made[1].rule());
  EXPECT_EQ(committed(), 0u);
  const std::string good = list({read("/notes/1", "1")});
  EXPECT_EQ(sent(good), message(good)) << "the next one goes";
}

TEST_F(GatekeeperBatchTest, WithoutARequestTheDenialIsA403) {
  GatekeeperTest::start(
      {.policy = std::string(kMcpPolicy) + "  - {id: quiet, effect: deny, tools: [mcp.notify]}\n"});
  EXPECT_EQ(sent(list({kNote, kNote})), "");
  EXPECT_THAT(kernel_.answers.back(), StartsWith("HTTP/1.1 403 "));
  EXPECT_THAT(story(), ElementsAre("rule_denied", "rule_denied", "refused", "refused"));
}

TEST_F(GatekeeperBatchTest, ResponsesOnlyAreTraffic) {
  start();
  const std::string body = list({R"({"jsonrpc":"2.0","id":1,"result":{}})",
                                 R"({"jsonrpc":"2.0","id":2,"error":{"code":1}})"});
  Wire wire = connect();
  wire.send(message(body));
  EXPECT_EQ(wire.server_got(), message(body));
  wire.receive("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n");
  EXPECT_THAT(story(), ElementsAre("allowed", "allowed", "completed", "completed"));
  EXPECT_EQ(decisions()[1].tool().name(), "mcp.reply");
}

TEST_F(GatekeeperBatchTest, WhereTheVersionHasNoneItIsDenied) {
  start();
  const std::string good = list({read("/notes/1", "1"), read("/notes/2", "2")});
  for (const char* version : {"2024-11-05", "2025-06-18", "2025-11-25", "2026-07-28", "x"})
    EXPECT_EQ(sent(good, std::string(kStreamable) + "MCP-Protocol-Version: " + version + "\r\n"),
              "")
        << version;
  EXPECT_EQ(sent(good, ""), "") << "the older HTTP+SSE transport";
  EXPECT_EQ(sent(good, std::string(kStreamable) + "Mcp-Method: tools/call\r\n"), "");
  EXPECT_EQ(sent("[]"), "");
  EXPECT_EQ(sent(list({read("/notes/1", "1"), read("/notes/2", "1")})), "");
  EXPECT_EQ(sent(list({R"({"jsonrpc":"2.0","id":0,"method":"initialize","params":{}})"})), "");
  const auto made = decisions();
  ASSERT_THAT(made, SizeIs(10)) << "each is one call";
  for (const auto& d : made) EXPECT_EQ(d.code(), "unparseable");
  EXPECT_THAT(made[1].reason(), HasSubstr("json_rpc_batch: several messages in one, which of all "
                                          "versions of MCP only 2025-03-26 has"));
  EXPECT_EQ(sent(good), message(good)) << "the header came with a later version";
}

TEST_F(GatekeeperBatchTest, OverTlsItIsAborted) {
  start();
  Wire wire = connect_tls();
  wire.send(message(list({read("/notes/1", "1"), call("delete_note", "/notes/7", "2")})));
  EXPECT_EQ(wire.server_got(), "");
  EXPECT_THAT(kernel_.answers, IsEmpty());
  EXPECT_THAT(story(), ElementsAre("batch_denied", "scope_missing", "aborted", "aborted"));
}

TEST_F(GatekeeperBatchTest, LimitsCountEachAndAreGivenBack) {
  start({.max_tool_calls = 3});
  const auto reads = [](int from, int to) {
    std::vector<std::string> all;
    for (int i = from; i <= to; ++i)
      all.push_back(read("/notes/" + std::to_string(i), std::to_string(i)));
    return list(all);
  };
  EXPECT_EQ(sent(reads(1, 4)), "");
  EXPECT_THAT(new_story(),
              ElementsAre("batch_denied", "batch_denied", "batch_denied", "limit_tool_calls",
                          "refused", "refused", "refused", "refused"));
  EXPECT_EQ(committed(), 0u);
  EXPECT_EQ(sent(reads(5, 6)), message(reads(5, 6)));
  EXPECT_EQ(committed(), 2u);
  EXPECT_EQ(sent(reads(7, 8)), "");
  EXPECT_EQ(sent(reads(9, 9)), message(reads(9, 9)));
  EXPECT_EQ(committed(), 3u);
}

TEST_F(GatekeeperBatchTest, EachIsJudgedAsIfThoseBeforeItHadGone) {
  start();
  EXPECT_EQ(sent(list({read("/notes/1", "1"), read("/notes/1", "2"), read("/notes/1", "3")})), "")
      << "circles";
  EXPECT_EQ(decisions().back().rule(), "circles");
  const std::string good = list({read("/notes/1", "1"), read("/notes/1", "2")});
  EXPECT_EQ(sent(good), message(good)) << "what was denied does not count";
  EXPECT_EQ(sent(read("/notes/1", "3")), "");
}

TEST_F(GatekeeperBatchTest, FindingsAreOfTheMessageThatHasThem) {
  GatekeeperTest::start(
      {.policy = std::string(kMcpPolicy) +
                 "  - {id: cards, effect: flag, tools: [crm.*], findings: [pii.card]}\n"});
  Wire wire = connect();
  wire.send(message(list({read("/notes/1", "1"), read(std::string("/notes/") + kCard, "2")})));
  EXPECT_THAT(story(), ElementsAre("allowed", "flagged"));
  wire.receive(answer(list({result("1", R"(,"x":"open sesame")"), result("2")}), kJson));
  const auto ended = outcomes();
  ASSERT_THAT(ended, SizeIs(2));
  EXPECT_EQ(ended[0].findings_size(), 1);
  EXPECT_EQ(ended[1].findings_size(), 0);
  EXPECT_EQ(session().facts.sources().size(), 2u) << "one with the finding, and one without";
}

// What no answer has is nobody's, or everybody's.
TEST_F(GatekeeperBatchTest, WhatIsFoundBesideTheAnswersCountsForEach) {
  start();
  Wire wire = connect();
  wire.send(message(list({read("/notes/1", "1"), read("/notes/2", "2")})));
  wire.receive(answer(list({result("1"), result("3", R"(,"x":"open sesame")")}), kJson));
  for (const v1::Outcome& o : outcomes()) EXPECT_EQ(o.findings_size(), 1) << o.DebugString();
}

TEST_F(GatekeeperBatchTest, WithoutAnAnswerItIsIncomplete) {
  start();
  Wire wire = connect();
  wire.send(message(list({read("/notes/1", "1"), kNote})));
  wire.close();
  EXPECT_THAT(story(), ElementsAre("allowed", "allowed", "incomplete", "incomplete"));
}

TEST_F(GatekeeperBatchTest, WithoutARecordOfEachNothingLeaves) {
  start();
  disk_.full = true;
  EXPECT_EQ(sent(list({read("/notes/1", "1"), kNote})), "");
  EXPECT_EQ(committed(), 0u);
}

TEST_F(GatekeeperBatchTest, ObservedItGoesWithTheVerdictsOnRecord) {
  GatekeeperTest::start({.policy = kMcpPolicy, .mode = identity::Mode::kObserve});
  Wire wire = connect();
  wire.send(message(list({read("/notes/1", "1"), call("delete_note", "/notes/7", "2")})));
  wire.receive(answer(list({result("1"), result("2")}), kJson));
  EXPECT_THAT(kernel_.answers, IsEmpty());
  EXPECT_THAT(story(), ElementsAre("batch_denied", "scope_missing", "completed", "completed"));
  EXPECT_THAT(results(), Each(SizeIs(64)));
}

// With another call's denial, before it was judged.
TEST_F(GatekeeperBatchTest, BehindADeniedCallItIsRecordedWithThat) {
  start();
  Wire wire = connect();
  wire.send_unbound(message(call("delete_note", "/notes/7", "1")) +
                    message(list({read("/notes/1", "1"), read("/notes/2", "2")})));
  wire.bind();
  EXPECT_EQ(wire.server_got(), "");
  EXPECT_THAT(story(), ElementsAre("scope_missing", "refused", "scope_missing", "scope_missing",
                                   "incomplete", "incomplete"));
  EXPECT_EQ(decisions()[2].tool().mcp().id(), "2");
  EXPECT_THAT(outcomes().back().detail(), HasSubstr(decisions()[0].call_id()));
}

class AskedBatchTest : public GatekeeperBatchTest {
 protected:
  void ask(std::vector<std::string> messages, std::size_t records) {
    pdp_ = *pdp::PdpClient::open(server_.config());
    start();
    wire_ = std::make_unique<Wire>(connect());
    wire_->send(message(list(messages)));
    EXPECT_EQ(wire_->server_got(), "") << "it waits";
    while (records_of() < records) {
      pollfd ready{.fd = pdp_->fd(), .events = POLLIN, .revents = 0};
      ASSERT_EQ(::poll(&ready, 1, 5000), 1);
      pdp_->on_ready();
    }
  }
  [[nodiscard]] std::size_t records_of() const { return decisions().size(); }

  pdp::test::StandIn server_{
      {}, [](const pdp::test::Asked& asked) {
        const bool bad = asked.body.find("/notes/2") != std::string::npos;
        return pdp::test::Said::json(bad ? R"({"result":false})" : R"({"result":true})");
      }};
  std::unique_ptr<Wire> wire_;
};

TEST_F(AskedBatchTest, TheDecisionPointIsAskedAboutEach) {
  ask({read("/notes/1", "1"), kNote, read("/notes/3", "3")}, 3);
  EXPECT_EQ(wire_->server_got(), wire_->sent());
  EXPECT_EQ(server_.requests(), 3);
  EXPECT_THAT(story(), Each(Not(HasSubstr("denied"))));
}

TEST_F(AskedBatchTest, WhatItDeniesIsTheEndOfAll) {
  ask({read("/notes/1", "1"), read("/notes/2", "2"), read("/notes/3", "3")}, 3);
  EXPECT_EQ(wire_->server_got(), "");
  EXPECT_EQ(server_.requests(), 2) << "the third one is not asked about";
  EXPECT_THAT(story(), ElementsAre("batch_denied", "pdp_denied", "batch_denied", "refused",
                                   "refused", "refused"));
  EXPECT_EQ(committed(), 0u);
}

}  // namespace
}  // namespace writ::daemon
