// Callers who ask before they act: judged, counted and recorded as live calls are.
#include "daemon/decide_desk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include "daemon/gatekeeper_support.h"
#include "daemon/proposal.h"

namespace writ::daemon {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

v1::ProposedCall by_tool(const std::string& tool, const std::string& body = "",
                         const std::string& id = "") {
  v1::ProposedCall call;
  call.set_tool(tool);
  call.set_body(body);
  if (!id.empty()) (*call.mutable_captures())["id"] = id;
  return call;
}

v1::ProposedCall by_request(const std::string& method, const std::string& path,
                            const std::string& query = "", const std::string& body = "") {
  v1::ProposedCall call;
  call.mutable_request()->set_method(method);
  call.mutable_request()->set_host("CRM.test");
  call.mutable_request()->set_path(path);
  call.mutable_request()->set_query(query);
  call.set_body(body);
  return call;
}

std::string with(const std::string& more) { return std::string(kTools) + more; }

class DecideTest : public GatekeeperTest {
 protected:
  void open(const StartOptions& options = {}) {
    start(options);
    desk_ = std::make_unique<DecideDesk>(DecideDesk::Parts{
        .judge = gatekeeper_->judge(), .pdp = pdp_.get(), .rules = rules(), .key = audit_->key()});
  }
  void ask_later(const v1::ProposedCall& call) {
    answer_ = tl::unexpected(Error{ErrorCode::kUnavailable, "no answer as yet"});
    desk_->ask({.id = 5, .pid = static_cast<std::uint32_t>(::getpid()), .session = session()}, call,
               [this](const Result<v1::DecideResponse>& answer) { answer_ = answer; });
  }
  v1::DecideResponse ask(const v1::ProposedCall& call) {
    ask_later(call);
    EXPECT_TRUE(answer_) << answer_.error().message;
    return answer_.value_or(v1::DecideResponse());
  }
  std::string code(const v1::ProposedCall& call) { return ask(call).code(); }

  std::unique_ptr<DecideDesk> desk_;
  Result<v1::DecideResponse> answer_;
};

TEST_F(DecideTest, AnAllowedCallIsCountedAndRecorded) {
  open();
  const v1::DecideResponse answer = ask(by_tool("crm.contact.read", "", "7"));
  EXPECT_EQ(answer.verdict(), v1::VERDICT_ALLOW);
  EXPECT_EQ(answer.rule(), "sales-works");
  EXPECT_EQ(answer.tool(), "crm.contact.read");
  EXPECT_EQ(answer.session_id(), kSession);
  EXPECT_EQ(answer.writ_id(), session().writ.id);
  EXPECT_EQ(answer.mode(), v1::MODE_ENFORCE);
  EXPECT_EQ(answer.policy_version(), policy_->version());
  EXPECT_THAT(story(), ElementsAre("allowed", "incomplete"));
  const v1::Decision decision = decisions().at(0);
  EXPECT_EQ(decision.call_id(), answer.call_id());
  EXPECT_EQ(decision.request().protocol(), "decide");
  EXPECT_EQ(decision.tool().captures().at("id"), "7");
  EXPECT_EQ(decision.process().pid(), static_cast<std::uint32_t>(::getpid()));
  EXPECT_THAT(decision.process().exe(), HasSubstr("decide_desk_test"));
  EXPECT_THAT(outcomes().at(0).detail(), HasSubstr("acts itself"));
  EXPECT_EQ(committed(), 1u);
  EXPECT_EQ(session().facts.calls(), 1u);
  EXPECT_EQ(session().calls, 1u);
}

TEST_F(DecideTest, ADeniedCallSaysWhyAndUsesNothing) {
  open();
  const v1::DecideResponse answer = ask(by_tool("crm.contact.delete", "", "7"));
  EXPECT_EQ(answer.verdict(), v1::VERDICT_DENY);
  EXPECT_EQ(answer.code(), "scope_missing");
  EXPECT_THAT(answer.missing_scopes(), ElementsAre("crm.contacts.delete"));
  EXPECT_THAT(answer.reason(), HasSubstr("sarah may not call crm.contact.delete"));
  EXPECT_EQ(committed(), 0u);
  EXPECT_EQ(session().facts.calls(), 0u);
  EXPECT_EQ(session().denied, 1u);
}

TEST_F(DecideTest, ArgumentsAreScannedLikeALiveBody) {
  open();
  const std::string body = std::string(R"({"text": ")") + kCard + "\"}";
  const v1::DecideResponse answer = ask(by_tool("crm.note.add", body));
  EXPECT_EQ(answer.rule(), "no-cards");
  ASSERT_THAT(answer.findings(), SizeIs(1));
  EXPECT_EQ(answer.findings(0).rule(), "pii.card");
  EXPECT_EQ(ask(by_request("POST", "/notes", "x=4111+1111+1111+1111")).rule(), "no-cards");
  EXPECT_EQ(code(by_tool("crm.note.add", "{}")), "allowed");

  Wire wire = connect();
  wire.send(post(body));
  const auto all = decisions();
  EXPECT_EQ(all.at(3).rule(), "no-cards");
  EXPECT_EQ(all.at(3).request().digest(), all.at(0).request().digest());
}

TEST_F(DecideTest, ADescribedRequestIsReadLikeALiveOne) {
  open();
  EXPECT_EQ(ask(by_request("GET", "/contacts/%37")).tool(), "crm.contact.read");
  EXPECT_EQ(decisions().at(0).tool().captures().at("id"), "7");
  EXPECT_EQ(decisions().at(0).destination().host(), "crm.test");
  EXPECT_EQ(code(by_request("GET", "/contacts/..%2fnotes")), "unparseable");
  EXPECT_EQ(code(by_request("GET", "/nowhere")), "tool_unknown");
  EXPECT_EQ(code(by_request("get", "/contacts/7")), "unparseable");
}

TEST_F(DecideTest, AMessageToAnMcpServerIsReadLikeALiveOne) {
  open({.policy = R"(version: 1
tools:
  - {name: crm.note.read, host: crm.test, path: /mcp, mcp: read_note, scopes: [], effect: read}
rules:
  - {id: works, effect: allow, tools: [crm.*], args: {path: {prefix: /notes/}}}
)"});
  const auto say = [&](const std::string& method, const std::string& params) {
    return ask(by_request(
        "POST", "/mcp", "",
        R"({"jsonrpc":"2.0","id":1,"method":")" + method + R"(","params":)" + params + "}"));
  };
  const std::string note = R"({"name":"read_note","arguments":{"path":"/notes/7"}})";
  EXPECT_EQ(say("tools/call", note).tool(), "crm.note.read");
  EXPECT_EQ(decisions().back().tool().mcp().name(), "read_note");
  EXPECT_EQ(say("tools/call", R"({"name":"read_note","arguments":{"path":"/etc"}})").code(),
            "no_rule");
  EXPECT_EQ(say("tools/call", R"({"name":"delete_note"})").code(), "tool_unknown");
  EXPECT_EQ(say("tools/call", R"({"name":"read_note","name":"x"})").code(), "unparseable");
  EXPECT_EQ(say("tools/list", "{}").tool(), "mcp.list");
  EXPECT_EQ(ask(by_tool("crm.note.read", R"({"path":"/notes/7"})")).code(), "allowed");
  EXPECT_EQ(committed(), 2u);
}

TEST_F(DecideTest, ANameThatNobodyKnowsIsNoCallWithoutAName) {
  open({.policy = with("  - {id: rest, effect: allow, tools: ['?']}\n")});
  EXPECT_EQ(code(by_request("GET", "/nowhere")), "allowed");
  const v1::DecideResponse answer = ask(by_tool("crm.*"));
  EXPECT_EQ(answer.code(), "tool_unknown");
  EXPECT_THAT(answer.reason(), HasSubstr("'crm.*'"));
}

class UnsaidTest : public DecideTest, public testing::WithParamInterface<const char*> {};

TEST_P(UnsaidTest, WhatIsNotSaidOfARequestIsUndefined) {
  open({.policy = with(std::string("  - {id: no, effect: deny, ") + GetParam() + "}\n")});
  EXPECT_EQ(ask(by_tool("crm.contact.read")).rule(), "no");
  EXPECT_EQ(code(by_request("GET", "/contacts/7")), "allowed");
}
INSTANTIATE_TEST_SUITE_P(Conditions, UnsaidTest,
                         testing::Values("hosts: [x.test]", "paths: [/x]", "methods: [PUT]"));

TEST_F(DecideTest, APortThatIsNotSaidIsUndefined) {
  open({.policy = with("  - {id: no, effect: deny, destinations: ['*:443']}\n")});
  EXPECT_EQ(ask(by_tool("crm.contact.read")).rule(), "no");
  v1::ProposedCall call = by_request("GET", "/contacts/7");
  call.mutable_request()->set_port(80);
  EXPECT_EQ(code(call), "allowed");
}

TEST_F(DecideTest, LimitsAreSharedWithLiveCalls) {
  open({.limits = {.max_tool_calls = 2}});
  Wire wire = connect();
  wire.send(get("/contacts/7"));
  EXPECT_EQ(wire.server_got(), get("/contacts/7"));
  EXPECT_EQ(code(by_tool("crm.contact.read")), "allowed");
  EXPECT_EQ(code(by_tool("crm.contact.read")), "limit_tool_calls");
  wire.receive(answer("{}"));
  wire.send(get("/contacts/8"));
  EXPECT_EQ(wire.server_got(), get("/contacts/7"));
  EXPECT_EQ(committed(), 2u);
}

TEST_F(DecideTest, RatesAreSharedWithLiveCalls) {
  open({.policy = with("settings: [{tools: [crm.contact.read], rate_per_minute: 2}]\n")});
  EXPECT_EQ(code(by_tool("crm.contact.read")), "allowed");
  Wire wire = connect();
  wire.send(get("/contacts/7"));
  EXPECT_EQ(code(by_tool("crm.contact.read")), "rate_limited");
  EXPECT_EQ(code(by_tool("crm.note.add")), "allowed");
}

TEST_F(DecideTest, ItIsPartOfWhatTheSessionDid) {
  open({.policy = with("  - {id: first, effect: deny, tools: [crm.note.add], requires_before: "
                       "[crm.contact.read]}\n"
                       "  - {id: loop, effect: deny, repeat: {more_than: 2}}\n")});
  Wire wire = connect();
  EXPECT_EQ(ask(by_tool("crm.note.add")).rule(), "first");
  EXPECT_EQ(code(by_tool("crm.contact.read", "", "7")), "allowed");
  wire.send(post("{}"));
  EXPECT_EQ(wire.server_got(), post("{}")) << "the decided call came before it";
  for (const char* id : {"7", "8", "8"}) {
    EXPECT_EQ(code(by_tool("crm.contact.read", "", id)), "allowed") << id;
  }
  EXPECT_EQ(ask(by_tool("crm.contact.read", "", "8")).rule(), "loop");
}

// Nobody sees the page come in, so it counts from the moment it was allowed.
TEST_F(DecideTest, WhatAnUntrustedToolBringsTaintsTheSession) {
  std::string policy =
      with("  - {id: steered, effect: deny, tools: [crm.note.add], after: {untrusted: true}}\n");
  policy.replace(policy.find("name: crm.events"), 16, "untrusted: true\n    name: crm.events");
  open({.policy = policy});
  EXPECT_EQ(code(by_tool("crm.note.add")), "allowed");
  EXPECT_EQ(code(by_tool("crm.contact.read")), "allowed");
  EXPECT_EQ(code(by_tool("crm.note.add")), "allowed");
  EXPECT_EQ(code(by_tool("crm.events")), "allowed");
  EXPECT_EQ(ask(by_tool("crm.note.add")).rule(), "steered");
}

TEST_F(DecideTest, AWritThatHasEndedAllowsNothing) {
  open();
  book_.revoke(session().handle, "user sarah", std::chrono::system_clock::now());
  EXPECT_EQ(code(by_tool("crm.contact.read")), "writ_revoked");
  EXPECT_EQ(decisions().at(0).code(), "writ_revoked");
}

TEST_F(DecideTest, NobodyBehindItMayNothing) {
  open();
  session().writ.id.clear();
  EXPECT_EQ(code(by_tool("crm.contact.read")), "no_identity");
  EXPECT_EQ(code(by_tool("nothing")), "no_identity");
}

TEST_F(DecideTest, ItWaitsUntilThePersonIsKnown) {
  open();
  session().resolving = true;
  ask_later(by_tool("crm.contact.read"));
  EXPECT_FALSE(answer_);
  session().resolving = false;
  desk_->resume(session());
  ASSERT_TRUE(answer_);
  EXPECT_EQ(answer_->code(), "allowed");
  EXPECT_EQ(committed(), 1u);
}

TEST_F(DecideTest, ACallerOrSessionThatGoesIsDeniedAndRecorded) {
  open();
  session().resolving = true;
  ask_later(by_tool("crm.contact.read"));
  desk_->forget(4);
  EXPECT_THAT(story(), IsEmpty());
  desk_->forget(5);
  EXPECT_THAT(story(), ElementsAre("unparseable", "incomplete"));
  ask_later(by_tool("crm.contact.read"));
  desk_->end(session());
  ASSERT_TRUE(answer_);
  EXPECT_EQ(answer_->verdict(), v1::VERDICT_DENY);
  EXPECT_THAT(answer_->reason(), HasSubstr("the session ended"));
  EXPECT_EQ(committed(), 0u);
}

class AskedTest : public DecideTest, public testing::WithParamInterface<pdp::Verdict> {};

// Nobody listens there, which is told later, as an answer is.
TEST_P(AskedTest, TheDecisionPointIsAskedMeanwhileNobodyWaits) {
  pdp_ = *pdp::PdpClient::open({.unix_socket = dir_.path() + "/nobody",
                                .url = "http://localhost/x",
                                .on_error = GetParam()});
  open();
  ask_later(by_tool("crm.contact.read"));
  EXPECT_FALSE(answer_) << "it was not asked";
  EXPECT_THAT(story(), IsEmpty());
  while (!answer_) {
    pollfd ready{.fd = pdp_->fd(), .events = POLLIN, .revents = 0};
    ASSERT_EQ(::poll(&ready, 1, 5000), 1);
    pdp_->on_ready();
  }
  const bool deny = GetParam() == pdp::Verdict::kDeny;
  EXPECT_EQ(answer_->verdict(), deny ? v1::VERDICT_DENY : v1::VERDICT_ALLOW);
  EXPECT_THAT(deny ? answer_->code() : answer_->reason(), HasSubstr("pdp_unreachable"));
  EXPECT_EQ(committed(), deny ? 0u : 1u);
  EXPECT_EQ(code(by_tool("crm.contact.delete")), "scope_missing") << "what rules deny is not asked";
}
INSTANTIATE_TEST_SUITE_P(OnError, AskedTest,
                         testing::Values(pdp::Verdict::kDeny, pdp::Verdict::kAllow));

TEST_F(DecideTest, AnAnswerThatComesTooLateFindsNobody) {
  pdp_ = *pdp::PdpClient::open({.unix_socket = dir_.path() + "/nobody",
                                .url = "http://localhost/x",
                                .on_error = pdp::Verdict::kAllow});
  open();
  const std::string body = std::string(R"({"text": ")") + kCard + "\"}";
  ask_later(by_tool("crm.contact.read", body));
  desk_->forget(5);
  pollfd ready{.fd = pdp_->fd(), .events = POLLIN, .revents = 0};
  if (::poll(&ready, 1, 100) == 1) pdp_->on_ready();
  EXPECT_THAT(story(), ElementsAre("unparseable", "incomplete"));
  EXPECT_THAT(decisions().at(0).findings(), SizeIs(1)) << "what was found stays in the record";
}

TEST_F(DecideTest, WithoutARecordNothingIsAllowed) {
  open();
  disk_.full = true;
  const v1::DecideResponse answer = ask(by_tool("crm.contact.read"));
  EXPECT_EQ(answer.verdict(), v1::VERDICT_DENY);
  EXPECT_EQ(answer.code(), "audit_unavailable");
  EXPECT_EQ(committed(), 0u);
}

TEST_F(DecideTest, AnObservedSessionIsToldSo) {
  open({.mode = identity::Mode::kObserve});
  const v1::DecideResponse answer = ask(by_tool("crm.contact.delete"));
  EXPECT_EQ(answer.verdict(), v1::VERDICT_DENY);
  EXPECT_EQ(answer.mode(), v1::MODE_OBSERVE);
}

TEST_F(DecideTest, WhatIsNoCallIsRefusedWithoutARecord) {
  open();
  std::vector<v1::ProposedCall> bad(9);
  bad[1] = by_request("GET", "/x");
  bad[1].set_tool("crm.contact.read");
  bad[2] = by_request("GET", "/x");
  (*bad[2].mutable_captures())["id"] = "7";
  bad[3] = by_request("GET", "/x HTTP/1.1\r\nHost: other.test");
  bad[4] = by_request("GET", "/x?y=1");
  bad[5] = by_request("GET", "x");
  bad[6] = by_request("GET", "/x");
  bad[6].mutable_request()->set_address("localhost");
  bad[7] = by_request("GET", "/x");
  bad[7].mutable_request()->set_port(65536);
  bad[8] = by_tool("crm.contact.read", "", std::string(kMaxClaimBytes, '7'));
  for (std::size_t i = 0; i < bad.size(); ++i) {
    ask_later(bad[i]);
    ASSERT_FALSE(answer_) << i;
    EXPECT_EQ(answer_.error().code, ErrorCode::kInvalid) << i;
  }
  EXPECT_THAT(story(), IsEmpty());
}

TEST_F(DecideTest, AnAddressHasOneSpelling) {
  open();
  v1::ProposedCall call = by_request("GET", "/contacts/7");
  call.mutable_request()->set_address("::ffff:10.0.0.1");
  call.mutable_request()->set_port(443);
  (void)ask(call);
  EXPECT_EQ(decisions().at(0).destination().address(), "10.0.0.1");
  EXPECT_EQ(decisions().at(0).destination().port(), 443u);
}

}  // namespace
}  // namespace writ::daemon
