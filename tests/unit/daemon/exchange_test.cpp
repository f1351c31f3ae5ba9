// What an exchange makes of the bytes on a channel: calls, with positions that are the channel's.
#include "daemon/exchange.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/gatekeeper_support.h"

namespace writ::daemon {
namespace {

using ::testing::IsEmpty;

class ExchangeTest : public GatekeeperTest {
 protected:
  void SetUp() override {
    channel_.stream = WRIT_STREAM_CLEAR | 9;
    channel_.first_out_ns = 42;
  }
  // As the flow table does it: the channel's count is behind the bytes when they are handed out.
  void out(std::string_view bytes) {
    channel_.out += bytes.size();
    exchange().feed_out(bytes);
  }
  Exchange& exchange() {
    if (!exchange_) {
      exchange_ = std::make_unique<Exchange>(channel_, scanner_, audit::Key::from_bytes({}),
                                             settings_.message_max);
    }
    return *exchange_;
  }

  flow::Channel channel_;
  scan::Scanner scanner_{rules()};
  std::unique_ptr<Exchange> exchange_;
};

TEST_F(ExchangeTest, CallsHaveTheirPlacesInTheStream) {
  const std::string first = get("/contacts/1");
  const std::string second = post("a note");
  out(first + second);
  ASSERT_EQ(exchange().calls.size(), 2u);
  const Call& a = *exchange().calls[0];
  EXPECT_EQ(a.begin, 0u);
  EXPECT_EQ(a.head_end, first.size());
  EXPECT_EQ(a.end, first.size());
  EXPECT_EQ(a.request.bytes, first.size());
  EXPECT_EQ(a.first_seen_ns, 42u);
  const Call& b = *exchange().calls[1];
  EXPECT_EQ(b.begin, first.size());
  EXPECT_EQ(b.head_end, first.size() + second.size() - 6);
  EXPECT_EQ(b.end, first.size() + second.size());
  EXPECT_EQ(b.request.bytes, second.size());
  EXPECT_EQ(b.arguments.bytes(), 6u);
  EXPECT_TRUE(b.arguments.complete());
  EXPECT_NE(a.id, b.id);
  EXPECT_EQ(exchange().arriving(), nullptr);
}

TEST_F(ExchangeTest, AConnectionThatIsOlderThanItsSessionKeepsItsPlaces) {
  channel_.out = 1000;
  const std::string first = get("/contacts/1");
  out(first.substr(0, 10));
  out(first.substr(10) + get("/contacts/2"));
  ASSERT_EQ(exchange().calls.size(), 2u);
  EXPECT_EQ(exchange().calls[0]->begin, 1000u);
  EXPECT_EQ(exchange().calls[0]->end, 1000 + first.size());
  EXPECT_EQ(exchange().calls[1]->begin, 1000 + first.size());
  EXPECT_EQ(exchange().calls[1]->end, channel_.out);
}

TEST_F(ExchangeTest, ACallArrivesUntilItsEnd) {
  EXPECT_EQ(exchange().arriving(), nullptr);
  const std::string request = post("a note");
  out(request.substr(0, 20));
  EXPECT_EQ(exchange().arriving(), nullptr) << "no head yet";
  EXPECT_FALSE(exchange().between_requests());
  out(request.substr(20, request.size() - 21));
  ASSERT_NE(exchange().arriving(), nullptr);
  EXPECT_EQ(exchange().arriving()->end, 0u);
  EXPECT_EQ(exchange().arriving()->request.bytes, request.size() - 1);
  out(request.substr(request.size() - 1));
  EXPECT_EQ(exchange().arriving(), nullptr);
  EXPECT_TRUE(exchange().between_requests());
}

TEST_F(ExchangeTest, QueryAndTrailersAreArgumentsToo) {
  const std::string digits = "4111111111111111";
  out(get("/contacts/7?card=" + digits));
  out("POST /notes HTTP/1.1\r\nHost: crm.test\r\nTransfer-Encoding: chunked\r\n\r\n"
      "2\r\nab\r\n0\r\nX-Note: " +
      digits + "\r\n\r\n");
  ASSERT_EQ(exchange().calls.size(), 2u);
  for (const auto& call : exchange().calls) {
    EXPECT_TRUE(call->arguments.look());
    const auto& found = call->arguments.findings();
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].rule, "pii.card");
  }
}

TEST_F(ExchangeTest, HeaderFieldsAreNotScanned) {
  out(get("/contacts/7", "X-Card: 4111111111111111\r\n"));
  EXPECT_FALSE(exchange().calls[0]->arguments.look());
  EXPECT_THAT(exchange().calls[0]->arguments.findings(), IsEmpty());
}

TEST_F(ExchangeTest, AProblemIsACallAndTheFirstOneStays) {
  out("no HTTP\r\n\r\n");
  ASSERT_EQ(exchange().calls.size(), 1u);
  ASSERT_TRUE(exchange().calls[0]->problem);
  const std::string code = exchange().calls[0]->problem->code;
  out("more");
  exchange().problem_call({.code = "another", .message = "", .offset = 0});
  ASSERT_EQ(exchange().calls.size(), 1u);
  EXPECT_EQ(exchange().calls[0]->problem->code, code);
  EXPECT_EQ(exchange().calls[0]->request.protocol, "unparseable");
}

TEST_F(ExchangeTest, AProblemBelongsToTheCallThatArrives) {
  out(get("/contacts/1"));
  out("POST /notes HTTP/1.1\r\nHost: crm.test\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
  ASSERT_EQ(exchange().calls.size(), 2u);
  EXPECT_FALSE(exchange().calls[0]->problem);
  ASSERT_TRUE(exchange().calls[1]->problem);
  EXPECT_EQ(exchange().calls[1]->problem->code, "bad_chunk_size");
  EXPECT_EQ(exchange().calls[1]->request.path, "/notes");
}

TEST_F(ExchangeTest, NothingIsReadOnceItIsDead) {
  out(get("/contacts/1"));
  exchange().dead = true;
  out(get("/contacts/2"));
  EXPECT_EQ(exchange().calls.size(), 1u);
}

TEST_F(ExchangeTest, AnswersGoToTheOldestCallWithoutOne) {
  out(get("/contacts/1") + get("/contacts/2"));
  EXPECT_FALSE(exchange().calls[0]->answered);
  EXPECT_TRUE(exchange().between_results());
  exchange().feed_in("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\non");
  EXPECT_FALSE(exchange().between_results());
  EXPECT_FALSE(exchange().calls[0]->answered);
  exchange().feed_in("eHTTP/1.1 204 No Content\r\n\r\n");
  EXPECT_TRUE(exchange().calls[0]->answered);
  EXPECT_TRUE(exchange().calls[1]->answered);
  EXPECT_EQ(exchange().calls[0]->status, 200);
  EXPECT_EQ(exchange().calls[0]->result.bytes(), 3u);
  EXPECT_EQ(exchange().calls[1]->status, 204);
  EXPECT_FALSE(exchange().blind);
}

TEST_F(ExchangeTest, AnAnswerToNothingMakesItBlind) {
  exchange().feed_in(answer("surprise"));
  EXPECT_TRUE(exchange().blind);
  EXPECT_THAT(exchange().calls, IsEmpty());
  out(get("/contacts/1"));
  exchange().feed_in(answer("ok"));
  exchange().close();
  EXPECT_FALSE(exchange().calls[0]->answered);
}

TEST_F(ExchangeTest, TheEndOfTheConnectionEndsOnlyAResultThatLastsUntilThen) {
  out(get("/contacts/1"));
  exchange().feed_in("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc");
  EXPECT_FALSE(exchange().calls[0]->answered);
  exchange().close();
  EXPECT_TRUE(exchange().calls[0]->answered);
  EXPECT_TRUE(exchange().calls[0]->result.complete());
}

TEST_F(ExchangeTest, AResultThatIsCutIsNotComplete) {
  out(get("/contacts/1"));
  exchange().feed_in("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc");
  exchange().close();
  EXPECT_TRUE(exchange().blind);
  EXPECT_FALSE(exchange().calls[0]->answered);
  EXPECT_FALSE(exchange().calls[0]->result.complete());
}

TEST_F(ExchangeTest, ATunnelEndsHttpBothWays) {
  out("CONNECT crm.test:443 HTTP/1.1\r\nHost: crm.test:443\r\n\r\n");
  exchange().feed_in("HTTP/1.1 200 OK\r\n\r\nanything");
  EXPECT_TRUE(exchange().tunnel);
  out(get("/contacts/1"));
  exchange().feed_in(answer("ok"));
  EXPECT_EQ(exchange().calls.size(), 1u);
  EXPECT_EQ(exchange().calls[0]->result.bytes(), 0u);
}

}  // namespace
}  // namespace writ::daemon
