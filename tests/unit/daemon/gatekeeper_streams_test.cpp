// Calls that share an HTTP/2 connection: what is held, what passes, and that nobody waits for ever.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/gatekeeper_streams_support.h"
#include "protocol/grpc_messages.h"

namespace writ::daemon {
namespace {

using protocol::data;
using protocol::Fields;
using protocol::get2;
using protocol::grpc_message;
using protocol::headers;
using protocol::opening;
using protocol::post2;
using protocol::request_fields;
using protocol::reset;
using protocol::settings;
using protocol::window_update;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string answer2(std::uint32_t stream, const std::string& body) {
  return headers(stream, {{":status", "200"}}) + data(stream, body, true);
}
std::string delete2(std::uint32_t stream) {
  return headers(stream, request_fields("DELETE", "/contacts/1"), kEnd);
}
Fields length(std::size_t bytes) { return {{"content-length", std::to_string(bytes)}}; }
// DATA in frames that every server takes.
std::string body2(std::uint32_t stream, const std::string& body, bool end = true) {
  std::string frames;
  for (std::size_t at = 0; at < body.size(); at += 16'384) {
    frames += data(stream, body.substr(at, 16'384), end && at + 16'384 >= body.size());
  }
  return frames;
}

TEST_F(StreamsTest, WhatIsOfTheConnectionPassesAtOnce) {
  Wire wire = opened();
  EXPECT_EQ(wire.server_got(), opening());
  wire.send(window_update(0, 1000) + settings().substr(0, 4));
  EXPECT_EQ(wire.server_got(), opening() + window_update(0, 1000)) << "whole frames only";
  EXPECT_THAT(records(), IsEmpty());
}

class StreamsTransport : public StreamsTest, public testing::WithParamInterface<bool> {};

TEST_P(StreamsTransport, AllowedThenDenied) {
  Wire wire = opened(GetParam());
  wire.send(get2(1, "/contacts/7?full=1"));
  EXPECT_EQ(wire.server_got(), wire.sent());
  wire.receive(answer2(1, "Anna"));
  EXPECT_THAT(new_story(), ElementsAre("allowed", "completed"));
  const auto first = decisions()[0];
  EXPECT_EQ(first.request().protocol(), "http/2");
  EXPECT_EQ(first.request().path(), "/contacts/7");
  EXPECT_EQ(first.destination().host(), "crm.test");
  EXPECT_EQ(first.tool().name(), "crm.contact.read");
  EXPECT_TRUE(first.request().complete());
  EXPECT_EQ(outcomes()[0].status(), 200u);
  EXPECT_EQ(outcomes()[0].bytes(), 4u);

  const std::string before = wire.server_got();
  wire.send(delete2(3));
  EXPECT_EQ(wire.server_got(), before);
  EXPECT_THAT(new_story(), ElementsAre("scope_missing", "aborted"));
  EXPECT_EQ(kernel_.count("abort"), 1u);
  EXPECT_EQ(kernel_.count("refuse"), 0u) << "a 403 in HTTP/1.1 would not be understood";
  wire.send(get2(5, "/contacts/7"));
  EXPECT_EQ(wire.server_got(), before) << "nothing leaves a connection that is dead";
}

INSTANTIATE_TEST_SUITE_P(Transports, StreamsTransport, testing::Bool(),
                         [](const auto& with) { return with.param ? "Tls" : "Cleartext"; });

TEST_F(StreamsTest, ADenialNamesItselfToTheOtherCallsOfItsConnection) {
  Wire wire = opened();
  wire.send(get2(1, "/contacts/1"));
  wire.send(post2(3, "/notes", length(100)) + data(3, "a part"));
  const std::string before = opening() + get2(1, "/contacts/1");
  EXPECT_EQ(wire.server_got(), before);
  wire.send(get2(5, "/contacts/2") + delete2(7));
  EXPECT_EQ(wire.server_got(), before);
  const auto all = outcomes();
  ASSERT_EQ(all.size(), 4u);
  EXPECT_EQ(all[0].result(), "aborted");
  for (std::size_t i = 1; i < all.size(); ++i) {
    EXPECT_EQ(all[i].result(), "incomplete");
    EXPECT_THAT(all[i].detail(), HasSubstr("the denial of call " + all[0].call_id()));
  }
}

TEST_F(StreamsTest, AHeldCallHoldsWhatIsBehindIt) {
  Wire wire = opened();
  wire.send(post2(1, "/notes", length(10)) + data(1, "half "));
  wire.send(get2(3, "/contacts/1"));
  EXPECT_EQ(wire.server_got(), opening());
  EXPECT_THAT(new_story(), ElementsAre("allowed")) << "it is decided, and waits";
  wait_ms(15);
  wire.send(data(1, "more.", true));
  EXPECT_EQ(wire.server_got(), wire.sent());
  wire.receive(answer2(3, "three") + answer2(1, "one"));
  EXPECT_THAT(new_story(), ElementsAre("allowed", "completed", "completed"));
  EXPECT_EQ(outcomes()[0].detail(), "");
  EXPECT_THAT(outcomes()[1].detail(), HasSubstr("behind other calls of its connection"));
}

TEST_F(StreamsTest, ABodyThatFitsIntoTheWindowIsHeldWhole) {
  Wire wire = opened();
  wire.send(post2(1, "/notes", length(60'000 + 19)));
  wire.send(body2(1, filler(60'000), false));
  wait_ms(300);
  look();
  EXPECT_EQ(wire.server_got(), opening()) << "its rest will come";
  EXPECT_THAT(decisions(), IsEmpty());
  wire.send(data(1, kCard, true));
  EXPECT_EQ(wire.server_got(), opening());
  EXPECT_THAT(story(), ElementsAre("rule_denied", "aborted"));
}

// The server takes 65,535 bytes and no more before it has seen some of them.
class LongBody : public StreamsTest {
 protected:
  // Sends as an agent does: as much as the window lets it. False: it waits and nothing comes.
  bool upload(Wire& wire, std::uint32_t stream, const std::string& body) {
    wire.send(post2(stream, "/notes", length(body.size())));
    std::size_t at = 0;
    std::size_t window = 65'535;
    std::size_t seen = wire.server_got().size();
    while (at < body.size()) {
      const std::size_t piece = std::min({window, std::size_t{16'384}, body.size() - at});
      if (piece == 0) {
        if (wire.server_got().size() == seen) return false;
        const auto more = static_cast<std::uint32_t>(65'535 - window);
        wire.receive(window_update(0, more) + window_update(stream, more));
        window += more;
        seen = wire.server_got().size();
        continue;
      }
      wire.send(data(stream, body.substr(at, piece), at + piece == body.size()));
      at += piece;
      window -= piece;
    }
    return true;
  }
};

TEST_F(LongBody, IsDecidedWhenTheWindowIsExhausted) {
  Wire wire = opened();
  ASSERT_TRUE(upload(wire, 1, filler(1'000'000))) << "both wait";
  EXPECT_EQ(wire.server_got(), wire.sent());
  ASSERT_EQ(decisions().size(), 1u);
  EXPECT_FALSE(decisions()[0].request().complete());
  wire.receive(answer2(1, "ok"));
  EXPECT_THAT(story(), ElementsAre("allowed", "completed"));
}

TEST_F(LongBody, IsDeniedByItsLastBytes) {
  Wire wire = opened();
  (void)upload(wire, 1, filler(1'000'000) + kCard);
  EXPECT_EQ(wire.server_got().find("4111"), std::string::npos);
  EXPECT_LT(wire.server_got().size(), wire.sent().size());
  EXPECT_THAT(story(), ElementsAre("allowed", "aborted"));
  EXPECT_THAT(outcomes()[0].detail(), HasSubstr("sarah may not send card numbers"));
}

TEST_F(LongBody, DoesNotWaitForACallInFrontOfIt) {
  Wire wire = opened();
  wire.send(post2(1, "/notes", length(20'000)) + data(1, "a part"));
  // The connection's window is exhausted, so the first call cannot end either.
  wire.send(post2(3, "/notes", length(70'000)) + body2(3, filler(65'529), false));
  EXPECT_EQ(wire.server_got(), wire.sent());
  EXPECT_THAT(new_story(), ElementsAre("allowed", "allowed"));
}

TEST_F(StreamsTest, ASmallWindowKeepsNoTailBack) {
  Wire wire = connect_tls();
  wire.send(opening());
  wire.receive(settings({{4, 1000}}));
  wire.send(post2(1, "/notes", length(3000)) + data(1, filler(1000)));
  EXPECT_EQ(wire.server_got(), wire.sent()) << "less than the tail is all there can be";
}

TEST_F(StreamsTest, ABodyThatCannotFitIsDecidedWhenItStalls) {
  Wire wire = opened();
  wire.send(post2(1, "/notes", length(100'000)) + data(1, filler(16'000)));
  look();
  EXPECT_EQ(wire.server_got(), opening());
  wait_ms(300);
  look();
  EXPECT_EQ(wire.server_got(), wire.sent());
  EXPECT_THAT(story(), ElementsAre("allowed"));
}

TEST_F(StreamsTest, AServerThatCannotBeReadMayHaveNoWindow) {
  Wire wire = opened();
  wire.lose_in();
  wire.send(post2(1, "/notes", length(3000)) + data(1, "a part"));
  EXPECT_EQ(wire.server_got(), wire.sent());
  EXPECT_FALSE(decisions()[0].request().complete());
}

TEST_F(StreamsTest, HoldMaxBoundsWhatIsHeld) {
  settings_.hold_max = 100'000;
  Wire wire = opened();
  wire.receive(settings({{4, 10u << 20}}) + window_update(0, 10u << 20));
  wire.send(post2(1, "/notes", length(1'000'000)) + body2(1, filler(99'000), false));
  EXPECT_EQ(wire.server_got(), opening());
  wire.send(body2(1, filler(200'000), false));
  EXPECT_GT(wire.server_got().size(), 100'000u);
  EXPECT_LE(wire.server_got().size() + 16'384, wire.sent().size()) << "the tail";
  EXPECT_THAT(story(), ElementsAre("allowed"));
}

TEST_F(StreamsTest, AStreamWithoutLengthIsWaitedForLonger) {
  Wire wire = opened();
  wire.send(post2(1, "/notes") + data(1, "a part"));
  wait_ms(300);
  look();
  EXPECT_EQ(wire.server_got(), opening());
  wire.send(data(1, "the rest", true));
  EXPECT_EQ(wire.server_got(), wire.sent());
  EXPECT_TRUE(decisions()[0].request().complete());
}

TEST_F(StreamsTest, AnOpenStreamDoesNotDelayOtherCalls) {
  Wire wire = opened();
  wire.send(post2(1, "/notes", {{"content-type", "application/grpc"}}) +
            data(1, grpc_message("hello")));
  wait_ms(300);
  look();
  wire.send(data(1, grpc_message("again")) + get2(3, "/contacts/1"));
  EXPECT_EQ(wire.server_got(), wire.sent());
}

TEST_F(StreamsTest, ExpectContinueLetsTheHeadGoAlone) {
  Wire wire = opened();
  Fields fields = length(2000);
  fields.emplace_back("expect", "100-continue");
  wire.send(post2(1, "/notes", fields));
  EXPECT_EQ(wire.server_got(), wire.sent());
  EXPECT_THAT(decisions(), IsEmpty());
  const std::string before = wire.sent();
  wire.receive(headers(1, {{":status", "100"}}));
  wire.send(get2(3, "/contacts/1"));
  EXPECT_EQ(wire.server_got(), wire.sent()) << "no byte of a body is held";
  wire.send(data(1, std::string(kCard) + " " + filler(1980), true));
  EXPECT_EQ(wire.server_got(), before + get2(3, "/contacts/1"));
  EXPECT_THAT(story(), Contains("rule_denied"));
}

TEST_F(StreamsTest, AnAgentMayGiveACallUp) {
  Wire wire = opened();
  wire.send(post2(1, "/notes", length(100)) + data(1, "a part"));
  wire.send(get2(3, "/contacts/1"));
  EXPECT_EQ(wire.server_got(), opening());
  wire.send(reset(1));
  EXPECT_EQ(wire.server_got(), wire.sent());
  EXPECT_THAT(story(), ElementsAre("allowed", "allowed", "incomplete"));
  EXPECT_FALSE(decisions()[1].request().complete());
  EXPECT_THAT(outcomes()[0].detail(), HasSubstr("the agent gave the call up"));
  wire.receive(answer2(3, "ok"));
  EXPECT_EQ(outcomes().back().result(), "completed");
}

TEST_F(StreamsTest, WhatAServerGaveUpIsStillRead) {
  Wire wire = opened();
  wire.send(post2(1, "/notes", length(100'000)) + body2(1, filler(65'535), false));
  wire.receive(headers(1, {{":status", "413"}}, kEnd) + reset(1, 0));
  EXPECT_THAT(story(), ElementsAre("allowed", "completed"));
  EXPECT_EQ(outcomes()[0].status(), 413u);
  const std::string before = wire.server_got();
  wire.send(data(1, kCard));
  EXPECT_EQ(wire.server_got(), before);
  EXPECT_THAT(story(), ElementsAre("allowed", "completed", "aborted"));
}

TEST_F(StreamsTest, AServerMayGiveACallUp) {
  Wire wire = opened();
  wire.send(get2(1, "/contacts/1"));
  wire.receive(reset(1, 7));
  EXPECT_THAT(story(), ElementsAre("allowed", "incomplete"));
  EXPECT_THAT(outcomes()[0].detail(),
              HasSubstr("the server gave the call up (RST_STREAM, error 7)"));
  wire.close();
  EXPECT_EQ(outcomes().size(), 1u) << "once";
}

TEST_F(StreamsTest, AHundredCallsAtOnce) {
  Wire wire = opened(false);
  std::string requests;
  std::string answers;
  for (std::uint32_t i = 0; i < 100; ++i) {
    requests += get2(2 * i + 1, "/contacts/" + std::to_string(i));
    answers = answer2(2 * i + 1, "number " + std::to_string(i)) + answers;
  }
  wire.send(requests, 700);
  EXPECT_EQ(wire.server_got(), wire.sent());
  wire.receive(answers);
  ASSERT_EQ(decisions().size(), 100u);
  ASSERT_EQ(outcomes().size(), 100u);
  for (const auto& outcome : outcomes()) EXPECT_EQ(outcome.result(), "completed");
  EXPECT_EQ(committed(), 100u);
}

TEST_F(StreamsTest, TheServerMaySpeakFirst) {
  Wire wire = connect_tls();
  wire.receive(settings({{4, 100}}));
  wire.send(opening().substr(0, 10));
  EXPECT_EQ(wire.server_got(), "");
  wire.send(opening().substr(10) + post2(1, "/notes", length(200)) + data(1, filler(100)));
  EXPECT_EQ(wire.server_got(), wire.sent()) << "the window that it gave is used up";
  wire.receive(window_update(1, 100));
  wire.send(data(1, filler(100), true));
  wire.receive(answer2(1, "ok"));
  EXPECT_THAT(story(), ElementsAre("allowed", "completed"));
}

TEST_F(StreamsTest, AConnectionJoinedInTheMiddleIsDeniedInPlainWords) {
  for (const bool tls : {true, false}) {
    Wire wire = connect(tls);
    wire.send(data(7, "xyz").substr(0, 4));
    EXPECT_THAT(new_story(), IsEmpty());
    wire.send(data(7, "xyz").substr(4) + get2(9, "/contacts/1"));
    EXPECT_EQ(wire.server_got(), "");
    EXPECT_THAT(new_story(), ElementsAre("unparseable", "aborted"));
  }
  EXPECT_THAT(decisions()[0].reason(), HasSubstr("http2_joined_midway"));
  EXPECT_THAT(decisions()[0].reason(), HasSubstr("poisoned"));
}

TEST_F(StreamsTest, WhatCannotBeReadIsDenied) {
  Wire wire = opened();
  wire.send(get2(1, "/contacts/1"));
  wire.receive(answer2(1, "one"));
  const std::string before = wire.server_got();
  wire.send(get2(3, "/contacts/1") + get2(1, "/contacts/2"));
  EXPECT_THAT(story(), ElementsAre("allowed", "completed", "allowed", "unparseable", "aborted",
                                   "incomplete"));
  EXPECT_THAT(decisions()[2].reason(), HasSubstr("stream_reused"));
  EXPECT_EQ(wire.server_got(), before);
}

TEST_F(StreamsTest, TenThousandHeadersAreDenied) {
  Wire wire = opened();
  Fields fields = request_fields("POST", "/notes");
  for (int i = 0; i < 10'000; ++i) fields.emplace_back("x-" + std::to_string(i), "y");
  const std::string block = protocol::block(fields);
  std::string frames;
  for (std::size_t at = 0; at < block.size(); at += 16'384) {
    const bool last = at + 16'384 >= block.size();
    frames += protocol::frame(
        at == 0 ? protocol::frame_type::kHeaders : protocol::frame_type::kContinuation,
        last ? protocol::frame_flag::kEndHeaders : 0, 1, block.substr(at, 16'384));
  }
  wire.send(frames);
  EXPECT_EQ(wire.server_got(), opening());
  EXPECT_THAT(story(), ElementsAre("unparseable", "aborted"));
  EXPECT_THAT(decisions()[0].reason(), HasSubstr("header_section_too_large"));
}

TEST_F(StreamsTest, AGigabyteThatNeverComesIsNotWaitedFor) {
  Wire wire = opened();
  wire.send(post2(1, "/notes", length(1'000'000'000)));
  EXPECT_EQ(wire.server_got(), opening());
  wait_ms(300);
  look();
  EXPECT_EQ(wire.server_got(), wire.sent());
  EXPECT_EQ(kernel_.count("widen"), 0u) << "no room for what is not there";
  wire.close();
  EXPECT_THAT(story(), ElementsAre("allowed", "incomplete"));
  EXPECT_FALSE(decisions()[0].request().complete());
}

TEST_F(StreamsTest, AGigabyteAndAnEndIsDenied) {
  Wire wire = opened();
  wire.send(headers(1, request_fields("POST", "/notes", length(1'000'000'000)), kEnd));
  EXPECT_EQ(wire.server_got(), opening());
  EXPECT_THAT(story(), ElementsAre("unparseable", "aborted"));
  EXPECT_THAT(decisions()[0].reason(), HasSubstr("content_length_mismatch"));
}

TEST_F(StreamsTest, AProblemIsOfTheCallWhoseStreamItIs) {
  Wire wire = opened();
  wire.send(post2(1, "/notes", length(3)) + post2(3, "/notes", length(3)) + data(3, "four"));
  ASSERT_EQ(outcomes().size(), 2u);
  EXPECT_EQ(outcomes()[0].result(), "aborted");
  EXPECT_THAT(decisions()[0].reason(), HasSubstr("content_length_mismatch"));
  EXPECT_EQ(decisions()[0].request().path(), "/notes");
  EXPECT_EQ(wire.server_got(), opening());
}

TEST_F(StreamsTest, AnAgentThatClosesLeavesOpenStreamsOpen) {
  Wire wire = opened();
  wire.send(post2(1, "/notes", {{"content-type", "application/grpc"}}) +
            data(1, grpc_message("hello")));
  wait_ms(300);
  look();
  wire.send(data(1, grpc_message("bye")));
  wire.fin();
  EXPECT_EQ(wire.server_got(), wire.sent());
  wire.close();
  EXPECT_THAT(story(), ElementsAre("allowed", "incomplete"));
}

TEST_F(StreamsTest, AnAgentThatClosesWithinAHeldCallHasNotMadeIt) {
  Wire wire = opened();
  wire.send(post2(1, "/notes", length(100)) + data(1, "a part"));
  wire.fin();
  EXPECT_EQ(wire.server_got(), opening());
  EXPECT_THAT(story(), ElementsAre("unparseable", "aborted"));
}

TEST_F(StreamsTest, ObservedCallsAreRecorded) {
  session().mode = identity::Mode::kObserve;
  Wire wire = opened();
  wire.send(delete2(1) + post2(3, "/notes") + data(3, "a part"));
  wire.receive(answer2(1, "gone") + answer2(3, "early"));
  EXPECT_THAT(story(), ElementsAre("scope_missing", "completed", "allowed", "completed"));
  EXPECT_EQ(kernel_.count("release"), 0u);
}

}  // namespace
}  // namespace writ::daemon
