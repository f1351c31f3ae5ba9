// Programs that an agent starts: judged, recorded, and let go or ended.
#include "daemon/command_desk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "daemon/gatekeeper_support.h"

namespace writ::daemon {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr const char* kPrograms = R"(version: 1
tools:
  - {name: git, program: /usr/bin/git, scopes: [], effect: write}
  - {name: note, program: /usr/bin/note, scopes: [], effect: write}
rules:
  - {id: programs, effect: allow, tools: [git, note]}
  - {id: no-force, effect: deny, tools: [git], args: {argv: {any: {in: [-f]}}}}
)";

class FakeCommands : public Commands {
 public:
  bool go_on(const kernel::CommandId& command) override { return tell("go on", command.pid); }
  bool end(const kernel::CommandId& command) override { return tell("end", command.pid); }
  bool end_running(std::uint32_t pid, const std::string& executable) override {
    return tell("end running " + executable, pid);
  }
  Status pass(const writ_program& program, std::uint64_t /*until_ns*/) override {
    lines.push_back(fmt::format("pass {}", program.inode));
    return {};
  }
  std::vector<std::string> lines;
  bool gone = false;

 private:
  bool tell(const std::string& what, std::uint32_t pid) {
    lines.push_back(fmt::format("{} {}", what, pid));
    return !gone;
  }
};

class CommandTest : public GatekeeperTest {
 protected:
  void open(const std::string& policy = kPrograms, identity::Mode mode = identity::Mode::kEnforce,
            const budget::WritLimits& limits = {}) {
    start({.policy = policy, .mode = mode, .limits = limits});
    desk_ = std::make_unique<CommandDesk>(CommandDesk::Parts{
        .judge = gatekeeper_->judge(),
        .pdp = pdp_.get(),
        .sessions = sessions_,
        .limits = limits_,
        .rules = rules(),
        .key = audit_->key(),
        .commands = commands_,
        .read =
            [this](const ProgramReader::Program& program, const ProgramReader::Then& then) {
              read_.push_back(program.link);
              if (slow_) {
                waiting_.push_back(then);
              } else {
                then({.inode = 5, .digest = "sha256:00", .on_host = on_host_});
              }
            },
        .proc = dir_.path()});
  }
  // A process `pid` that runs `link`, as /proc shows it.
  void run(std::uint32_t pid, const std::string& link) {
    const std::string folder = fmt::format("{}/{}", dir_.path(), pid);
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    std::filesystem::create_symlink(link, folder + "/exe");
    std::filesystem::create_symlink("/home/agent", folder + "/cwd");
  }
  void start_program(std::uint32_t pid, std::vector<std::string> argv,
                     std::uint32_t flags = WRIT_COMMAND_HELD, std::uint64_t inode = 5) {
    writ_event_command event = {};
    event.head = {.type = WRIT_EVENT_COMMAND, .session = kCgroup, .time_ns = 7, .pid = pid};
    event.program.inode = inode;
    event.program.session = kCgroup;
    event.flags = flags;
    event.parent = 1;
    std::string arguments;
    for (const std::string& word : argv) arguments += word + '\0';
    desk_->on_command(event, arguments);
  }
  std::vector<std::string> take() { return std::exchange(commands_.lines, {}); }

  FakeCommands commands_;
  std::vector<std::string> read_;
  bool slow_ = false;
  std::vector<ProgramReader::Then> waiting_;
  bool on_host_ = true;
  std::unique_ptr<CommandDesk> desk_;
};

TEST_F(CommandTest, AnAllowedOneGoesOnAndADeniedOneIsEnded) {
  open();
  run(1, "/usr/bin/bash");
  run(8, "/usr/bin/git");
  start_program(8, {"git", "push"});
  EXPECT_THAT(take(), ElementsAre("go on 8"));
  start_program(8, {"git", "push", "-f"});
  EXPECT_THAT(take(), ElementsAre("end 8"));
  run(9, "/usr/bin/other");
  start_program(9, {"other"});
  EXPECT_THAT(take(), ElementsAre("end 9"));
  EXPECT_THAT(story(), ElementsAre("allowed", "completed", "rule_denied", "refused", "tool_unknown",
                                   "refused"));
  const v1::Decision allowed = decisions().at(0);
  EXPECT_EQ(allowed.request().protocol(), "exec");
  EXPECT_EQ(allowed.request().method(), "EXEC");
  EXPECT_EQ(allowed.request().path(), "/usr/bin/git");
  EXPECT_THAT(allowed.command().argv(), ElementsAre("git", "push"));
  EXPECT_TRUE(allowed.command().whole());
  EXPECT_EQ(allowed.command().cwd(), "/home/agent");
  EXPECT_EQ(allowed.command().digest(), "sha256:00");
  EXPECT_EQ(allowed.command().parent().exe(), "/usr/bin/bash");
  EXPECT_EQ(allowed.process().pid(), 8u);
  EXPECT_EQ(committed(), 1u);
  EXPECT_THAT(read_, SizeIs(2));  // a file that is known is not read again
}

TEST_F(CommandTest, OnlyWhatHangsOnNothingPasses) {
  open();
  run(8, "/usr/bin/note");
  start_program(8, {"note"});
  EXPECT_THAT(take(), ElementsAre("go on 8", "pass 5"));
  run(8, "/usr/bin/git");
  start_program(8, {"git"}, WRIT_COMMAND_HELD, 6);
  EXPECT_THAT(take(), ElementsAre("go on 8"));
  // Its record is written all the same.
  start_program(8, {"note", "x"}, WRIT_COMMAND_PASSED);
  EXPECT_THAT(take(), IsEmpty());
  EXPECT_EQ(decisions().back().command().argv(1), "x");
  EXPECT_EQ(decisions().back().request().path(), "/usr/bin/note");
}

TEST_F(CommandTest, WhatIsCountedDoesNotPass) {
  open(kPrograms, identity::Mode::kEnforce, {.max_tool_calls = 2});
  run(8, "/usr/bin/note");
  for (int i = 0; i < 3; ++i) start_program(8, {"note"});
  EXPECT_THAT(take(), ElementsAre("go on 8", "go on 8", "end 8"));
  EXPECT_EQ(decisions().back().code(), "limit_tool_calls");
}

// A file that was changed a moment ago can change again and look the same.
TEST_F(CommandTest, ANewFileDoesNotPass) {
  open();
  run(8, "/usr/bin/note");
  writ_event_command event = {};
  event.head = {.session = kCgroup, .time_ns = 7, .pid = 8};
  event.program.inode = 5;
  event.program.changed = unix_ns();
  event.flags = WRIT_COMMAND_HELD;
  desk_->on_command(event, {});
  EXPECT_THAT(take(), ElementsAre("go on 8"));
}

TEST_F(CommandTest, WhatPassedAndIsDeniedNowIsEndedWhileItRuns) {
  open();
  run(8, "/usr/bin/note");
  start_program(8, {"note"});
  (void)take();
  ASSERT_EQ(book_.revoke(session().handle, "test", std::chrono::system_clock::now()), 1u);
  start_program(8, {"note"}, WRIT_COMMAND_PASSED);
  EXPECT_THAT(take(), ElementsAre("end running /usr/bin/note 8"));
  EXPECT_EQ(outcomes().back().result(), "aborted");
}

TEST_F(CommandTest, AFileThatTheHostDoesNotHaveIsNotTheOneOfThatName) {
  open();
  on_host_ = false;
  run(8, "/usr/bin/git");
  start_program(8, {"git"});
  EXPECT_THAT(take(), ElementsAre("end 8"));
  EXPECT_EQ(decisions().at(0).request().path(), "/?/usr/bin/git");
  EXPECT_EQ(program_path("/tmp/x (deleted)", "x", false), "/?/tmp/x");
  EXPECT_EQ(program_path("", "./x", false), "/?/./x");
}

TEST_F(CommandTest, WhatIsCutOrNoTextIsAgainstIt) {
  open();
  run(8, "/usr/bin/git");
  start_program(8, {"git", "push"}, WRIT_COMMAND_HELD | WRIT_COMMAND_CUT);
  start_program(8, {"git", "\xff"});
  EXPECT_THAT(take(), ElementsAre("end 8", "end 8"));
  EXPECT_EQ(decisions().at(0).rule(), "no-force");
  EXPECT_FALSE(decisions().at(0).request().complete());
  EXPECT_FALSE(decisions().at(0).command().whole());
  EXPECT_EQ(decisions().at(1).command().argv(1), "?");
}

TEST_F(CommandTest, WordsInWhichSomethingWasFoundAreNotOnRecord) {
  open();
  run(8, "/usr/bin/note");
  start_program(8, {"note", std::string("card ") + kCard});
  EXPECT_THAT(decisions().at(0).command().argv(), ElementsAre("note"));
  EXPECT_EQ(decisions().at(0).findings(0).rule(), "pii.card");
  EXPECT_FALSE(decisions().at(0).command().whole());
}

TEST_F(CommandTest, ObservedOnesAreRecordedAndLeftAlone) {
  open(kPrograms, identity::Mode::kObserve);
  run(8, "/usr/bin/other");
  start_program(8, {"other"}, 0);
  EXPECT_THAT(take(), IsEmpty());
  EXPECT_THAT(story(), ElementsAre("tool_unknown", "completed"));
}

TEST_F(CommandTest, ItWaitsForThePersonAndForItsFile) {
  open();
  slow_ = true;
  session().resolving = true;
  run(8, "/usr/bin/git");
  start_program(8, {"git"});
  EXPECT_EQ(desk_->waiting(kCgroup), 1u);
  waiting_.at(0)({.inode = 5, .digest = "sha256:00", .on_host = true});
  EXPECT_THAT(take(), IsEmpty());
  session().resolving = false;
  desk_->resume(session());
  EXPECT_THAT(take(), ElementsAre("go on 8"));
  EXPECT_EQ(desk_->waiting(kCgroup), 0u);
}

TEST_F(CommandTest, TheEndOfASessionOrOfWritdEndsWhatWaits) {
  open();
  slow_ = true;
  run(8, "/usr/bin/git");
  start_program(8, {"git"});
  desk_->end(session());
  EXPECT_THAT(take(), ElementsAre("end 8"));
  start_program(8, {"git"});
  desk_->end_all();
  EXPECT_THAT(take(), ElementsAre("end 8"));
  EXPECT_THAT(story(), ElementsAre("unparseable", "refused", "unparseable", "refused"));
  for (const auto& then : waiting_) then({});  // too late, and nothing comes of it
  EXPECT_THAT(take(), IsEmpty());
}

TEST_F(CommandTest, WithoutASessionItIsEnded) {
  open();
  sessions_.clear();
  start_program(8, {"git"});
  EXPECT_THAT(take(), ElementsAre("end 8"));
}

TEST_F(CommandTest, WhatNobodyGovernsAnyMoreGoesOn) {
  open(kTools);
  run(8, "/usr/bin/git");
  start_program(8, {"git"});
  EXPECT_THAT(take(), ElementsAre("go on 8"));
  EXPECT_THAT(story(), IsEmpty());
}

TEST_F(CommandTest, WithoutARecordItDoesNotRun) {
  open();
  disk_.full = true;
  run(8, "/usr/bin/git");
  start_program(8, {"git"});
  EXPECT_THAT(take(), ElementsAre("end 8"));
}

TEST_F(CommandTest, OneThatIsGoneIsToldSo) {
  open();
  commands_.gone = true;
  run(8, "/usr/bin/git");
  start_program(8, {"git"});
  EXPECT_THAT(story(), ElementsAre("allowed", "incomplete"));
  EXPECT_THAT(outcomes().at(0).detail(), HasSubstr("made to run by somebody else"));
}

}  // namespace
}  // namespace writ::daemon
