// resolv.conf as glibc reads it, and when it changes.
#include "daemon/resolvers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "daemon/temp_dir.h"

namespace writ::daemon {
namespace {

using ::testing::HasSubstr;

TEST(Resolvers, AsGlibcReadsThem) {
  EXPECT_EQ(to_text(read_resolvers("# nameserver 1.1.1.1\n"
                                   "; nameserver 2.2.2.2\n"
                                   "search acme.test\n"
                                   "nameserver 10.0.0.2\n"
                                   "nameserver\t::1\r\n"
                                   "nameserver fe80::1%eth0  # at home\n"
                                   "nameserver ::ffff:10.0.0.3\n"
                                   "nameserver127.0.0.9\n"
                                   "nameserver nonsense\n"
                                   "nameserver\n"
                                   " nameserver 3.3.3.3\n"
                                   "nameserver 127.1")),
            "10.0.0.2, ::1, fe80::1, 10.0.0.3, 127.0.0.1");
}

TEST(Resolvers, WithoutAnyItIsTheLoopback) {
  for (const char* text : {"", "\n\n", "options edns0\n", "nameserver x\n"}) {
    EXPECT_EQ(to_text(read_resolvers(text)), "127.0.0.1, ::1") << text;
  }
}

TEST(Resolvers, NoMoreThanTheKernelSideKnows) {
  std::string text;
  for (int i = 0; i < 40; ++i) text += "nameserver 10.0.0." + std::to_string(i) + "\n";
  EXPECT_EQ(read_resolvers(text).size(), std::size_t{WRIT_RESOLVERS_MAX});
}

class ResolversFileTest : public testing::Test {
 protected:
  void write(const std::string& text) {
    std::ofstream(path_ + ".new") << text;
    swap();
  }
  void swap() { std::filesystem::rename(path_ + ".new", path_); }
  TempDir dir_;
  std::string path_ = dir_.path() + "/resolv.conf";
  Resolvers resolvers_{path_};
};

TEST_F(ResolversFileTest, AreReadAgainWhenTheFileIsAnother) {
  EXPECT_TRUE(resolvers_.look());
  EXPECT_EQ(to_text(resolvers_.addresses()), "127.0.0.1, ::1");
  EXPECT_THAT(resolvers_.source(), HasSubstr("cannot be read"));
  EXPECT_FALSE(resolvers_.look());
  write("nameserver 10.0.0.2\n");
  EXPECT_TRUE(resolvers_.look());
  EXPECT_FALSE(resolvers_.look());
  EXPECT_EQ(to_text(resolvers_.addresses()), "10.0.0.2");
  EXPECT_EQ(resolvers_.source(), path_);
  write("nameserver 10.0.0.3\n");  // as long as before
  EXPECT_TRUE(resolvers_.look());
  EXPECT_EQ(to_text(resolvers_.addresses()), "10.0.0.3");
  std::filesystem::remove(path_);
  EXPECT_TRUE(resolvers_.look());
  EXPECT_EQ(to_text(resolvers_.addresses()), "127.0.0.1, ::1");
}

}  // namespace
}  // namespace writ::daemon
