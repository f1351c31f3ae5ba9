#include "budget/limits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <barrier>
#include <thread>
#include <vector>

namespace writ::budget {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

const TimePoint kStart = TimePoint(1000h);

class LimitBookTest : public testing::Test {
 protected:
  void open(const std::string& session, const WritLimits& limits, const std::string& user = "sarah",
            TimePoint now = kStart) {
    ASSERT_TRUE(book_.open_writ(session, "", user, limits, now));
  }
  // "" when reserved, else the code of the refusal.
  std::string reserve(const std::string& session, const std::string& call, TimePoint now = kStart) {
    const auto refusal = book_.reserve(session, call, now);
    return refusal ? refusal->code : "";
  }
  std::string use(const std::string& session, const std::string& call, TimePoint now = kStart) {
    std::string code = reserve(session, call, now);
    if (code.empty() && !book_.commit(call, now)) return "commit refused";
    return code;
  }
  LimitBook book_;
};

TEST_F(LimitBookTest, StopsAtMaxToolCallsWithTheNumbers) {
  open("s", {.max_tool_calls = 2});
  EXPECT_EQ(use("s", "1"), "");
  EXPECT_EQ(use("s", "2"), "");
  const auto refusal = book_.reserve("s", "3", kStart);
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->code, "limit_tool_calls");
  EXPECT_EQ(refusal->message, "the writ has used 2 of its max_tool_calls of 2");
}

TEST_F(LimitBookTest, SaysWhetherAnythingLimitsAWritOrWhatItComesFrom) {
  open("free", {});
  open("few", {.max_tool_calls = 2});
  open("slow", {.user_calls_per_minute = 9}, "diana");
  EXPECT_FALSE(book_.limited("free"));
  EXPECT_TRUE(book_.limited("few"));
  EXPECT_TRUE(book_.limited("slow"));
  EXPECT_TRUE(book_.limited("nobody's"));
  ASSERT_TRUE(book_.open_writ("below", "few", "sarah", {}, kStart));
  EXPECT_TRUE(book_.limited("below"));
}

TEST_F(LimitBookTest, ZeroToolCallsMeansNone) {
  open("s", {.max_tool_calls = 0});
  EXPECT_EQ(use("s", "1"), "limit_tool_calls");
}

TEST_F(LimitBookTest, WhatIsReservedCountsAndWhatIsReleasedDoesNot) {
  open("s", {.max_tool_calls = 1});
  EXPECT_EQ(reserve("s", "1"), "");
  EXPECT_EQ(reserve("s", "2"), "limit_tool_calls");
  book_.release("1", kStart);
  EXPECT_EQ(use("s", "2"), "");
  EXPECT_EQ(use("s", "3"), "limit_tool_calls");
}

TEST_F(LimitBookTest, DeniedCallsUseNoQuota) {
  open("s", {.max_tool_calls = 3, .user_calls_per_minute = 3});
  for (int i = 0; i < 1000; ++i) {
    const std::string call = "denied" + std::to_string(i);
    ASSERT_EQ(reserve("s", call), "");
    book_.release(call, kStart);
  }
  EXPECT_EQ(use("s", "1"), "");
  EXPECT_EQ(use("s", "2"), "");
  EXPECT_EQ(use("s", "3"), "");
}

TEST_F(LimitBookTest, EachStepCountsOnceForOneCall) {
  open("s", {.max_tool_calls = 2});
  EXPECT_EQ(reserve("s", "1"), "");
  EXPECT_EQ(reserve("s", "1"), "");
  EXPECT_EQ(book_.usage("s", kStart)->reserved, 1u);
  EXPECT_TRUE(book_.commit("1", kStart));
  EXPECT_TRUE(book_.commit("1", kStart));
  EXPECT_EQ(reserve("s", "1"), "");
  book_.release("1", kStart);  // too late to take back
  EXPECT_EQ(book_.usage("s", kStart)->committed, 1u);
  EXPECT_EQ(book_.usage("s", kStart)->reserved, 0u);
  EXPECT_EQ(reserve("s", "2"), "");
  book_.release("2", kStart);
  book_.release("2", kStart);
  EXPECT_FALSE(book_.commit("2", kStart));
  EXPECT_EQ(book_.usage("s", kStart)->reserved, 0u);
}

TEST_F(LimitBookTest, WhatWasNeverReservedMayNotGo) {
  open("s", {});
  EXPECT_FALSE(book_.commit("ghost", kStart));
  book_.release("ghost", kStart);
  EXPECT_EQ(reserve("no such", "1"), "no_writ");
  EXPECT_FALSE(book_.usage("no such", kStart));
}

TEST_F(LimitBookTest, ACallBelongsToOneSession) {
  open("s", {});
  open("t", {});
  EXPECT_EQ(reserve("s", "1"), "");
  EXPECT_EQ(reserve("t", "1"), "no_writ");
}

TEST_F(LimitBookTest, StopsAtMaxDuration) {
  open("s", {.max_duration = 10s});
  EXPECT_EQ(use("s", "1", kStart + 9999ms), "");
  const auto refusal = book_.reserve("s", "2", kStart + 10s);
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->code, "limit_duration");
  EXPECT_EQ(refusal->message, "the writ has run for 10.0 s, its max_duration is 10.0 s");
}

TEST_F(LimitBookTest, CallsPerMinuteAreSharedByAUsersSessions) {
  open("s", {.user_calls_per_minute = 3});
  open("t", {.user_calls_per_minute = 3});
  open("other", {.user_calls_per_minute = 3}, "diana");
  EXPECT_EQ(use("s", "1"), "");
  EXPECT_EQ(use("t", "2", kStart + 1s), "");
  EXPECT_EQ(use("s", "3", kStart + 2s), "");
  const auto refusal = book_.reserve("t", "4", kStart + 2s);
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->code, "limit_calls_per_minute");
  EXPECT_THAT(refusal->message, HasSubstr("sarah has used 3 of 3 calls_per_minute"));
  EXPECT_THAT(refusal->message, HasSubstr("in 58.0 s"));
  EXPECT_EQ(use("other", "5", kStart + 2s), "");
}

TEST_F(LimitBookTest, TheWindowSlidesByExactInstants) {
  open("s", {.user_calls_per_minute = 2});
  EXPECT_EQ(use("s", "1", kStart), "");
  EXPECT_EQ(use("s", "2", kStart + 59s), "");
  EXPECT_EQ(use("s", "3", kStart + 59999ms), "limit_calls_per_minute");
  EXPECT_EQ(use("s", "3", kStart + 60s), "");
  // A window that starts afresh each minute would let two more pass here.
  EXPECT_EQ(use("s", "4", kStart + 61s), "limit_calls_per_minute");
  EXPECT_EQ(use("s", "4", kStart + 119s), "");
}

TEST_F(LimitBookTest, AHeldCallCountsFromItsCommit) {
  open("s", {.user_calls_per_minute = 1});
  EXPECT_EQ(reserve("s", "held"), "");
  EXPECT_EQ(reserve("s", "2", kStart + 5min), "limit_calls_per_minute");
  EXPECT_TRUE(book_.commit("held", kStart + 5min));
  EXPECT_EQ(reserve("s", "2", kStart + 5min + 59s), "limit_calls_per_minute");
  EXPECT_EQ(reserve("s", "2", kStart + 6min), "");
}

TEST_F(LimitBookTest, ANewSessionDoesNotStartTheMinuteAfresh) {
  open("s", {.user_calls_per_minute = 1});
  EXPECT_EQ(use("s", "1"), "");
  book_.close_writ("s", kStart);
  open("t", {.user_calls_per_minute = 1}, "sarah", kStart + 1s);
  EXPECT_EQ(use("t", "2", kStart + 1s), "limit_calls_per_minute");
  EXPECT_EQ(use("t", "2", kStart + 60s), "");
}

TEST_F(LimitBookTest, TheNewestSessionsRateIsInForce) {
  open("s", {.user_calls_per_minute = 1});
  EXPECT_EQ(use("s", "1"), "");
  open("t", {.user_calls_per_minute = 2});
  EXPECT_EQ(use("s", "2"), "");
  EXPECT_EQ(use("t", "3"), "limit_calls_per_minute");
}

TEST_F(LimitBookTest, AReservationThatNobodySettlesExpires) {
  open("s", {.max_tool_calls = 1, .user_calls_per_minute = 1});
  EXPECT_EQ(reserve("s", "lost"), "");
  EXPECT_EQ(reserve("s", "2", kStart + 10min - 1ms), "limit_tool_calls");
  EXPECT_EQ(reserve("s", "2", kStart + 10min), "");
  EXPECT_FALSE(book_.commit("lost", kStart + 10min));
  EXPECT_TRUE(book_.commit("2", kStart + 10min));
}

TEST_F(LimitBookTest, TimeThatGoesBackCountsAsTheLatest) {
  open("s", {.user_calls_per_minute = 1});
  EXPECT_EQ(use("s", "1", kStart + 60s), "");
  EXPECT_EQ(use("s", "2", kStart), "limit_calls_per_minute");
  EXPECT_EQ(use("s", "2", kStart + 119s), "limit_calls_per_minute");
  EXPECT_EQ(use("s", "2", kStart + 120s), "");
}

TEST_F(LimitBookTest, ClosingDropsReservationsAndTheCallMayNotGo) {
  open("s", {.user_calls_per_minute = 1});
  open("t", {.user_calls_per_minute = 1});
  EXPECT_EQ(reserve("s", "1"), "");
  EXPECT_EQ(reserve("t", "2"), "limit_calls_per_minute");
  book_.close_writ("s", kStart);
  book_.close_writ("s", kStart);
  EXPECT_FALSE(book_.commit("1", kStart));
  EXPECT_EQ(reserve("t", "2"), "");
}

TEST_F(LimitBookTest, ASessionOpensOnce) {
  open("s", {});
  const Status again = book_.open_writ("s", "", "sarah", {}, kStart);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::kInvalid);
}

TEST_F(LimitBookTest, ForgetsWhatIsOver) {
  for (int i = 0; i < 2000; ++i) {
    const std::string id = std::to_string(i);
    const TimePoint now = kStart + std::chrono::minutes(2 * i);
    open(id, {.user_calls_per_minute = 10}, "user" + id, now);
    EXPECT_EQ(use(id, "a" + id, now), "");
    EXPECT_EQ(reserve(id, "b" + id, now), "");
    book_.close_writ(id, now);
  }
  EXPECT_EQ(book_.size().writs, 0u);
  EXPECT_EQ(book_.size().users, 1u);  // the last one's minute is not over
  EXPECT_EQ(book_.size().reservations, 0u);
  EXPECT_EQ(book_.size().remembered, 0u);
}

TEST_F(LimitBookTest, AnEndlessSessionHoldsABoundedAmount) {
  open("s", {.user_calls_per_minute = 50});
  open("free", {}, "diana");
  for (int i = 0; i < 200'000; ++i) {
    const TimePoint now = kStart + std::chrono::milliseconds(i);
    (void)use("s", "s" + std::to_string(i), now);
    ASSERT_EQ(use("free", "f" + std::to_string(i), now), "");
  }
  EXPECT_LE(book_.size().remembered, LimitBook::kMaxRemembered);
  EXPECT_LE(book_.size().instants, 50u);
  EXPECT_EQ(book_.size().reservations, 0u);
}

// 64 callers at once, each trying to get as much as it can: the limit is met exactly.
void race(std::size_t sessions, const WritLimits& limits, std::uint64_t expected_total) {
  constexpr int kCallers = 64;
  constexpr int kTries = 200;
  LimitBook book;
  for (std::size_t s = 0; s < sessions; ++s)
    ASSERT_TRUE(book.open_writ("s" + std::to_string(s), "", "sarah", limits, kStart));
  std::atomic<std::uint64_t> committed{0};
  std::atomic<std::uint64_t> going{0};
  std::barrier start(kCallers);
  std::vector<std::thread> callers;
  callers.reserve(kCallers);
  for (int caller = 0; caller < kCallers; ++caller) {
    callers.emplace_back([&, caller] {
      start.arrive_and_wait();
      for (int i = 0; i < kTries; ++i) {
        const std::string call = std::to_string(caller) + "." + std::to_string(i);
        const std::string session =
            "s" + std::to_string(static_cast<std::size_t>(caller) % sessions);
        if (book.reserve(session, call, kStart)) continue;
        if (i % 3 == 0) {  // denied after all
          book.release(call, kStart);
          continue;
        }
        if (book.commit(call, kStart)) ++committed;
        if (book.commit(call, kStart)) ++going;  // a retry changes nothing
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(committed, expected_total);
  EXPECT_EQ(going, expected_total);
  std::uint64_t counted = 0;
  for (std::size_t s = 0; s < sessions; ++s)
    counted += book.usage("s" + std::to_string(s), kStart)->committed;
  EXPECT_EQ(counted, expected_total);
}

TEST(LimitBookRace, ToolCallsOfOneSession) { race(1, {.max_tool_calls = 500}, 500); }
TEST(LimitBookRace, CallsPerMinuteOverManySessions) {
  race(16, {.user_calls_per_minute = 700}, 700);
}

}  // namespace
}  // namespace writ::budget
