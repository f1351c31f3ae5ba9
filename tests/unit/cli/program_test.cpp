#include "cli/program.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "daemon/control_support.h"

namespace writ::cli {
namespace {

namespace fs = std::filesystem;

class FindProgramTest : public ::testing::Test {
 protected:
  std::string make(const std::string& name, mode_t mode) {
    std::string path = dir_.path() + "/" + name;
    fs::create_directories(fs::path(path).parent_path());
    std::ofstream(path) << "#!/bin/sh\n";
    EXPECT_EQ(::chmod(path.c_str(), mode), 0);
    return path;
  }
  [[nodiscard]] std::string search() const {
    return dir_.path() + "/missing:" + dir_.path() + "/a:" + dir_.path() + "/b";
  }
  daemon::TempDir dir_;
};

TEST_F(FindProgramTest, FirstExecutableInThePathWins) {
  make("a/tool", 0644);
  const std::string second = make("b/tool", 0755);
  const auto found = find_program("tool", search().c_str());
  ASSERT_TRUE(found);
  EXPECT_EQ(found->path, second);
}

TEST_F(FindProgramTest, ExecutesTheLinkAndNamesItsTarget) {
  const std::string target = make("b/python3.11", 0755);
  fs::create_symlink(target, dir_.path() + "/python");
  const auto found = find_program(dir_.path() + "/python", nullptr);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->path, dir_.path() + "/python");  // a virtual environment depends on this
  EXPECT_EQ(found->canonical, fs::canonical(target).string());
}

TEST_F(FindProgramTest, MissingAndForbiddenAreTwoThings) {
  make("a/tool", 0644);
  fs::create_directories(dir_.path() + "/b/folder");
  EXPECT_EQ(find_program("tool", search().c_str()).error().code, ErrorCode::kDenied);
  EXPECT_EQ(find_program("folder", search().c_str()).error().code, ErrorCode::kDenied);
  EXPECT_EQ(find_program("nothing", search().c_str()).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(find_program("", search().c_str()).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(find_program(dir_.path() + "/a/tool/x", nullptr).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(find_program(dir_.path() + "/a/tool", nullptr).error().code, ErrorCode::kDenied);
}

TEST_F(FindProgramTest, EmptyEntryIsTheWorkingDirectoryAndNoPathTheDefault) {
  make("tool", 0755);
  const fs::path before = fs::current_path();
  fs::current_path(dir_.path());
  const auto here = find_program("tool", "/nowhere:");
  const auto not_here = find_program("tool", "/nowhere");
  fs::current_path(before);
  ASSERT_TRUE(here);
  EXPECT_EQ(here->path, "./tool");
  EXPECT_TRUE(fs::path(here->canonical).is_absolute());
  EXPECT_FALSE(not_here);
  EXPECT_TRUE(find_program("sh", nullptr));
}

}  // namespace
}  // namespace writ::cli
