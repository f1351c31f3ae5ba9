#include "daemon/token_listener.h"

#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <fstream>

#include "daemon/temp_dir.h"

namespace writ::daemon {
namespace {

using testing::HasSubstr;

bool connects(const std::string& path) {
  const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  return ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

TEST(TokenListener, OnlyTheLoopbackInterface) {
  for (const char* host : {"0.0.0.0", "10.0.0.1", "192.168.1.1", "::", "fe80::1",
                           "::ffff:127.0.0.1", "::ffff:10.0.0.1", "126.255.255.255", "128.0.0.1"}) {
    const auto made = TokenListener::tcp(host, 0);
    ASSERT_FALSE(made) << host;
    EXPECT_EQ(made.error().code, ErrorCode::kDenied);
    EXPECT_THAT(made.error().message, HasSubstr("cleartext"));
    EXPECT_THAT(made.error().message, HasSubstr("127.0.0.1"));
  }
  for (const char* host : {"", "localhost", "127.1", "127.0.0.1 ", "example.test"}) {
    const auto made = TokenListener::tcp(host, 0);
    ASSERT_FALSE(made) << host;
    EXPECT_EQ(made.error().code, ErrorCode::kInvalid);
  }
  for (const char* host : {"127.0.0.1", "127.9.9.9", "::1"}) {
    const auto made = TokenListener::tcp(host, 0);
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_GT(made->port(), 0);
  }
}

TEST(TokenListener, APortThatIsTaken) {
  const auto first = TokenListener::tcp("127.0.0.1", 0);
  ASSERT_TRUE(first);
  const auto second = TokenListener::tcp("127.0.0.1", first->port());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(second.error().message, HasSubstr("taken by another process"));
}

TEST(TokenListener, APathWithItsMode) {
  const TempDir folder;
  const std::string path = folder.path() + "/token.sock";
  for (const mode_t mode : {0600u, 0660u, 0666u}) {
    const auto made = TokenListener::unix(path, mode, "");
    ASSERT_TRUE(made) << made.error().message;
    struct stat info {};
    ASSERT_EQ(::stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777u, mode);
    EXPECT_TRUE(connects(path));
    const auto again = TokenListener::unix(path, mode, "");
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, ErrorCode::kUnavailable);
    EXPECT_THAT(again.error().message, HasSubstr("living process"));
  }
  EXPECT_FALSE(connects(path));
  EXPECT_NE(::access(path.c_str(), F_OK), 0);
}

TEST(TokenListener, AGroupIsLookedUp) {
  const TempDir folder;
  const std::string path = folder.path() + "/token.sock";
  const auto none = TokenListener::unix(path, 0660, "no-such-group-here");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::kNotFound);
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a file to group daemon";
  const auto made = TokenListener::unix(path, 0660, "daemon");
  ASSERT_TRUE(made) << made.error().message;
  struct stat info {};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_gid, 1u);  // daemon, on each Debian
}

TEST(TokenListener, AStaleSocketIsReplacedAndNothingElse) {
  const TempDir folder;
  const std::string path = folder.path() + "/token.sock";
  {  // as after kill -9
    const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    ASSERT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  EXPECT_TRUE(TokenListener::unix(path, 0600, ""));
  std::ofstream(path) << "a file of somebody";
  const auto file = TokenListener::unix(path, 0600, "");
  ASSERT_FALSE(file);
  EXPECT_THAT(file.error().message, HasSubstr("is not a socket"));
  EXPECT_EQ(::access(path.c_str(), F_OK), 0);
  EXPECT_FALSE(TokenListener::unix("", 0600, ""));
  EXPECT_FALSE(TokenListener::unix(folder.path() + "/" + std::string(200, 'a'), 0600, ""));
  EXPECT_FALSE(TokenListener::unix(folder.path() + "/no/token.sock", 0600, ""));
}

}  // namespace
}  // namespace writ::daemon
