// Finding the cgroup2 mount in mountinfo(5).
#include "kernel/cgroup.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <vector>

namespace writ::kernel {
namespace {

class CgroupMountTest : public testing::Test {
 protected:
  std::string file(const char* text) {
    path_ = testing::TempDir() + "mountinfo";
    std::ofstream(path_) << text;
    return path_;
  }
  ~CgroupMountTest() override { (void)std::remove(path_.c_str()); }
  std::string path_;
};

TEST_F(CgroupMountTest, FindsItWhereverItIs) {
  const auto mount = find_cgroup2(
      file("24 1 0:22 / /proc rw - proc proc rw\n"
           "31 24 0:27 / /sys/fs/cgroup/unified rw,nosuid shared:9 - cgroup2 cgroup2 rw\n"));
  ASSERT_TRUE(mount);
  EXPECT_EQ(mount->path, "/sys/fs/cgroup/unified");
  EXPECT_EQ(mount->depth, 0u);
  EXPECT_EQ(level_of(*mount, mount->path + "/writ/1"), 2u);
  EXPECT_EQ(level_of(*mount, mount->path), 0u);
}

TEST_F(CgroupMountTest, CountsTheDepthOfAPartOfTheHierarchy) {
  const auto mount =
      find_cgroup2(file("31 24 0:27 /machine/c1 /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"));
  ASSERT_TRUE(mount);
  EXPECT_EQ(level_of(*mount, "/sys/fs/cgroup/writ/1"), 4u);
}

TEST_F(CgroupMountTest, SaysWhatToDoWithoutOne) {
  const auto mount = find_cgroup2(file("24 1 0:22 / /proc rw - proc proc rw\n"));
  ASSERT_FALSE(mount);
  EXPECT_EQ(mount.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(mount.error().message.find("mount -t cgroup2"), std::string::npos);
}

TEST(Processes, TheTreeOfThisOne) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::pause();
    ::_exit(0);
  }
  ASSERT_GT(child, 0);
  const auto tree = process_tree(::getpid());
  ASSERT_GE(tree.size(), 2u);
  EXPECT_EQ(tree.front(), ::getpid());
  EXPECT_NE(std::find(tree.begin(), tree.end(), child), tree.end());
  EXPECT_EQ(process_tree(child), std::vector<pid_t>{child});
  ::kill(child, SIGKILL);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_TRUE(process_tree(child).empty());
}

TEST(Processes, WhereOneIs) {
  const CgroupMount mount{.path = "/mount"};
  const auto where = cgroup_of(mount, ::getpid());
  if (where) {
    EXPECT_TRUE(where->starts_with("/mount/"));
  }
  EXPECT_FALSE(cgroup_of(mount, 4194304));  // above the largest process number there can be
}

}  // namespace
}  // namespace writ::kernel
