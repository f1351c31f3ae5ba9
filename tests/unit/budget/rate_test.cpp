// Calls in any minute, by key.
#include "budget/rate.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace writ::budget {
namespace {

using namespace std::chrono_literals;

constexpr RateBook::TimePoint kStart{1h};

TEST(RateBook, TakesAsManyAsTheLimitSays) {
  RateBook book;
  EXPECT_TRUE(book.take("a", 2, kStart));
  EXPECT_TRUE(book.take("a", 2, kStart + 1s));
  EXPECT_FALSE(book.take("a", 2, kStart + 2s));
  EXPECT_TRUE(book.take("b", 2, kStart + 2s)) << "keys are apart";
  EXPECT_FALSE(book.take("a", 2, kStart + 59s));
  EXPECT_TRUE(book.take("a", 2, kStart + 60s)) << "the first is a minute old";
  EXPECT_FALSE(book.take("a", 2, kStart + 60s));
}

TEST(RateBook, NothingAtALimitOfNothing) {
  RateBook book;
  EXPECT_FALSE(book.take("a", 0, kStart));
}

TEST(RateBook, ALimitThatChangesCountsAtOnce) {
  RateBook book;
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(book.take("a", 5, kStart));
  EXPECT_FALSE(book.take("a", 3, kStart + 1s));
  EXPECT_TRUE(book.take("a", 6, kStart + 1s));
}

TEST(RateBook, NoMinuteHoldsMoreThanTheLimit) {
  RateBook book;
  std::mt19937 random(7);
  std::vector<RateBook::TimePoint> taken;
  RateBook::TimePoint now = kStart;
  for (int i = 0; i < 20'000; ++i) {
    now += std::chrono::milliseconds(random() % 500);
    if (book.take("a", 17, now)) taken.push_back(now);
  }
  ASSERT_GT(taken.size(), 1000u) << "it must not stand still either";
  for (std::size_t i = 17; i < taken.size(); ++i) EXPECT_GE(taken[i] - taken[i - 17], 60s);
}

TEST(RateBook, IsBounded) {
  RateBook book;
  for (std::size_t i = 0; i < RateBook::kMaxKeys; ++i) {
    ASSERT_TRUE(book.take(std::to_string(i), 1, kStart));
  }
  EXPECT_FALSE(book.take("one more", 1, kStart + 1s));
  EXPECT_TRUE(book.take("one more", 1, kStart + 61s)) << "the others are forgotten";
}

}  // namespace
}  // namespace writ::budget
