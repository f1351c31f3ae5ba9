// What a decision point can say and do, over both sockets: what is no usable answer allows nothing.
#include "pdp/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pdp/stand_in.h"
#include "pdp/support.h"

namespace writ::pdp {
namespace {

using namespace test;
using testing::HasSubstr;
using testing::StartsWith;

class ClientTest : public testing::TestWithParam<bool> {
 protected:
  static StandIn::Options here() { return {.tcp = GetParam()}; }

  // The answer to one question, when the decision point says this.
  static PdpAnswer said(const Said& reply, Dialect dialect = Dialect::kOpa) {
    const StandIn server(here(), [&](const Asked&) { return reply; });
    return Loop(server.config(dialect)).get();
  }
  static PdpAnswer result(const std::string& json) { return said(Said::json(json)); }

  static void expect_error(const PdpAnswer& answer, std::string_view code, std::string_view why) {
    EXPECT_EQ(answer.verdict, Verdict::kDeny);
    EXPECT_FALSE(answer.answered);
    EXPECT_EQ(answer.code, code);
    EXPECT_THAT(answer.reason, HasSubstr(why));
    EXPECT_THAT(answer.reason, HasSubstr("(on_error: deny)"));
  }
};

INSTANTIATE_TEST_SUITE_P(Sockets, ClientTest, testing::Bool(),
                         [](const auto& socket) { return socket.param ? "Tcp" : "Unix"; });

TEST_P(ClientTest, AsksAsDocumented) {
  Asked seen;
  StandIn server(here(), [&](const Asked& asked) {
    seen = asked;
    return Said::json(R"({"result":true})");
  });
  Loop loop(server.config());
  const PdpAnswer answer = loop.get();
  EXPECT_EQ(answer.verdict, Verdict::kAllow);
  EXPECT_EQ(answer.code, "pdp_allowed");
  EXPECT_TRUE(answer.answered);
  EXPECT_GT(answer.took.count(), 0);
  EXPECT_THAT(seen.head, StartsWith("POST /v1/data/writ/decision HTTP/1.1\r\nHost: "));
  EXPECT_THAT(seen.head, HasSubstr("\r\nContent-Type: application/json\r\n"));
  EXPECT_THAT(seen.head, testing::Not(HasSubstr("Expect")));
  EXPECT_THAT(seen.body, StartsWith(R"({"input":{"user":{"id":"sarah",)"));
  EXPECT_EQ(seen.body, *write_document(Dialect::kOpa, call_of("sarah")));
}

TEST_P(ClientTest, ReadsDecisions) {
  EXPECT_EQ(result(R"({"result":false})").code, "pdp_denied");
  const PdpAnswer flagged =
      result(R"({"decision_id":"7","result":{"decision":"flag","reason":"has PII","rule":"r1"}})");
  EXPECT_EQ(flagged.verdict, Verdict::kFlag);
  EXPECT_EQ(flagged.reason, "has PII");
  EXPECT_EQ(flagged.rule, "r1");
  const PdpAnswer denied = result(R"({"result":{"decision":"deny","reason":"no"}})");
  EXPECT_EQ(denied.verdict, Verdict::kDeny);
  EXPECT_EQ(denied.code, "pdp_denied");
  EXPECT_TRUE(denied.answered);
}

TEST_P(ClientTest, SpeaksAuthZen) {
  Asked seen;
  const StandIn server(here(), [&](const Asked& asked) {
    seen = asked;
    return Said::json(R"({"decision":true,"context":{"id":"p7","reason_user":{"en":"yes"}}})");
  });
  const PdpAnswer answer = Loop(server.config(Dialect::kAuthZen)).get();
  EXPECT_EQ(answer.verdict, Verdict::kAllow);
  EXPECT_EQ(answer.reason, "yes");
  EXPECT_EQ(answer.rule, "p7");
  EXPECT_THAT(seen.head, StartsWith("POST /access/v1/evaluation HTTP/1.1\r\n"));
  EXPECT_THAT(seen.body, StartsWith(R"({"subject":{"type":"user","id":"sarah",)"));
  EXPECT_EQ(said(Said::json(R"({"decision":false})"), Dialect::kAuthZen).code, "pdp_denied");
  EXPECT_EQ(said(Said::json("not found", "404 Not Found"), Dialect::kAuthZen).code, "pdp_status");
}

TEST_P(ClientTest, UndefinedIsDeny) {
  expect_error(result("{}"), "pdp_undefined", "undefined");
  expect_error(result(R"({"decision_id":"1"})"), "pdp_undefined", "undefined");
}

TEST_P(ClientTest, WrongAnswersAreDeny) {
  expect_error(result(R"({"result":"allow"})"), "pdp_bad_answer", "neither true, false");
  expect_error(result(R"({"result":null})"), "pdp_bad_answer", "neither true, false");
  expect_error(result(R"({"result":{"allow":true}})"), "pdp_bad_answer", "without a `decision`");
  expect_error(result(R"({"result":true)"), "pdp_bad_answer", "not JSON");
  expect_error(result(R"({"result":false,"result":true})"), "pdp_bad_answer", "name twice");
  expect_error(result(""), "pdp_bad_answer", "not JSON");
  expect_error(result("true"), "pdp_bad_answer", "not a JSON object");
}

TEST_P(ClientTest, AnotherStatusIsDeny) {
  const std::string yes = R"({"result":true})";
  for (const char* status : {"500 Internal Server Error", "400 Bad Request", "404 Not Found",
                             "201 Created", "206 Partial Content", "403 Forbidden"}) {
    expect_error(said(Said::json(yes, status)), "pdp_status",
                 std::string_view(status).substr(0, 3));
  }
}

TEST_P(ClientTest, RedirectsAreNotFollowed) {
  const StandIn other(here(), [](const Asked&) { return Said::json(R"({"result":true})"); });
  const std::string to = other.config().url;
  expect_error(said({"HTTP/1.1 307 Temporary Redirect\r\nLocation: " + to +
                     "\r\nContent-Length: 0\r\n\r\n"}),
               "pdp_status", "307");
  EXPECT_EQ(other.requests(), 0);
}

TEST_P(ClientTest, AnswersAreBounded) {
  const std::string padding(kMaxAnswerBytes, ' ');
  expect_error(result(R"({"result":true)" + padding + "}"), "pdp_bad_answer", "64 KiB");
  // The same without a length, for as long as it is read.
  expect_error(said({"HTTP/1.1 200 OK\r\n\r\n{\"result\":true}" + padding + padding}),
               "pdp_bad_answer", "64 KiB");
  expect_error(said({"HTTP/1.1 200 OK\r\nX: " + std::string(HttpPost::kMaxHeaderBytes, 'x') +
                     "\r\nContent-Length: 15\r\n\r\n{\"result\":true}"}),
               "pdp_bad_answer", "64 KiB");
  std::string interim;
  for (int i = 0; i < 2000; ++i) interim += "HTTP/1.1 100 Continue\r\n\r\n";
  expect_error(said({interim + Said::json(R"({"result":true})").bytes}), "pdp_bad_answer",
               "64 KiB");
  // As much as there may be is read.
  EXPECT_EQ(result(R"({"result":true})" + padding.substr(15)).code, "pdp_allowed");
}

TEST_P(ClientTest, WhatIsNotHttpIsDeny) {
  for (const char* bytes : {"{\"result\":true}", "SSH-2.0-OpenSSH\r\n\r\n",
                            "HTTP/9.9 200 OK\r\nContent-Length: 15\r\n\r\n{\"result\":true}",
                            "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n{\"result\":true}",
                            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}"}) {
    const PdpAnswer answer = said(Said{bytes}.cut(1000));
    EXPECT_FALSE(answer.answered) << bytes;
    EXPECT_EQ(answer.verdict, Verdict::kDeny) << bytes;
  }
}

// However much of an answer comes before the connection ends, only the whole of it counts.
TEST_P(ClientTest, AnEndInTheMiddleIsDeny) {
  const Said whole = Said::json(R"({"result":true})");
  std::atomic<std::size_t> cut = 0;
  const StandIn server(here(), [&](const Asked&) { return whole.cut(cut); });
  for (; cut < whole.bytes.size(); ++cut) {
    const PdpAnswer answer = Loop(server.config()).get();
    EXPECT_EQ(answer.verdict, Verdict::kDeny) << cut;
    EXPECT_EQ(answer.code, "pdp_unreachable") << cut << ' ' << answer.reason;
  }
  EXPECT_EQ(Loop(server.config()).get().code, "pdp_allowed");
}

TEST_P(ClientTest, AnswersInPiecesAreRead) {
  Said slow = Said::json(R"({"result":{"decision":"allow","reason":"piece by piece"}})");
  slow.between = std::chrono::microseconds(200);
  EXPECT_EQ(said(slow).reason, "piece by piece");
  EXPECT_EQ(said({"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "5\r\n{\"res\r\n5\r\nult\":\r\n5\r\ntrue}\r\n0\r\n\r\n"})
                .code,
            "pdp_allowed");
  EXPECT_EQ(
      said({"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            "f\r\n{\"result\":true}\r\n0\r\nX-Checksum: 1\r\n\r\n"})
          .code,
      "pdp_allowed");
}

TEST_P(ClientTest, NobodyThereIsDenyAtOnce) {
  StandIn server(here(), [](const Asked&) { return Said::json(R"({"result":true})"); });
  Loop loop(server.config());
  server.stop();
  const auto start = Clock::now();
  expect_error(loop.get(), "pdp_unreachable", "cannot be reached");
  EXPECT_LT(since(start), seconds(2));
  EXPECT_THAT(loop.client().state().last_error, HasSubstr("cannot be reached"));
  server.listen();
  EXPECT_EQ(loop.get().code, "pdp_allowed");
  EXPECT_EQ(loop.client().state().last_error, "");
  EXPECT_EQ(loop.client().state().codes.at("pdp_unreachable"), 1u);
}

TEST_P(ClientTest, OnErrorSaysOtherwise) {
  const StandIn server(here(), [](const Asked&) { return Said::json("{}", "500 Oops"); });
  PdpConfig config = server.config();
  config.on_error = Verdict::kFlag;
  const PdpAnswer flagged = Loop(config).get();
  EXPECT_EQ(flagged.verdict, Verdict::kFlag);
  EXPECT_EQ(flagged.code, "pdp_status");
  EXPECT_FALSE(flagged.answered);
  EXPECT_THAT(flagged.reason, HasSubstr("(on_error: flag)"));
  config.on_error = Verdict::kAllow;
  EXPECT_EQ(Loop(config).get().verdict, Verdict::kAllow);
  // What the decision point does say stands.
  const StandIn denies(here(), [](const Asked&) { return Said::json(R"({"result":false})"); });
  config = denies.config();
  config.on_error = Verdict::kAllow;
  EXPECT_EQ(Loop(config).get().verdict, Verdict::kDeny);
}

TEST_P(ClientTest, NoProxyIsUsed) {
  const StandIn proxy({.tcp = true}, [](const Asked&) { return Said::json(R"({"result":true})"); });
  const std::string address = proxy.config().url;
  for (const char* name : {"http_proxy", "ALL_PROXY"}) ::setenv(name, address.c_str(), 1);
  EXPECT_EQ(result(R"({"result":false})").code, "pdp_denied");
  for (const char* name : {"http_proxy", "ALL_PROXY"}) ::unsetenv(name);
  EXPECT_EQ(proxy.requests(), 0);
}

TEST_P(ClientTest, ConnectionsAreKept) {
  const StandIn server(here(), [](const Asked&) { return Said::json(R"({"result":true})"); });
  Loop loop(server.config());
  for (int i = 0; i < 50; ++i) ASSERT_EQ(loop.get().code, "pdp_allowed");
  EXPECT_EQ(server.requests(), 50);
  EXPECT_EQ(server.connections(), 1);
  EXPECT_EQ(loop.client().state().connections, 1u);
  EXPECT_EQ(loop.client().state().asked, 50u);
}

// A server may end a connection that is kept; the next request must not pay for it.
TEST_P(ClientTest, AConnectionThatWasEndedIsMadeAnew) {
  const StandIn server(here(), [](const Asked&) {
    Said said = Said::json(R"({"result":true})");
    said.close = true;
    return said;
  });
  Loop loop(server.config());
  for (int i = 0; i < 100; ++i) ASSERT_EQ(loop.get().code, "pdp_allowed") << i;
  EXPECT_EQ(server.connections(), 100);
}

TEST_P(ClientTest, ACallTooLargeIsNotAskedAbout) {
  const StandIn server(here(), [](const Asked&) { return Said::json(R"({"result":true})"); });
  Loop loop(server.config());
  const std::string path(kMaxDocumentBytes, '/');
  PdpInput input = call_of("sarah");
  input.request.path = path;
  std::optional<PdpAnswer> answer;
  loop.client().ask(1, input, [&](PdpAnswer got) { answer = std::move(got); });
  EXPECT_FALSE(answer);  // never inside ask()
  ASSERT_TRUE(loop.run([&] { return answer.has_value(); }));
  expect_error(*answer, "pdp_input", "too large");
  EXPECT_EQ(server.requests(), 0);
}

}  // namespace
}  // namespace writ::pdp
