#include "daemon/mcp_tools.h"

#include <gtest/gtest.h>

namespace writ::daemon {
namespace {

TEST(McpTools, AToolIsWhatItWasFirst) {
  McpTools tools;
  EXPECT_FALSE(tools.changed("s", "a"));
  EXPECT_TRUE(tools.note("s", "a", "1"));
  EXPECT_TRUE(tools.note("s", "a", "1"));
  EXPECT_TRUE(tools.note("s", "b", "2"));
  EXPECT_TRUE(tools.note("t", "a", "3")) << "another server's";
  EXPECT_FALSE(tools.note("s", "a", "4"));
  EXPECT_FALSE(tools.note("s", "a", "1")) << "changed back";
  EXPECT_TRUE(tools.changed("s", "a"));
  EXPECT_FALSE(tools.changed("s", "b"));
  EXPECT_FALSE(tools.changed("t", "a"));
}

TEST(McpTools, AreBounded) {
  McpTools tools;
  for (std::size_t i = 0; i < McpTools::kMaxTools; ++i)
    ASSERT_TRUE(tools.note("s", std::to_string(i), "1"));
  EXPECT_FALSE(tools.note("s", "more", "1"));
  EXPECT_TRUE(tools.note("s", "0", "1")) << "those that are known stay so";
  for (std::size_t i = 1; i < McpTools::kMaxServers; ++i)
    ASSERT_TRUE(tools.note("s" + std::to_string(i), "a", "1"));
  EXPECT_FALSE(tools.note("more", "a", "1"));
  EXPECT_FALSE(tools.changed("more", "a"));
}

}  // namespace
}  // namespace writ::daemon
