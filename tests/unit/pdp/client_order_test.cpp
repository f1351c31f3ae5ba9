// Time and order: no request waits past its timeout, answers of a flow keep its order, and a slow
// flow delays no other.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "pdp/client.h"
#include "pdp/stand_in.h"
#include "pdp/support.h"

namespace writ::pdp {
namespace {

using namespace test;

// What a busy machine may add to a timer.
constexpr milliseconds kSlack{150};

const char* const kYes = R"({"result":true})";

bool about(const Asked& asked, const std::string& mark) {
  return asked.body.find("{\"id\":\"" + mark + '"') != std::string::npos;
}

// Slow for marks that begin with "slow", quick for the others.
Said by_mark(const Asked& asked) {
  const bool slow = asked.body.find(R"("user":{"id":"slow)") != std::string::npos;
  return slow ? Said::json(kYes).late(seconds(10)) : Said::json(kYes);
}

std::vector<std::string> marks(const Loop& loop) {
  std::vector<std::string> all;
  for (const auto& one : loop.answers()) all.push_back(one.mark);
  return all;
}

PdpConfig with(const StandIn& server, milliseconds timeout, std::size_t concurrency = 16) {
  PdpConfig config = server.config();
  config.timeout = timeout;
  config.concurrency = concurrency;
  return config;
}

TEST(ClientOrder, ASlowAnswerIsNotWaitedFor) {
  const StandIn server({}, by_mark);
  Loop loop(with(server, milliseconds(80)));
  const PdpAnswer answer = [&] {
    loop.ask(1, "slow");
    EXPECT_TRUE(loop.run_to(1));
    return loop.answers().front().answer;
  }();
  EXPECT_EQ(answer.verdict, Verdict::kDeny);
  EXPECT_EQ(answer.code, "pdp_timeout");
  EXPECT_EQ(answer.reason, "the decision point did not answer within 80 ms (on_error: deny)");
  EXPECT_GE(loop.answers().front().after, milliseconds(79));
  EXPECT_LT(loop.answers().front().after, milliseconds(80) + kSlack);
  EXPECT_EQ(loop.client().state().under_way, 0u);
}

// An answer that trickles is as late as one that does not come.
TEST(ClientOrder, AnAnswerInDripsIsNotWaitedFor) {
  const StandIn server({}, [](const Asked&) {
    Said said = Said::json(kYes);
    said.between = milliseconds(20);
    return said;
  });
  Loop loop(with(server, milliseconds(100)));
  EXPECT_EQ(loop.get().code, "pdp_timeout");
  EXPECT_LT(loop.answers().front().after, milliseconds(100) + kSlack);
}

TEST(ClientOrder, AnswersOfAFlowKeepItsOrder) {
  // The first request is answered last.
  const StandIn server({}, [](const Asked& asked) {
    return Said::json(kYes).late(milliseconds(about(asked, "a")   ? 120
                                              : about(asked, "b") ? 60
                                                                  : 0));
  });
  Loop loop(with(server, seconds(5)));
  for (const char* mark : {"a", "b", "c"}) loop.ask(7, mark);
  ASSERT_TRUE(loop.run_to(3));
  EXPECT_THAT(marks(loop), testing::ElementsAre("a", "b", "c"));
  // They were asked for at the same time.
  EXPECT_LT(loop.answers()[2].after, milliseconds(120) + kSlack);
}

TEST(ClientOrder, ATimeoutKeepsTheOrderAndHoldsNoOtherAnswer) {
  const StandIn server({}, by_mark);
  Loop loop(with(server, milliseconds(150)));
  loop.ask(1, "slow");
  loop.ask(1, "quick");
  loop.ask(2, "other");
  ASSERT_TRUE(loop.run_to(3));
  EXPECT_THAT(marks(loop), testing::ElementsAre("other", "slow", "quick"));
  EXPECT_LT(loop.answers()[0].after, milliseconds(100));
  EXPECT_EQ(loop.answers()[1].answer.code, "pdp_timeout");
  EXPECT_EQ(loop.answers()[2].answer.code, "pdp_allowed");
  EXPECT_LT(loop.answers()[2].answer.took, milliseconds(100));
}

// One flow that asks a lot, and is slow in all of it, leaves places for the others.
TEST(ClientOrder, ASlowFlowDoesNotDelayAnother) {
  const StandIn server({}, by_mark);
  Loop loop(with(server, milliseconds(400), 8));
  for (int i = 0; i < 40; ++i) loop.ask(1, "slow" + std::to_string(i));
  for (int i = 0; i < 20; ++i) loop.ask(2, "quick" + std::to_string(i));
  ASSERT_TRUE(loop.run_to(20));
  for (const auto& one : loop.answers()) {
    EXPECT_THAT(one.mark, testing::StartsWith("quick"));
    EXPECT_EQ(one.answer.code, "pdp_allowed");
    EXPECT_LT(one.after, milliseconds(400));
  }
  EXPECT_LE(server.requests(), 20 + 2);  // a quarter of the places is the flow's
  ASSERT_TRUE(loop.run_to(60));
  for (std::size_t i = 20; i < 60; ++i) {
    EXPECT_EQ(loop.answers()[i].mark, "slow" + std::to_string(i - 20));
    EXPECT_EQ(loop.answers()[i].answer.code, "pdp_timeout");
    EXPECT_LT(loop.answers()[i].after, milliseconds(400) + kSlack);
  }
  const auto in_vain = [](const Loop::Answered& one) {
    return one.answer.reason.find("waiting for a turn") != std::string::npos;
  };
  // Not all: when the first ones run out, those behind them have their turn for a moment.
  EXPECT_GE(std::count_if(loop.answers().begin(), loop.answers().end(), in_vain), 1);
}

TEST(ClientOrder, NoMoreAreUnderWayThanThereArePlaces) {
  const StandIn server({}, by_mark);
  Loop loop(with(server, milliseconds(300), 3));
  for (std::uint64_t flow = 1; flow <= 10; ++flow) loop.ask(flow, "slow");
  EXPECT_EQ(loop.client().state().under_way, 3u);
  EXPECT_EQ(loop.client().state().waiting, 7u);
  EXPECT_FALSE(loop.run_to(1, milliseconds(150)));
  EXPECT_EQ(server.requests(), 3);
  ASSERT_TRUE(loop.run_to(10));
  EXPECT_EQ(loop.client().state().waiting, 0u);
}

TEST(ClientOrder, AFullQueueIsSaidAtOnce) {
  const StandIn server({}, by_mark);
  Loop loop(with(server, seconds(5), 1));
  const std::size_t fits = 1 + PdpClient::kMaxWaitingOfFlow;
  for (std::size_t i = 0; i < fits; ++i) loop.ask(1, "slow");
  EXPECT_EQ(loop.client().state().codes.count("pdp_overloaded"), 0u);
  loop.ask(1, "one too many");
  EXPECT_EQ(loop.client().state().codes.at("pdp_overloaded"), 1u);
  EXPECT_EQ(loop.client().state().waiting, PdpClient::kMaxWaitingOfFlow);
  // It keeps its place behind the others of its flow.
  EXPECT_FALSE(loop.run([&] { return !loop.answers().empty(); }, milliseconds(50)));

  // The queue of all flows.
  for (std::uint64_t flow = 2; loop.client().state().waiting < PdpClient::kMaxWaiting; ++flow) {
    loop.ask(flow, "waits");
  }
  loop.ask(5000, "another flow");
  ASSERT_TRUE(loop.run_to(1));
  EXPECT_EQ(loop.answers().front().mark, "another flow");
  EXPECT_EQ(loop.answers().front().answer.code, "pdp_overloaded");
  EXPECT_EQ(loop.answers().front().answer.verdict, Verdict::kDeny);
  EXPECT_LT(loop.answers().front().after, milliseconds(1000));
}

TEST(ClientOrder, TheQueueIsBoundedInBytesToo) {
  const StandIn server({}, by_mark);
  Loop loop(with(server, seconds(5), 1));
  const std::string path(kMaxDocumentBytes - 4096, 'p');
  PdpInput input = call_of("slow");
  input.request.path = path;
  for (std::uint64_t flow = 1; flow < 100; ++flow) {
    loop.client().ask(flow, input, [](const PdpAnswer&) {});
  }
  const auto state = loop.client().state();
  EXPECT_GE(state.codes.at("pdp_overloaded"), 60u);
  EXPECT_LE(state.waiting * path.size(), PdpClient::kMaxWaitingBytes);
  // What is taken out leaves room.
  for (std::uint64_t flow = 1; flow < 100; ++flow) loop.client().forget(flow);
  loop.client().ask(1, input, [](const PdpAnswer&) {});
  loop.client().ask(2, input, [](const PdpAnswer&) {});
  EXPECT_EQ(loop.client().state().codes.at("pdp_overloaded"), state.codes.at("pdp_overloaded"));
}

TEST(ClientOrder, AFlowThatIsForgottenIsNotAnswered) {
  const StandIn server({}, by_mark);
  Loop loop(with(server, milliseconds(200), 4));
  for (int i = 0; i < 10; ++i) loop.ask(1, "slow");
  loop.ask(2, "slow of another");
  loop.client().forget(1);
  EXPECT_EQ(loop.client().state().under_way, 1u);
  EXPECT_EQ(loop.client().state().waiting, 0u);
  loop.client().forget(77);
  loop.ask(1, "anew");  // the same key, a new flow
  ASSERT_TRUE(loop.run_to(2));
  EXPECT_THAT(marks(loop), testing::ElementsAre("anew", "slow of another"));
  EXPECT_FALSE(loop.run([&] { return loop.answers().size() > 2; }, milliseconds(300)));
}

TEST(ClientOrder, CallbacksMayAskAndForget) {
  const StandIn server({}, by_mark);
  Loop loop(with(server, seconds(5)));
  int left = 20;
  int late = 0;
  std::function<void(PdpAnswer)> again = [&](const PdpAnswer& answer) {
    EXPECT_EQ(answer.code, "pdp_allowed");
    if (--left > 0) loop.client().ask(1, call_of("quick"), again);
  };
  loop.client().ask(1, call_of("quick"), again);
  loop.client().ask(2, call_of("quick"), [&](PdpAnswer) { loop.client().forget(2); });
  loop.client().ask(2, call_of("quick"), [&](PdpAnswer) { ++late; });
  ASSERT_TRUE(loop.run([&] { return left == 0; }));
  EXPECT_EQ(late, 0);
}

// A caller that asks again at once when it is refused does not keep the loop to itself.
TEST(ClientOrder, ARefusalIsGivenOnceATurn) {
  const StandIn server({}, by_mark);
  Loop loop(with(server, seconds(5), 1));
  const std::string path(kMaxDocumentBytes, 'p');
  PdpInput input = call_of("sarah");
  input.request.path = path;
  int refusals = 0;
  std::function<void(PdpAnswer)> again = [&](const PdpAnswer&) {
    if (++refusals < 1000) loop.client().ask(1, input, again);
  };
  loop.client().ask(1, input, again);
  loop.client().on_ready();
  EXPECT_EQ(refusals, 1);
  loop.client().on_ready();
  EXPECT_EQ(refusals, 2);
}

// It goes and comes back, in every way that a process can: nothing is allowed in between, and
// nothing but the requests it had is lost.
TEST(ClientOrder, AFlappingDecisionPoint) {
  StandIn server({}, [](const Asked& asked) {
    switch (asked.number % 5) {
      case 0:
        return Said::json("{}", "503 Service Unavailable");
      case 1:
        return Said::json(kYes).cut(40);
      case 2:
        return Said::json(kYes).late(seconds(10));
      case 3:
        return Said::json(R"({"result":{"decision":"deny"}})");
      default:
        return Said::json(kYes);
    }
  });
  Loop loop(with(server, milliseconds(60)));
  std::map<std::string, int> codes;
  for (int i = 0; i < 60; ++i) {
    if (i % 20 == 7) server.stop();
    if (i % 20 == 9) server.listen();
    const int before = server.requests();
    const PdpAnswer answer = loop.get();
    ++codes[answer.code];
    if (server.requests() != before + 1 || server.requests() % 5 != 4) {
      EXPECT_NE(answer.verdict, Verdict::kAllow) << answer.code;
    }
    EXPECT_LT(loop.answers().front().after, milliseconds(60) + kSlack);
  }
  for (const char* code :
       {"pdp_allowed", "pdp_denied", "pdp_status", "pdp_timeout", "pdp_unreachable"}) {
    EXPECT_GE(codes[code], 5) << code;
  }
}

// Random flows, delays and faults: one answer each, in order, in time, and an allow only where the
// decision point said so.
TEST(ClientOrder, HoldsForRandomTraffic) {
  std::mt19937 random(7);
  std::mt19937 faults(8);
  std::mutex mutex;
  std::map<std::string, bool> allowed;  // by mark
  const StandIn server({}, [&](const Asked& asked) {
    const std::size_t at = asked.body.find("\"id\":\"") + 6;
    const std::string mark = asked.body.substr(at, asked.body.find('"', at) - at);
    const auto kind = faults() % 8;
    {
      const std::lock_guard lock(mutex);
      allowed[mark] = kind < 4;
    }
    const milliseconds delay(faults() % 60);
    if (kind < 4) return Said::json(kYes).late(delay);
    if (kind == 4) return Said::json("{}").late(delay);
    if (kind == 5) return Said::json(kYes).cut(faults() % 80);
    if (kind == 6) return Said::json(kYes, "500 Oops");
    return Said::json(kYes).late(seconds(5));
  });
  const milliseconds timeout(200);
  Loop loop(with(server, timeout));
  constexpr std::size_t kCount = 600;
  std::map<std::uint64_t, std::vector<std::string>> asked;
  for (std::size_t i = 0; i < kCount; ++i) {
    const std::uint64_t flow = random() % 12;
    asked[flow].push_back(std::to_string(flow) + "-" + std::to_string(i));
    loop.ask(flow, asked[flow].back());
    const milliseconds pause(random() % 4);
    (void)loop.run([] { return false; }, pause);
  }
  ASSERT_TRUE(loop.run_to(kCount));
  std::map<std::uint64_t, std::vector<std::string>> answered;
  int allows = 0;
  for (const auto& one : loop.answers()) {
    answered[std::stoull(one.mark)].push_back(one.mark);
    EXPECT_LT(one.after, timeout + kSlack);
    if (one.answer.verdict != Verdict::kAllow) continue;
    ++allows;
    EXPECT_TRUE(allowed.at(one.mark)) << one.mark;
  }
  EXPECT_EQ(answered, asked);
  EXPECT_GT(allows, 50);
  EXPECT_EQ(loop.client().state().waiting, 0u);
  EXPECT_EQ(loop.client().state().under_way, 0u);
}

}  // namespace
}  // namespace writ::pdp
