// What is read of a process, from a /proc made up for the test, and from the real one.
#include "kernel/process_facts.h"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "daemon/temp_dir.h"

namespace writ::kernel {
namespace {

namespace fs = std::filesystem;
using namespace std::string_literals;  // NOLINT(google-build-using-namespace)

constexpr pid_t kPid = 7;

class ProcessFactsTest : public testing::Test {
 protected:
  ProcessFactsTest() {
    fs::create_directory(proc_.path() + "/7");
    put("cgroup", "0::/system.slice/a.service\n");
    put("status", "Name:\tagent\nUmask:\t0022\nUid:\t1001\t1001\t1001\t1001\nGid:\t5\t5\t5\t5\n");
    put("loginuid", "1000");
    put("environ", "A=1\0B=2\0"s);
    fs::create_symlink("/opt/agent", proc_.path() + "/7/exe");
  }

  void put(const std::string& name, const std::string& text) {
    std::ofstream(proc_.path() + "/7/" + name, std::ios::binary) << text;
  }
  void remove(const std::string& name) { fs::remove(proc_.path() + "/7/" + name); }

  ProcessFacts facts(bool with_environment = false) {
    auto facts = facts_of(proc_.path(), kPid, with_environment);
    if (!facts) ADD_FAILURE() << facts.error().message;
    return facts ? *facts : ProcessFacts{};
  }

  void expect_ended() {
    const auto facts = facts_of(proc_.path(), kPid, true);
    ASSERT_FALSE(facts);
    EXPECT_EQ(facts.error().code, ErrorCode::kNotFound);
    EXPECT_EQ(facts.error().message, "process 7 has ended");
  }

  daemon::TempDir proc_;
};

TEST_F(ProcessFactsTest, AllOfOne) {
  const ProcessFacts found = facts(true);
  EXPECT_EQ(found.pid, kPid);
  EXPECT_EQ(found.uid, 1001u);
  EXPECT_EQ(found.login_uid, 1000u);
  EXPECT_EQ(found.cgroup, "/system.slice/a.service");
  EXPECT_EQ(found.executable, "/opt/agent");
  EXPECT_EQ(found.environment, "A=1\0B=2\0"s);
  EXPECT_EQ(facts(false).environment, "") << "not asked for";
}

TEST_F(ProcessFactsTest, OneThatEnded) {
  remove("cgroup");
  expect_ended();
  put("cgroup", "0::/a\n");
  remove("status");
  expect_ended();
  fs::remove_all(proc_.path() + "/7");
  expect_ended();
}

TEST_F(ProcessFactsTest, TheCgroupOfTheSecondVersion) {
  put("cgroup",
      "12:pids:/v1/pids\n10::/v1/ten\n1:name=systemd:/v1/0::/named\n0::/v2/a\n0::/v2/b\n");
  EXPECT_EQ(facts().cgroup, "/v2/a");
  put("cgroup", "0::/with:colons::and blanks ");
  EXPECT_EQ(facts().cgroup, "/with:colons::and blanks ");
  put("cgroup", "0::/\n");
  EXPECT_EQ(facts().cgroup, "/");
}

TEST_F(ProcessFactsTest, WithoutTheSecondVersionNothingCanBeSaid) {
  for (const char* text : {"", "\n", "1:name=systemd:/a\n", "0:/a\n", " 0::/a\n", "0::\n"}) {
    put("cgroup", text);
    expect_ended();
  }
}

TEST_F(ProcessFactsTest, TheAccountIsTheOneThatStartedIt) {
  put("status", "Name:\tsu\nUid:\t1001\t0\t0\t0\n");
  EXPECT_EQ(facts().uid, 1001u) << "a setuid program is not root's";
  put("status", "Name:\tdaemon\nUid:\t0\t1001\t0\t1001\n");
  EXPECT_EQ(facts().uid, 0u) << "root stays root whatever it does for the moment";
}

TEST_F(ProcessFactsTest, AStatusThatCannotBeReadSaysNothing) {
  for (const char* text : {"", "Uid:\n", "Uid:\t\n", "Uid:\tx\t0\n", "Uid:\t-1\t0\n", "Uid: 0 0\n",
                           "Uid:\t4294967295\t0\n", "Uid:\t4294967296\t0\n", "Name:\tUid:\t0\n"}) {
    put("status", text);
    expect_ended();
  }
}

TEST_F(ProcessFactsTest, ALoginThatThereIs) {
  put("loginuid", "0");
  EXPECT_EQ(facts().login_uid, 0u);
  put("loginuid", "1000\n");
  EXPECT_EQ(facts().login_uid, 1000u);
  put("loginuid", "4294967294");
  EXPECT_EQ(facts().login_uid, 4294967294u);
}

TEST_F(ProcessFactsTest, ALoginThatThereIsNot) {
  for (const char* text : {"4294967295", "4294967296", "99999999999999999999", "-1", "", "\n",
                           "sarah", "1000x", "1000 ", " 1000", "+1000", "0x3e8"}) {
    put("loginuid", text);
    EXPECT_EQ(facts().login_uid, std::nullopt) << text;
  }
  remove("loginuid");  // a kernel without auditing
  EXPECT_EQ(facts().login_uid, std::nullopt);
}

TEST_F(ProcessFactsTest, TheProgramOfAKernelThread) {
  remove("exe");
  EXPECT_EQ(facts().executable, "");
}

TEST_F(ProcessFactsTest, AProgramWhoseFileWasReplaced) {
  for (const auto& [shown, expected] : {std::pair{"/opt/agent (deleted)", "/opt/agent"},
                                        std::pair{"/opt/agent (deleted) ", "/opt/agent (deleted) "},
                                        std::pair{"/opt/agent(deleted)", "/opt/agent(deleted)"}}) {
    remove("exe");
    fs::create_symlink(shown, proc_.path() + "/7/exe");
    EXPECT_EQ(facts().executable, expected);
  }
}

TEST_F(ProcessFactsTest, AnEnvironmentIsCutAtTheLimit) {
  const std::string text(kMaxEnvironment, 'a');
  put("environ", text);
  EXPECT_EQ(facts(true).environment, text);
  put("environ", text + "b");
  EXPECT_EQ(facts(true).environment, text);
  put("environ", "");
  EXPECT_EQ(facts(true).environment, "");
  remove("environ");
  EXPECT_EQ(facts(true).environment, "");
}

TEST(RealProcess, ThisOne) {
  // What a process can choose of what is read: its name, which stands before the uid.
  char name[16] = {};
  ASSERT_EQ(prctl(PR_GET_NAME, name), 0);
  ASSERT_EQ(prctl(PR_SET_NAME, "x\nUid:\t4242\t0"), 0);
  const auto facts = facts_of("/proc", getpid(), true);
  ASSERT_EQ(prctl(PR_SET_NAME, name), 0);
  if (!facts) GTEST_SKIP() << "no cgroup2 here: " << facts.error().message;
  EXPECT_EQ(facts->uid, getuid());
  EXPECT_TRUE(facts->cgroup.starts_with('/')) << facts->cgroup;
  EXPECT_EQ(facts->executable, fs::canonical("/proc/self/exe"));
  EXPECT_TRUE(facts->environment.empty() || facts->environment.back() == '\0');
}

}  // namespace
}  // namespace writ::kernel
