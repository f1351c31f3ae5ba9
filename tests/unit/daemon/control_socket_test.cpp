#include "daemon/control_socket.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "daemon/control_support.h"

namespace writ::daemon {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

class ControlSocketTest : public ::testing::Test {
 protected:
  // Refused, with a message about `why`, and nothing at the path changed.
  void expect_refused(ErrorCode code, const std::string& why) {
    struct stat before {};
    struct stat after {};
    const int there = ::lstat(path_.c_str(), &before);
    const auto refused = ControlSocket::listen(path_);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, code) << refused.error().message;
    EXPECT_THAT(refused.error().message, HasSubstr(why));
    EXPECT_EQ(::lstat(path_.c_str(), &after), there);
    EXPECT_EQ(after.st_ino, before.st_ino);
  }

  TempDir dir_;
  std::string parent_ = dir_.path() + "/run/writ";
  std::string path_ = parent_ + "/control.sock";
};

TEST_F(ControlSocketTest, EverybodyMayConnectWhateverTheUmask) {
  const mode_t before = ::umask(077);
  const auto made = ControlSocket::listen(path_);
  (void)::umask(before);
  ASSERT_TRUE(made) << made.error().message;
  struct stat found {};
  ASSERT_EQ(::stat(path_.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777, 0666u);
  ASSERT_EQ(::stat(parent_.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777, 0755u);
}

TEST_F(ControlSocketTest, RemovesItsPathAtTheEnd) {
  {
    const auto made = ControlSocket::listen(path_);
    ASSERT_TRUE(made);
    ASSERT_TRUE(fs::exists(path_));
  }
  EXPECT_FALSE(fs::exists(path_));
}

TEST_F(ControlSocketTest, LeavesAPathThatIsNoLongerIts) {
  {
    const auto made = ControlSocket::listen(path_);
    ASSERT_TRUE(made);
    fs::rename(path_, path_ + ".moved");
    std::ofstream(path_) << "somebody else's";
  }
  EXPECT_TRUE(fs::exists(path_));
}

TEST_F(ControlSocketTest, ReplacesAStaleSocket) {
  fs::create_directories(parent_);
  ASSERT_EQ(::chmod(parent_.c_str(), 0755), 0);
  {
    const UniqueFd dead(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path_.c_str(), sizeof address.sun_path - 1);
    ASSERT_EQ(::bind(dead.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  ASSERT_TRUE(fs::exists(path_));
  const auto made = ControlSocket::listen(path_);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_TRUE(connect_to(path_));
}

TEST_F(ControlSocketTest, RefusesWhileAnotherOneLives) {
  const auto first = ControlSocket::listen(path_);
  ASSERT_TRUE(first);
  expect_refused(ErrorCode::kUnavailable, "another writd");
  EXPECT_TRUE(connect_to(path_));
  // Also one that took no lock.
  ASSERT_TRUE(fs::remove(path_ + ".lock"));
  expect_refused(ErrorCode::kUnavailable, "living process");
}

TEST_F(ControlSocketTest, RefusesWhatIsNoSocket) {
  fs::create_directories(parent_);
  ASSERT_EQ(::chmod(parent_.c_str(), 0755), 0);
  std::ofstream(path_) << "a file";
  expect_refused(ErrorCode::kInvalid, "not a socket");
  ASSERT_TRUE(fs::remove(path_));
  fs::create_symlink("/dev/null", path_);
  expect_refused(ErrorCode::kInvalid, "not a socket");
}

TEST_F(ControlSocketTest, RefusesADirectoryThatOthersCanWriteTo) {
  fs::create_directories(parent_);
  ASSERT_EQ(::chmod(parent_.c_str(), 0777), 0);
  expect_refused(ErrorCode::kDenied, "others can write");
}

TEST_F(ControlSocketTest, RefusesAnotherUsersSocketAndDirectory) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to give a file away";
  {
    auto made = ControlSocket::listen(path_);
    ASSERT_TRUE(made);
    ASSERT_EQ(::chown(path_.c_str(), 65534, 65534), 0);
    fs::rename(path_, path_ + ".kept");  // not removed at the end
  }
  fs::rename(path_ + ".kept", path_);
  expect_refused(ErrorCode::kDenied, "belongs to uid 65534");
  ASSERT_TRUE(fs::remove(path_));
  ASSERT_EQ(::chown(parent_.c_str(), 65534, 65534), 0);
  expect_refused(ErrorCode::kDenied, "belongs to uid 65534");
}

TEST_F(ControlSocketTest, RefusesAPathTooLongForASocket) {
  path_ = parent_ + "/" + std::string(200, 'x');
  expect_refused(ErrorCode::kInvalid, "shorter --root");
}

}  // namespace
}  // namespace writ::daemon
