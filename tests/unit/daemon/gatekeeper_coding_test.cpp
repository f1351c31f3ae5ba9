// Coded bodies and event streams: what is judged and recorded is what the reader at the other end
// reads, and what cannot be decoded does not leave.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/gatekeeper_support.h"
#include "protocol/coding_support.h"

namespace writ::daemon {
namespace {

using protocol::Coding;
using protocol::encode;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kAmounts = R"(  - id: small-amounts
    effect: deny
    tools: [crm.note.add]
    args: {amount: {gt: 500}}
)";

std::string named(Coding coding) {
  return "Content-Encoding: " + std::string(protocol::to_text(coding)) + "\r\n";
}
std::string post_coded(Coding coding, const std::string& body) {
  return post(encode(coding, body), named(coding));
}
std::string events(const std::string& stream, const std::string& fields = "") {
  return answer(stream, "Content-Type: text/event-stream; charset=utf-8\r\n" + fields);
}

class CodingTest : public GatekeeperTest, public testing::WithParamInterface<Coding> {};
INSTANTIATE_TEST_SUITE_P(All, CodingTest,
                         testing::Values(Coding::kGzip, Coding::kDeflate, Coding::kBrotli,
                                         Coding::kZstd),
                         [](const auto& each) {
                           return std::string(protocol::to_text(each.param));
                         });

TEST_P(CodingTest, ARequestIsJudgedByWhatItDecodesTo) {
  start();
  for (const bool bad : {false, true, false}) {
    Wire wire = connect();
    wire.send(post_coded(GetParam(), bad ? filler(5000) + kCard : filler(5000)));
    EXPECT_EQ(wire.server_got() == wire.sent(), !bad);
    EXPECT_EQ(wire.server_got().empty(), bad);
    wire.receive(answer("ok"));
  }
  EXPECT_THAT(story(), ElementsAre("allowed", "completed", "rule_denied", "refused", "allowed",
                                   "completed"));
  const v1::Decision denied = decisions()[1];
  ASSERT_EQ(denied.findings_size(), 1);
  EXPECT_EQ(denied.findings(0).rule(), "pii.card");
  EXPECT_EQ(denied.findings(0).count(), 1u);
  EXPECT_EQ(denied.request().content_encoding(), protocol::to_text(GetParam()));
  EXPECT_EQ(denied.scan().bytes(), 5019u) << "decoded";
  EXPECT_LT(denied.request().bytes(), 1000u) << "as sent";
  EXPECT_TRUE(denied.scan().complete());
}

TEST_P(CodingTest, ArgumentsAreThoseOfTheDecodedBody) {
  start({.policy = std::string(kTools) + kAmounts});
  for (const int amount : {500, 501, 500}) {
    Wire wire = connect();
    wire.send(post_coded(GetParam(), "{\"amount\": " + std::to_string(amount) + "}"));
    EXPECT_EQ(wire.server_got().empty(), amount == 501);
  }
  EXPECT_THAT(story(), ElementsAre("allowed", "rule_denied", "refused", "allowed"));
}

TEST_P(CodingTest, NothingInACodingIsFine) {
  start();
  Wire wire = connect();
  wire.send(post("", named(GetParam())));
  wire.receive(answer("", named(GetParam())));
  wire.send("HEAD /contacts/7 HTTP/1.1\r\nHost: crm.test\r\n\r\n");
  wire.receive("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n" + named(GetParam()) + "\r\n");
  EXPECT_THAT(story(), ElementsAre("allowed", "completed", "allowed", "completed"));
  EXPECT_TRUE(outcomes()[1].scan().complete());
  EXPECT_EQ(outcomes()[1].detail(), "");
}

TEST_P(CodingTest, ARequestThatCannotBeDecodedDoesNotLeave) {
  const std::string good = encode(GetParam(), filler(3000));
  struct Case {
    std::string body;
    const char* says;
  };
  const Case cases[] = {{good.substr(0, good.size() - 3), "content_coding_truncated"},
                        {good + kCard, "content_coding_trailing"},
                        {"no coding, but a text", "content_coding_corrupt"},
                        {encode(GetParam(), filler(100'000)), "content_coding_too_large"}};
  settings_.message_max = 64u << 10;
  start();
  for (const Case& c : cases) {
    Wire wire = connect();
    wire.send(post(c.body, named(GetParam())));
    EXPECT_EQ(wire.server_got(), "") << c.says;
    EXPECT_THAT(new_story(), ElementsAre("unparseable", "refused")) << c.says;
    EXPECT_THAT(decisions().back().reason(), HasSubstr(c.says));
    EXPECT_FALSE(decisions().back().scan().complete());
  }
  EXPECT_EQ(committed(), 0u);
}

TEST_P(CodingTest, AResultIsScannedDecoded) {
  start();
  Wire wire = connect();
  wire.send(get("/contacts/7"));
  const std::string body = encode(GetParam(), filler(3000) + " open sesame " + filler(3000));
  for (const char byte : answer(body, named(GetParam()))) wire.receive({&byte, 1});
  ASSERT_EQ(outcomes().size(), 1u);
  ASSERT_EQ(outcomes()[0].findings_size(), 1);
  EXPECT_EQ(outcomes()[0].findings(0).count(), 1u);
  EXPECT_EQ(outcomes()[0].bytes(), body.size());
  EXPECT_EQ(outcomes()[0].scan().bytes(), 6013u);
  EXPECT_EQ(outcomes()[0].content_encoding(), protocol::to_text(GetParam()));
  EXPECT_TRUE(outcomes()[0].scan().complete());
}

TEST_P(CodingTest, AResultThatCannotBeDecodedIsOnRecord) {
  settings_.message_max = 64u << 10;
  start();
  Wire wire = connect();
  wire.send(get("/contacts/7"));
  wire.receive(answer(encode(GetParam(), "open sesame " + filler(100'000)), named(GetParam())));
  wire.send(get("/contacts/7"));
  wire.receive(answer(encode(GetParam(), "text") + "more", named(GetParam())));
  wire.send(get("/contacts/7"));
  wire.receive(answer(encode(GetParam(), "text"), named(GetParam())));
  const auto made = outcomes();
  ASSERT_EQ(made.size(), 3u) << "the connection goes on";
  EXPECT_THAT(made[0].detail(), HasSubstr("content_coding_too_large"));
  EXPECT_FALSE(made[0].scan().complete());
  EXPECT_EQ(made[0].scan().bytes(), 64u << 10);
  EXPECT_EQ(made[0].findings_size(), 1) << "what was read counts";
  EXPECT_THAT(made[1].detail(), HasSubstr("content_coding_trailing"));
  EXPECT_FALSE(made[1].scan().complete());
  EXPECT_EQ(made[2].detail(), "");
  EXPECT_TRUE(made[2].scan().complete());
}

TEST_P(CodingTest, ALongBodyIsReleasedAsItIsDecoded) {
  start({.hold_max = 64u << 10});
  // Does not compress, so that it is long as sent too.
  std::string noise;
  std::uint32_t state = 1;
  while (noise.size() < 600'000) {
    state = state * 1664525u + 1013904223u;
    noise += static_cast<char>('g' + (state >> 28));
  }
  Wire fine = connect();
  fine.send(post_coded(GetParam(), noise));
  EXPECT_TRUE(fine.server_got() == fine.sent());
  Wire late = connect();
  late.send(post_coded(GetParam(), noise + " " + kCard));
  EXPECT_GT(late.server_got().size(), 0u);
  EXPECT_LT(late.server_got().size() + 1000, late.sent().size()) << "it stays incomplete";
  Wire cut = connect();
  const std::string body = encode(GetParam(), noise);
  cut.send(post(body + "trailing", named(GetParam())));
  EXPECT_LT(cut.server_got().size() + 1000, cut.sent().size());
  EXPECT_THAT(story(), ElementsAre("allowed", "allowed", "refused", "allowed", "refused"));
  EXPECT_THAT(outcomes()[1].detail(), HasSubstr("content_coding_trailing"));
}

TEST_F(GatekeeperTest, AnUnknownCodingIsDeniedOnItsHead) {
  start();
  Wire wire = connect();
  const std::string request = post(filler(5000), "Content-Encoding: compress\r\n");
  wire.send(request.substr(0, request.find("\r\n\r\n") + 4));
  EXPECT_THAT(story(), ElementsAre("unparseable", "refused"));
  EXPECT_THAT(decisions()[0].reason(), HasSubstr("send it as gzip"));
  EXPECT_EQ(decisions()[0].request().content_encoding(), "compress");
  EXPECT_EQ(wire.server_got(), "");
}

TEST_F(GatekeeperTest, AnUnknownCodingDoesNotGoAfterItsHeadEither) {
  start();
  Wire wire = connect();
  const std::string request =
      post(filler(5000), "Expect: 100-continue\r\nContent-Encoding: compress\r\n");
  wire.send(request.substr(0, request.find("\r\n\r\n") + 4));
  EXPECT_EQ(wire.server_got(), "");
}

TEST_F(GatekeeperTest, AnUnknownCodingOfNothingIsFine) {
  start();
  Wire wire = connect();
  wire.send(post("", "Content-Encoding: compress\r\n"));
  wire.receive(answer("", "Content-Encoding: compress\r\n"));
  EXPECT_THAT(story(), ElementsAre("allowed", "completed"));
  EXPECT_TRUE(outcomes()[0].scan().complete());
}

TEST_F(GatekeeperTest, WhatObservationCannotDecodeIsRecordedAndPasses) {
  start({.mode = identity::Mode::kObserve});
  Wire wire = connect();
  wire.send(post(std::string("compressed? ") + kCard, "Content-Encoding: compress\r\n"));
  wire.receive(answer("open sesame", "Content-Encoding: compress\r\n"));
  EXPECT_THAT(story(), ElementsAre("unparseable", "completed"));
  ASSERT_EQ(outcomes()[0].findings_size(), 1) << "scanned as it came";
  EXPECT_FALSE(outcomes()[0].scan().complete());
  EXPECT_THAT(outcomes()[0].detail(), HasSubstr("content_coding_unknown"));
}

// The name of a gzip member is not content, and some readers keep it all the same.
TEST_F(GatekeeperTest, WhatACodingCarriesBesideItsContentIsNotHidden) {
  start();
  gz_header header = {};
  std::string name = kCard;
  header.name = reinterpret_cast<Bytef*>(name.data());
  Wire wire = connect();
  wire.send(post(protocol::deflated("nothing", 16, &header), "Content-Encoding: gzip\r\n"));
  EXPECT_EQ(wire.server_got(), "");
  EXPECT_THAT(story(), ElementsAre("rule_denied", "refused"));
  EXPECT_EQ(decisions()[0].findings_size(), 1);
}

// A server that ignores Content-Encoding would read the amount.
TEST_F(GatekeeperTest, ArgumentsThatReadAsJsonWithoutTheirCodingTooAreDenied) {
  const std::string both = "{\"YbC%$\":501}   ";
  ASSERT_EQ(protocol::decode({Coding::kDeflate}, both).code, "") << "it is a raw deflate stream";
  start({.policy = std::string(kTools) + kAmounts});
  Wire wire = connect();
  wire.send(post(both, named(Coding::kDeflate)));
  EXPECT_EQ(wire.server_got(), "");
  ASSERT_EQ(decisions().size(), 1u);
  EXPECT_THAT(decisions()[0].reason(), HasSubstr("content_coding_ambiguous"));
}

// --- Event streams ---

TEST_F(GatekeeperTest, FramingDoesNotHideWhatAnEventSays) {
  const char* streams[] = {"data: open\ndata: sesame\n\n",
                           "data:open\r\ndata:sesame\r\n\r\n",
                           "data: open\n: kept alive\nid: 7\ndata: sesame\n\n",
                           ": open sesame\ndata: 1\n\n",
                           "event: open sesame\n\n",
                           "data: open sesame",
                           "no field open sesame"};
  start();
  Wire wire = connect();
  for (const char* stream : streams) {
    wire.send(get("/events"));
    wire.receive(events(stream));
    ASSERT_EQ(outcomes().back().findings_size(), 1) << stream;
    EXPECT_EQ(outcomes().back().findings(0).count(), 1u) << stream;
    EXPECT_TRUE(outcomes().back().scan().complete());
  }
}

TEST_F(GatekeeperTest, AnEventStreamCanBeCoded) {
  start();
  Wire wire = connect();
  wire.send(get("/events"));
  wire.receive(
      events(protocol::brotli("data: open\ndata: sesame\n\n"), "Content-Encoding: br\r\n"));
  EXPECT_EQ(outcomes()[0].findings_size(), 1);
}

TEST_F(GatekeeperTest, AnEventThatNeverEndsIsScannedAsItComes) {
  start();
  Wire wire = connect();
  wire.send(get("/events"));
  wire.receive("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: open sesame ");
  const std::string more = filler(1u << 20);
  for (int i = 0; i < 20; ++i) wire.receive(more);
  wire.lose_in();
  wire.close();
  ASSERT_EQ(outcomes().size(), 1u);
  EXPECT_EQ(outcomes()[0].result(), "incomplete");
  EXPECT_EQ(outcomes()[0].findings_size(), 1);
  EXPECT_GT(outcomes()[0].scan().bytes(), 20u << 20);
  EXPECT_FALSE(outcomes()[0].scan().complete());
}

}  // namespace
}  // namespace writ::daemon
