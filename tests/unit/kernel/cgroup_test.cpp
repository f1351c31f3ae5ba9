// Finding the cgroup2 mount in mountinfo(5).
#include "kernel/cgroup.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

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
  EXPECT_EQ(session_level(*mount), 2u);
}

TEST_F(CgroupMountTest, CountsTheDepthOfAPartOfTheHierarchy) {
  const auto mount =
      find_cgroup2(file("31 24 0:27 /machine/c1 /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"));
  ASSERT_TRUE(mount);
  EXPECT_EQ(session_level(*mount), 4u);
}

TEST_F(CgroupMountTest, SaysWhatToDoWithoutOne) {
  const auto mount = find_cgroup2(file("24 1 0:22 / /proc rw - proc proc rw\n"));
  ASSERT_FALSE(mount);
  EXPECT_EQ(mount.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(mount.error().message.find("mount -t cgroup2"), std::string::npos);
}

}  // namespace
}  // namespace writ::kernel
