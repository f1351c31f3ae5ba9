// writ run: exit codes, signals, errors.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/stat.h>

#include <filesystem>

#include "cli/binary_support.h"

namespace writ::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class RunTest : public ::testing::Test {
 protected:
  std::vector<std::string> writ_run(const std::vector<std::string>& command) {
    std::vector<std::string> all{WRIT_BINARY, "--root", dir_.path(), "run", "--agent", "bot", "--"};
    all.insert(all.end(), command.begin(), command.end());
    return all;
  }
  std::vector<std::string> shell(const std::string& script) {
    return writ_run({"/bin/sh", "-c", script});
  }
  std::string marker() { return dir_.path() + "/ran"; }
  bool appeared(const std::string& path) {
    return eventually([&] { return std::filesystem::exists(path); });
  }

  daemon::TempDir dir_;
};

TEST_F(RunTest, ExitCodeAndOutputAreTheCommands) {
  FakeWritd writd(dir_.path());
  Started run(shell("echo out; echo err >&2; exit 7"), dir_.path());
  EXPECT_EQ(run.exit_code(), 7);
  EXPECT_EQ(run.out(), "out\n");
  EXPECT_EQ(run.err(), "err\n");
  const auto seen = writd.seen();
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_EQ(seen[0].run().terms().agent(), "bot");
  EXPECT_EQ(seen[0].run().terms().user(), "");
  EXPECT_EQ(seen[0].run().mode(), v1::MODE_UNSPECIFIED);
  EXPECT_THAT(seen[0].run().command(),
              ElementsAre("/bin/sh", "-c", "echo out; echo err >&2; exit 7"));
  EXPECT_EQ(seen[0].run().executable(), std::filesystem::canonical("/bin/sh").string());
  EXPECT_EQ(seen[1].run_ended().session_id(), "s-1");
  EXPECT_EQ(seen[1].run_ended().exit_code(), 7);
}

TEST_F(RunTest, TheProcessThatAskedBecomesTheCommand) {
  FakeWritd writd(dir_.path());
  Started run(shell("echo $$"), dir_.path());
  EXPECT_EQ(run.exit_code(), 0);
  const auto pids = writd.pids();
  ASSERT_EQ(pids.size(), 2u);
  EXPECT_EQ(run.out(), std::to_string(pids[0]) + "\n");
  EXPECT_EQ(pids[1], run.pid());  // the end is reported from outside
}

TEST_F(RunTest, OptionsReachWritd) {
  FakeWritd writd(dir_.path());
  Started run({WRIT_BINARY, "run", "--agent", "bot", "--user", "cfo", "--mode", "observe", "--root",
               dir_.path(), "--", "true", "--json", "--", "-x"},
              dir_.path());
  EXPECT_EQ(run.exit_code(), 0);
  const auto seen = writd.seen();
  ASSERT_FALSE(seen.empty());
  EXPECT_EQ(seen[0].run().terms().user(), "cfo");
  EXPECT_EQ(seen[0].run().mode(), v1::MODE_OBSERVE);
  EXPECT_THAT(seen[0].run().command(), ElementsAre("true", "--json", "--", "-x"));
  EXPECT_EQ(run.err(), "");
}

TEST_F(RunTest, JsonGoesToStandardErrorAndLeavesOutputAlone) {
  FakeWritd writd(dir_.path());
  Started run({WRIT_BINARY, "--json", "--root", dir_.path(), "run", "--agent", "bot", "--",
               "/bin/echo", "hello"},
              dir_.path());
  EXPECT_EQ(run.exit_code(), 0);
  EXPECT_EQ(run.out(), "hello\n");
  EXPECT_THAT(run.err(), HasSubstr("\"sessionId\":\"s-1\""));
}

TEST_F(RunTest, DiesOfTheSignalThatTheCommandDiedOf) {
  FakeWritd writd(dir_.path());
  for (const int signal : {SIGTERM, SIGKILL, SIGSEGV, SIGINT, SIGUSR1, SIGPIPE}) {
    Started run(shell("kill -" + std::to_string(signal) + " $$"), dir_.path());
    EXPECT_EQ(run.exit_code(), -signal);
    EXPECT_EQ(writd.seen().back().run_ended().exit_code(), 128 + signal);
  }
}

TEST_F(RunTest, SignalsForWritReachTheCommand) {
  FakeWritd writd(dir_.path());
  for (const char* name : {"TERM", "INT", "HUP", "QUIT", "USR1", "USR2", "WINCH"}) {
    std::filesystem::remove(marker());
    Started run(shell(fmt::format("trap 'exit 9' {}; : > {}; while :; do sleep 0.02; done", name,
                                  marker())),
                dir_.path());
    ASSERT_TRUE(appeared(marker())) << name;
    const std::map<std::string, int> numbers{
        {"TERM", SIGTERM}, {"INT", SIGINT},   {"HUP", SIGHUP},    {"QUIT", SIGQUIT},
        {"USR1", SIGUSR1}, {"USR2", SIGUSR2}, {"WINCH", SIGWINCH}};
    ASSERT_EQ(::kill(run.pid(), numbers.at(name)), 0);
    EXPECT_EQ(run.exit_code(), 9) << name;
  }
}

TEST_F(RunTest, CommandHasTheSignalsAndFilesItsCallerHad) {
  FakeWritd writd(dir_.path());
  const std::string look = "grep -E '^Sig(Blk|Ign)' /proc/self/status; ls /proc/$$/fd";
  Started plain({"/bin/sh", "-c", look}, dir_.path());
  ASSERT_EQ(plain.exit_code(), 0);
  const std::string expected = plain.out();
  ASSERT_THAT(expected, HasSubstr("SigBlk"));
  Started governed(shell(look), dir_.path());
  ASSERT_EQ(governed.exit_code(), 0);
  EXPECT_EQ(governed.out(), expected);
}

TEST_F(RunTest, ChildThatStopsStopsTheJobAndContinuesWithIt) {
  FakeWritd writd(dir_.path());
  Started run(
      shell(fmt::format("trap 'exit 5' USR1; : > {}; while :; do sleep 0.02; done", marker())),
      dir_.path());
  ASSERT_TRUE(appeared(marker()));
  ASSERT_EQ(::kill(run.pid(), SIGTSTP), 0);
  int status = 0;
  ASSERT_EQ(::waitpid(run.pid(), &status, WUNTRACED), run.pid());
  ASSERT_TRUE(WIFSTOPPED(status));
  EXPECT_EQ(WSTOPSIG(status), SIGTSTP);
  const pid_t child = writd.pids().at(0);
  EXPECT_THAT(read_file(fmt::format("/proc/{}/stat", child)), HasSubstr(") T "));
  ASSERT_EQ(::kill(run.pid(), SIGCONT), 0);
  ASSERT_EQ(::kill(run.pid(), SIGUSR1), 0);
  EXPECT_EQ(run.exit_code(), 5);
}

TEST_F(RunTest, ChildStoppedBySigstopAloneDoesNotStopTheJob) {
  FakeWritd writd(dir_.path());
  Started run(
      shell(fmt::format("trap 'exit 5' USR1; : > {}; while :; do sleep 0.02; done", marker())),
      dir_.path());
  ASSERT_TRUE(appeared(marker()));
  const pid_t child = writd.pids().at(0);
  const auto state = [](pid_t pid) { return read_file(fmt::format("/proc/{}/stat", pid)); };
  ASSERT_EQ(::kill(child, SIGSTOP), 0);  // as writd does for a moment
  ASSERT_TRUE(eventually([&] { return state(child).find(") T ") != std::string::npos; }));
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_THAT(state(run.pid()), Not(HasSubstr(") T ")));
  ASSERT_EQ(::kill(child, SIGCONT), 0);
  ASSERT_EQ(::kill(run.pid(), SIGUSR1), 0);
  EXPECT_EQ(run.exit_code(), 5);
}

// On a terminal the command is in the foreground group: ^C reaches it once, not twice.
TEST_F(RunTest, TerminalInterruptArrivesOnce) {
  FakeWritd writd(dir_.path());
  const auto command =
      shell(fmt::format("n=0; trap 'n=$((n+1))' INT; : > {}; "
                        "while [ $n = 0 ]; do sleep 0.02; done; sleep 0.3; sleep 0.1; exit $n",
                        marker()));
  int terminal = -1;
  const pid_t pid = ::forkpty(&terminal, nullptr, nullptr, nullptr);
  ASSERT_GE(pid, 0);
  if (pid == 0) {
    std::vector<char*> arguments;
    arguments.reserve(command.size() + 1);
    for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    ::execv(arguments[0], arguments.data());
    ::_exit(98);
  }
  const UniqueFd owner(terminal);
  EXPECT_TRUE(appeared(marker()));
  EXPECT_EQ(::write(terminal, "\x03", 1), 1);
  int status = 0;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 1);
}

TEST_F(RunTest, IgnoredChildSignalDoesNotHideTheExitCode) {
  FakeWritd writd(dir_.path());
  struct sigaction ignore {};
  struct sigaction before {};
  ignore.sa_handler = SIG_IGN;
  // Inherited through exec by what is started now; put back before anything is waited for.
  ASSERT_EQ(sigaction(SIGCHLD, &ignore, &before), 0);
  Started run(shell("exit 3"), dir_.path());
  ASSERT_EQ(sigaction(SIGCHLD, &before, nullptr), 0);
  EXPECT_EQ(run.exit_code(), 3);
}

TEST_F(RunTest, UnknownCommandIs127AndWritdIsNotAsked) {
  FakeWritd writd(dir_.path());
  Started run(writ_run({"no-such-command-anywhere"}), dir_.path());
  EXPECT_EQ(run.exit_code(), 127);
  EXPECT_THAT(run.err(), HasSubstr("no-such-command-anywhere: command not found"));
  EXPECT_TRUE(writd.seen().empty());
}

TEST_F(RunTest, WhatCannotBeExecutedIs126) {
  FakeWritd writd(dir_.path());
  const std::string file = dir_.path() + "/data";
  std::ofstream(file) << "x";
  ASSERT_EQ(::chmod(file.c_str(), 0644), 0);
  Started run(writ_run({file}), dir_.path());
  EXPECT_EQ(run.exit_code(), 126);
  EXPECT_THAT(run.err(), HasSubstr("cannot execute"));
  EXPECT_TRUE(writd.seen().empty());
}

TEST_F(RunTest, ExecThatFailsAfterTheApprovalIsReportedToo) {
  FakeWritd writd(dir_.path());
  const std::string script = dir_.path() + "/script";
  std::ofstream(script) << "#!/no/such/interpreter\n";
  ASSERT_EQ(::chmod(script.c_str(), 0755), 0);
  Started run(writ_run({script}), dir_.path());
  EXPECT_EQ(run.exit_code(), 127);
  EXPECT_THAT(run.err(), HasSubstr("cannot execute " + script));
  EXPECT_EQ(writd.seen().back().run_ended().exit_code(), 127);
}

TEST_F(RunTest, ScriptWithoutInterpreterLineIsRunByTheShell) {
  FakeWritd writd(dir_.path());
  const std::string script = dir_.path() + "/script";
  std::ofstream(script) << "echo \"$1\"; exit 4\n";
  ASSERT_EQ(::chmod(script.c_str(), 0755), 0);
  Started run(writ_run({script, "a b"}), dir_.path());
  EXPECT_EQ(run.exit_code(), 4);
  EXPECT_EQ(run.out(), "a b\n");
}

TEST_F(RunTest, WhenWritdSaysNoTheCommandNeverRuns) {
  FakeWritd writd(dir_.path(), [](const v1::ControlRequest&) {
    return FakeWritd::refuse(ErrorCode::kNotFound, "there is no agent bot (see agents.yaml)");
  });
  Started run(shell(": > " + marker()), dir_.path());
  EXPECT_EQ(run.exit_code(), 125);
  EXPECT_THAT(run.err(), HasSubstr("there is no agent bot (see agents.yaml)"));
  EXPECT_THAT(run.err(), HasSubstr("/bin/sh was not started"));
  EXPECT_FALSE(std::filesystem::exists(marker()));
  EXPECT_EQ(writd.seen().size(), 1u);  // no session, so no end
}

TEST_F(RunTest, WithoutWritdTheCommandNeverRuns) {
  Started run(shell(": > " + marker()), dir_.path());
  EXPECT_EQ(run.exit_code(), 125);
  EXPECT_THAT(run.err(), HasSubstr("writd is not running"));
  EXPECT_THAT(run.err(), HasSubstr("writd --root " + dir_.path()));
  EXPECT_FALSE(std::filesystem::exists(marker()));
}

TEST_F(RunTest, InterruptedWhileWritdThinksTheCommandNeverRuns) {
  FakeWritd writd(dir_.path(), nullptr);
  Started run(shell(": > " + marker()), dir_.path());
  ASSERT_TRUE(eventually([&] { return !writd.seen().empty(); }));
  ASSERT_EQ(::kill(run.pid(), SIGTERM), 0);
  EXPECT_EQ(run.exit_code(), -SIGTERM);
  EXPECT_FALSE(std::filesystem::exists(marker()));
}

TEST_F(RunTest, WritdThatDiesMeanwhileDoesNotChangeTheExitCode) {
  auto writd = std::make_unique<FakeWritd>(dir_.path());
  Started run(shell(fmt::format(": > {}; while [ -e {} ]; do sleep 0.02; done; exit 6", marker(),
                                marker())),
              dir_.path());
  ASSERT_TRUE(appeared(marker()));
  writd.reset();
  std::filesystem::remove(marker());
  EXPECT_EQ(run.exit_code(), 6);
  EXPECT_THAT(run.err(), HasSubstr("the exit code of session s-1 is not in the record"));
}

TEST_F(RunTest, ArgumentsOfAnyBytesReachTheCommandUnchanged) {
  FakeWritd writd(dir_.path());
  Started run(writ_run({"/bin/echo", "-n", "a\xff\x1b"}), dir_.path());
  EXPECT_EQ(run.exit_code(), 0);
  EXPECT_EQ(run.out(), "a\xff\x1b");
  EXPECT_THAT(writd.seen().at(0).run().command(), ElementsAre("/bin/echo", "-n", "a\\xff\\x1b"));
}

TEST_F(RunTest, LongCommandLineIsCutInTheRecordOnly) {
  FakeWritd writd(dir_.path());
  const std::string large(100'000, 'x');
  Started run(writ_run({"/bin/echo", "-n", large}), dir_.path());
  EXPECT_EQ(run.exit_code(), 0);
  EXPECT_EQ(run.out(), large);
  EXPECT_THAT(writd.seen().at(0).run().command(), ElementsAre("/bin/echo", "-n", "... (cut)"));
}

TEST_F(RunTest, NoCommandAndBadOptionsAreUsageErrors) {
  FakeWritd writd(dir_.path());
  EXPECT_EQ(Started({WRIT_BINARY, "--root", dir_.path(), "run", "--agent", "bot"}, dir_.path())
                .exit_code(),
            2);
  EXPECT_EQ(
      Started({WRIT_BINARY, "--root", dir_.path(), "run", "--", "true"}, dir_.path()).exit_code(),
      2);
  EXPECT_EQ(Started({WRIT_BINARY, "--root", dir_.path(), "run", "--agent", "b", "--mode", "maybe",
                     "--", "true"},
                    dir_.path())
                .exit_code(),
            2);
  EXPECT_TRUE(writd.seen().empty());
}

}  // namespace
}  // namespace writ::cli
