#include "cli/status_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace writ::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::uint64_t kSecond = 1'000'000'000;

v1::StatusResponse status() {
  v1::StatusResponse made;
  made.set_version("0.1.0");
  made.set_policy_version("77aa");
  made.set_ruleset_version("9c1e");
  made.set_durability("group");
  made.set_last_sequence(41);
  made.set_started_unix_ns(100 * kSecond);
  v1::SessionStatus& session = *made.add_sessions();
  session.set_session_id("s-1");
  session.set_user("sarah");
  session.set_agent("sales-assistant");
  session.set_mode(v1::MODE_ENFORCE);
  session.set_started_unix_ns(160 * kSecond);
  session.set_processes(2);
  session.set_calls(9);
  session.set_denied(1);
  v1::Counter& counter = *made.add_counters();
  counter.set_name("events lost");
  return made;
}

TEST(StatusText, SaysWhatIsInForce) {
  EXPECT_EQ(status_text(status(), 220 * kSecond, Palette(false)),
            "writd       0.1.0, up 2m 0s\n"
            "policy      77aa\n"
            "rules       9c1e\n"
            "audit       41 records kept, durability group\n"
            "\n"
            "SESSION  USER   AGENT            MODE     AGE    PROCESSES  CALLS  DENIED  HELD\n"
            "s-1      sarah  sales-assistant  enforce  1m 0s  2          9      1       0\n"
            "\n"
            "Nothing was lost and nothing is degraded.\n");
}

TEST(StatusText, VerdictsThatCannotBeDoneAreSaid) {
  v1::StatusResponse made = status();
  made.set_not_in_force(2);
  const std::string text = status_text(made, 220 * kSecond, Palette(false));
  EXPECT_THAT(text, HasSubstr("Not in force as it is written: 2 of the policy's rules"));
  EXPECT_THAT(text, HasSubstr("\nNothing was lost.\n"));
}

TEST(StatusText, WhatLeavesUnreadIsSaid) {
  v1::StatusResponse made = status();
  made.set_unread_quic(1);
  made.set_open_dns(2);
  const std::string text = status_text(made, 220 * kSecond, Palette(false));
  EXPECT_THAT(text, HasSubstr("QUIC leaves unread in 1 session"));
  EXPECT_THAT(text, HasSubstr("DNS may be asked of anybody in 2 sessions"));
}

TEST(StatusText, LossesAndAPolicyThatIsNotInForceAreSaid) {
  v1::StatusResponse made = status();
  made.mutable_counters(0)->set_value(3);
  made.set_policy_problem("policy.yaml:3:1: error: unknown key 'rulse'");
  const std::string text = status_text(made, 220 * kSecond, Palette(false));
  EXPECT_THAT(text, HasSubstr("The policy on disk is not in force: policy.yaml:3:1"));
  EXPECT_THAT(text, HasSubstr("3  events lost"));
  EXPECT_THAT(text, Not(HasSubstr("Nothing was lost")));
}

TEST(DoctorText, EachCheckWithWhatToDo) {
  v1::DoctorResponse report;
  v1::Check& good = *report.add_checks();
  good.set_name("cgroup v2");
  good.set_ok(true);
  good.set_detail("/sys/fs/cgroup");
  EXPECT_TRUE(is_healthy(report));
  v1::Check& bad = *report.add_checks();
  bad.set_name("BTF");
  bad.set_detail("there is no /sys/kernel/btf/vmlinux");
  bad.set_hint("use a kernel with CONFIG_DEBUG_INFO_BTF=y");
  v1::ProcessCoverage& process = *report.add_processes();
  process.set_pid(42);
  process.set_exe("/usr/bin/static-client");
  process.set_session_id("s-1");
  process.set_why("no TLS library that Writ knows");
  EXPECT_FALSE(is_healthy(report));
  EXPECT_EQ(doctor_text(report, Palette(false)),
            "This host\n"
            "  ✓ cgroup v2  /sys/fs/cgroup\n"
            "  ✗ BTF        there is no /sys/kernel/btf/vmlinux\n"
            "      → use a kernel with CONFIG_DEBUG_INFO_BTF=y\n"
            "\n"
            "Governed processes\n"
            "  ✗ 42 /usr/bin/static-client (session s-1): not covered\n"
            "      no TLS library that Writ knows\n"
            "\n"
            "1 check failed.\n");
}

}  // namespace
}  // namespace writ::cli
