#include "cli/writ_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace writ::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::uint64_t kSecond = 1'000'000'000;

v1::WritInfo writ() {
  v1::WritInfo made;
  made.set_id("47e92e0dedad9723f2c7feaf5e329f56");
  made.set_tenant("acme");
  made.mutable_user()->set_id("sarah");
  made.mutable_user()->set_via("token");
  made.mutable_user()->set_strength("token");
  made.add_chain("planner");
  made.add_chain("reader");
  made.add_effective_scopes("crm.contacts.read");
  made.set_task("look up\x1b[31m contact 7");
  made.set_tier("subagent");
  made.mutable_limits()->set_max_tool_calls(3);
  made.set_state("active");
  made.set_not_before_unix_ns(100 * kSecond);
  made.set_not_after_unix_ns(700 * kSecond);
  made.set_parent_id("0011");
  return made;
}

TEST(WritText, SaysAllOfIt) {
  const std::string text = writ_text(writ(), 400 * kSecond, Palette(false));
  for (const char* part :
       {"47e92e0dedad9723f2c7feaf5e329f56", "active", "acme", "sarah (known by token, token)",
        "planner → reader", "0011", "crm.contacts.read", "subagent", "3 tool calls", "5m 0s"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
  EXPECT_THAT(text, Not(HasSubstr("\x1b"))) << "a task cannot colour the terminal";
  EXPECT_THAT(text, Not(HasSubstr("revoked")));
}

TEST(WritText, EndedAndEmptyOnes) {
  v1::WritInfo ended = writ();
  ended.set_state("revoked");
  ended.set_revoked_unix_ns(200 * kSecond);
  ended.set_revoked_by("user boss of acme");
  ended.clear_effective_scopes();
  ended.clear_limits();
  const std::string text = writ_text(ended, 400 * kSecond, Palette(false));
  EXPECT_THAT(text, HasSubstr("by user boss of acme"));
  EXPECT_THAT(text, HasSubstr("nothing is permitted"));
  EXPECT_THAT(text, HasSubstr("none"));
}

TEST(WritTable, OneLineEach) {
  Table table = writ_table();
  add_writ(table, writ(), 400 * kSecond);
  v1::WritInfo open = writ();
  open.clear_not_after_unix_ns();
  add_writ(table, open, 400 * kSecond);
  EXPECT_THAT(table.text(), HasSubstr("5m 0s"));
  EXPECT_THAT(table.text(), HasSubstr("its session's life"));
}

}  // namespace
}  // namespace writ::cli
