// By which names a session's addresses go, for how long, and how many are kept.
#include "daemon/address_names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace writ::daemon {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

protocol::IpAddress address(std::uint32_t number) {
  return {1,
          0,
          0,
          0,
          0,
          0,
          0,
          0,
          0,
          0,
          0,
          0,
          0,
          static_cast<std::uint8_t>(number >> 16),
          static_cast<std::uint8_t>(number >> 8),
          static_cast<std::uint8_t>(number)};
}

class AddressNamesTest : public testing::Test {
 protected:
  void note(const std::string& name, std::uint32_t number, int ttl = 300) {
    names_.note({.name = name, .addresses = {{.address = address(number), .ttl = seconds(ttl)}}},
                now_);
  }
  std::vector<std::string> of(std::uint32_t number) {
    return names_.names_of(address(number), now_);
  }
  AddressNames names_;
  AddressNames::TimePoint now_;
};

TEST_F(AddressNamesTest, TheNewestNameFirstAndEachOnce) {
  EXPECT_THAT(of(1), IsEmpty());
  note("a.test", 1);
  note("b.test", 1);
  note("c.test", 2);
  EXPECT_THAT(of(1), ElementsAre("b.test", "a.test"));
  note("a.test", 1);
  EXPECT_THAT(of(1), ElementsAre("a.test", "b.test"));
}

TEST_F(AddressNamesTest, AsLongAsTheAnswerCounts) {
  note("long.test", 1, 300);
  note("short.test", 1, 0);
  now_ += seconds(59);
  EXPECT_THAT(of(1), ElementsAre("short.test", "long.test"));
  now_ += seconds(1);
  EXPECT_THAT(of(1), ElementsAre("long.test"));
  now_ += seconds(240);
  EXPECT_THAT(of(1), IsEmpty());
  note("forever.test", 1, 0x7fffffff);
  now_ += std::chrono::hours(24);
  EXPECT_THAT(of(1), IsEmpty());
}

TEST_F(AddressNamesTest, NoMoreNamesThanTheirBound) {
  for (int i = 0; i < 9; ++i) note(std::to_string(i) + ".test", 1);
  EXPECT_THAT(of(1), ElementsAre("8.test", "7.test", "6.test", "5.test"));
}

TEST_F(AddressNamesTest, NoMoreAddressesThanTheirBound) {
  for (std::uint32_t i = 0; i < AddressNames::kMaxNamedAddresses; ++i) note("a.test", i);
  EXPECT_THAT(of(0), ElementsAre("a.test"));  // used, so not the oldest any more
  for (std::uint32_t i = 0; i < 10; ++i) note("b.test", 70'000 + i);
  EXPECT_EQ(names_.size(), AddressNames::kMaxNamedAddresses);
  EXPECT_THAT(of(0), ElementsAre("a.test"));
  EXPECT_THAT(of(1), IsEmpty());
  EXPECT_THAT(of(70'000), ElementsAre("b.test"));
}

}  // namespace
}  // namespace writ::daemon
