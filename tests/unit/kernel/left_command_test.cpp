#include "kernel/left_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace writ::kernel {
namespace {

using std::string_literals::operator""s;

// A process 7 of a /proc of its own.
class LeftCommandTest : public testing::Test {
 protected:
  LeftCommandTest() {
    std::string name = testing::TempDir() + "left-XXXXXX";
    EXPECT_NE(mkdtemp(name.data()), nullptr);
    proc_ = name;
    std::filesystem::create_directories(proc_ + "/7");
  }
  ~LeftCommandTest() override { std::filesystem::remove_all(proc_); }

  void write(const std::string& file, const std::string& text) {
    std::ofstream(proc_ + "/7/" + file, std::ios::binary) << text;
  }
  // `state` and `start_stack` are fields 3 and 28 of proc(5) stat.
  void write_stat(char state, const std::string& start_stack) {
    std::string text = std::string("7 (a b) c) ") + state + " 5";
    for (int field = 5; field < 28; ++field) text += " 0";
    write("stat", text + " " + start_stack + " 0 0\n");
  }
  std::string proc_;
};

TEST_F(LeftCommandTest, IsStoppedWithItsStackAsTheKernelMadeIt) {
  write_stat('T', "140735089253456");
  write("syscall", "59 0x0 0x0 0x0 0x0 0x0 0x0 0x7fff71009c50 0x7fdb7b492b70\n");
  write("cmdline", "touch\0/tmp/a\0"s);
  const auto left = left_command(proc_, 7);
  ASSERT_TRUE(left);
  EXPECT_EQ(left->arguments, "touch\0/tmp/a\0"s);
  EXPECT_EQ(left->event.head.pid, 7u);
  EXPECT_EQ(left->event.parent, 5u);
  EXPECT_EQ(left->event.flags, static_cast<writ_u32>(WRIT_COMMAND_HELD));
  write("syscall", "-1 0x7fff71009c50 0x7fdb7b492b70\n");
  EXPECT_TRUE(left_command(proc_, 7));
}

TEST_F(LeftCommandTest, IsNoneThatRunsOrHasRun) {
  write("syscall", "-1 0x7fff71009c50 0x7fdb7b492b70\n");
  write_stat('S', "140735089253456");
  EXPECT_FALSE(left_command(proc_, 7));
  write_stat('T', "140735089253456");
  write("syscall", "-1 0x7fff71009000 0x7fdb7b492b70\n");  // somebody's ^Z
  EXPECT_FALSE(left_command(proc_, 7));
  write("syscall", "running\n");
  EXPECT_FALSE(left_command(proc_, 7));
  write_stat('T', "0");
  write("syscall", "-1 0x0 0x0\n");
  EXPECT_FALSE(left_command(proc_, 7));
  EXPECT_FALSE(left_command(proc_, 8));
}

TEST_F(LeftCommandTest, WhatIsTooLongIsCut) {
  write_stat('T', "140735089253456");
  write("syscall", "-1 0x7fff71009c50 0x7fdb7b492b70\n");
  write("cmdline", std::string(WRIT_ARGUMENTS_MAX + 5, 'x'));
  const auto left = left_command(proc_, 7);
  ASSERT_TRUE(left);
  EXPECT_EQ(left->arguments.size(), static_cast<std::size_t>(WRIT_ARGUMENTS_MAX));
  EXPECT_NE(left->event.flags & WRIT_COMMAND_CUT, 0u);
}

}  // namespace
}  // namespace writ::kernel
