#include "identity/writ.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace writ::identity {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const auto kNow = std::chrono::system_clock::time_point(std::chrono::hours(480'000));

TEST(Writ, GrantsWhatUserAndAgentShare) {
  const User sarah{.id = "sarah", .email = "sarah@example.test", .scopes = {"crm.*"}};
  const Agent agent{.id = "assistant", .scopes = {"crm.contacts.read", "finance.revenue.read"}};
  const Result<Writ> writ = issue(sarah, agent, "unix-peer", kNow);
  ASSERT_TRUE(writ);
  EXPECT_THAT(writ->effective, ElementsAre("crm.contacts.read"));
  EXPECT_THAT(writ->chain, ElementsAre("assistant"));
  EXPECT_EQ(writ->tenant, "default");
  EXPECT_EQ(writ->user.id, "sarah");
  EXPECT_EQ(writ->agent.id, "assistant");
  EXPECT_EQ(writ->via, "unix-peer");
  EXPECT_FALSE(writ->not_after);
  EXPECT_EQ(writ->id.size(), 32u);
  EXPECT_EQ(writ->id.find_first_not_of("0123456789abcdef"), std::string::npos);
}

TEST(Writ, HasAnIdOfItsOwn) {
  const Result<Writ> a = issue(User{.id = "u"}, Agent{.id = "a"}, "", kNow);
  const Result<Writ> b = issue(User{.id = "u"}, Agent{.id = "a"}, "", kNow);
  ASSERT_TRUE(a && b);
  EXPECT_NE(a->id, b->id);
}

TEST(Writ, ExpiresWithTheAgentsLongestSession) {
  const Agent agent{.id = "a", .max_duration = std::chrono::minutes(30)};
  const Result<Writ> writ = issue(User{.id = "u"}, agent, "", kNow);
  ASSERT_TRUE(writ);
  EXPECT_EQ(writ->not_after, kNow + std::chrono::minutes(30));
}

TEST(Writ, NothingInCommonGrantsNothing) {
  const Result<Writ> writ =
      issue(User{.id = "u", .scopes = {"a.read"}}, Agent{.id = "a", .scopes = {"b.*"}}, "", kNow);
  ASSERT_TRUE(writ);
  EXPECT_THAT(writ->effective, IsEmpty());
}

TEST(Writ, IsRefusedAcrossTenants) {
  const Result<Writ> writ = issue(User{.id = "u", .tenant = "acme", .scopes = {"*"}},
                                  Agent{.id = "a", .tenant = "other", .scopes = {"*"}}, "", kNow);
  ASSERT_FALSE(writ);
  EXPECT_EQ(writ.error().code, ErrorCode::kDenied);
  EXPECT_THAT(writ.error().message, HasSubstr("tenant 'other'"));
}

}  // namespace
}  // namespace writ::identity
