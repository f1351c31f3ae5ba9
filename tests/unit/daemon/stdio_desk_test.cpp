// Messages to MCP servers over stdio: judged, recorded, and let through or taken out.
#include "daemon/stdio_desk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <filesystem>
#include <fstream>

#include "daemon/gatekeeper_support.h"
#include "daemon/refusal.h"
#include "daemon/stdio_call.h"

namespace writ::daemon {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr std::uint32_t kServer = 8;
constexpr std::uint32_t kAgent = 7;
constexpr std::uint64_t kBuffer = 0x1000;

constexpr const char* kServers = R"(version: 1
tools:
  - {name: notes.add, server: "/usr/bin/notes *", mcp: note, scopes: [], effect: write}
rules:
  - {id: notes, effect: allow, tools: [notes.add]}
  - {id: no-secrets, effect: deny, tools: [notes.add], args: {text: {glob: "*secret*"}}}
)";

std::string note(const std::string& id, const std::string& text) {
  return R"({"jsonrpc":"2.0","id":)" + id +
         R"(,"method":"tools/call","params":{"name":"note","arguments":{"text":")" + text +
         R"("}}})";
}

// Its memory from kBuffer on, and what it was made to do.
class FakeServers : public Servers {
 public:
  void pass_over(std::uint32_t pid) override { lines.push_back(fmt::format("pass over {}", pid)); }
  Status overwrite(std::uint32_t /*pid*/, std::uint64_t address, std::string_view bytes) override {
    if (gone) return fail(ErrorCode::kNotFound, "gone");
    memory.replace(address - kBuffer, bytes.size(), bytes);
    return {};
  }
  Status say(std::uint32_t /*pid*/, std::string_view line) override {
    if (busy) return fail(ErrorCode::kUnavailable, "busy");
    said.emplace_back(line);
    return {};
  }
  bool go_on(const kernel::ServerId& server) override { return tell("go on", server); }
  bool end(const kernel::ServerId& server) override { return tell("end", server); }

  std::string memory;
  std::vector<std::string> lines;
  std::vector<std::string> said;
  bool gone = false;
  bool busy = false;

 private:
  bool tell(const char* what, const kernel::ServerId& server) {
    lines.push_back(fmt::format("{} {}", what, server.pid));
    return !gone;
  }
};

class StdioTest : public GatekeeperTest {
 protected:
  void open(const std::string& policy = kServers, identity::Mode mode = identity::Mode::kEnforce) {
    start({.policy = policy, .mode = mode});
    held_ = mode == identity::Mode::kEnforce ? WRIT_STDIO_HELD : 0;
    desk_ = std::make_unique<StdioDesk>(
        StdioDesk::Parts{.judge = gatekeeper_->judge(),
                         .pdp = pdp_.get(),
                         .sessions = sessions_,
                         .rules = rules(),
                         .key = audit_->key(),
                         .servers = servers_,
                         .report = [this](const std::string& text) { reports_.push_back(text); },
                         .executable_of = [](std::uint32_t) { return "/usr/bin/agent"; },
                         .message_max = 4096,
                         .proc = dir_.path()});
    run("/usr/bin/notes", "notes --all");
  }
  // Process kServer runs `link`, as /proc shows it.
  void run(const std::string& link, std::string words) {
    const std::string folder = fmt::format("{}/{}", dir_.path(), kServer);
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    std::filesystem::create_symlink(link, folder + "/exe");
    std::replace(words.begin(), words.end(), ' ', '\0');
    std::ofstream(folder + "/cmdline", std::ios::binary) << words << '\0';
  }
  void tell(std::uint32_t type, std::string_view bytes, std::uint64_t address,
            std::uint32_t flags) {
    writ_event_stdio event = {};
    event.head = {.type = type,
                  .size = static_cast<std::uint32_t>(bytes.size()),
                  .session = writes_,
                  .time_ns = 7,
                  .pid = kServer,
                  .tid = kServer};
    event.address = address;
    event.flags = flags;
    event.writer = writer_;
    desk_->on_stdio(event, bytes);
  }
  // The server reads all of it at once; gives back what it then sees.
  std::string reads(const std::string& bytes, std::size_t piece = 100'000) {
    servers_.memory = bytes;
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      const std::string_view part = std::string_view(bytes).substr(at, piece);
      tell(WRIT_EVENT_STDIO_READ, part, kBuffer + at,
           held_ | (at + part.size() < bytes.size() ? WRIT_STDIO_MORE : 0u));
    }
    return servers_.memory;
  }
  void says(const std::string& bytes) { tell(WRIT_EVENT_STDIO_WRITE, bytes, kBuffer, 0); }
  void ends() { tell(WRIT_EVENT_STDIO_END, {}, 0, 0); }
  std::vector<std::string> take() { return std::exchange(servers_.lines, {}); }

  FakeServers servers_;
  std::unique_ptr<StdioDesk> desk_;
  std::uint32_t held_ = 0;
  std::uint64_t writes_ = kCgroup;  // the session
  std::uint32_t writer_ = kAgent;   // its process; 0: forgotten, or somebody outside
};

TEST_F(StdioTest, AllowedItGoesOnAndItsAnswerIsOnRecord) {
  open();
  const std::string message = note("1", "one") + "\n";
  EXPECT_EQ(reads(message), message);
  EXPECT_THAT(take(), ElementsAre("go on 8"));
  EXPECT_THAT(new_story(), ElementsAre("allowed"));
  says(R"({"jsonrpc":"2.0","id":1,"res)");
  EXPECT_THAT(new_story(), IsEmpty());
  says(R"(ult":{"content":[]}})");
  EXPECT_THAT(new_story(), ElementsAre("completed"));
  const v1::Decision decision = decisions().at(0);
  EXPECT_EQ(decision.request().protocol(), "stdio");
  EXPECT_EQ(decision.request().path(), "/usr/bin/notes --all");
  EXPECT_EQ(decision.tool().server(), "stdio:/usr/bin/notes --all");
  EXPECT_EQ(decision.tool().name(), "notes.add");
  EXPECT_EQ(decision.process().pid(), kAgent);
  EXPECT_THAT(outcomes().at(0).mcp().result(), SizeIs(64));
  EXPECT_EQ(committed(), 1u);
}

TEST_F(StdioTest, DeniedItIsAnotherMessageOfTheSameLength) {
  open();
  const std::string message = note("1", "a secret");
  const std::string seen = reads(message + "\n");
  EXPECT_THAT(seen, AllOf(StartsWith(R"({"jsonrpc":"2.0","method":"denied"})"),
                          SizeIs(message.size() + 1)));
  EXPECT_EQ(seen.find("secret"), std::string::npos);
  EXPECT_EQ(seen.back(), '\n');
  EXPECT_THAT(take(), ElementsAre("go on 8"));
  EXPECT_THAT(servers_.said,
              ElementsAre(AllOf(StartsWith(R"({"jsonrpc":"2.0","id":1,"error":{"code":-32090)"),
                                HasSubstr("no-secrets"))));
  EXPECT_EQ(servers_.said.at(0).back(), '\n');
  EXPECT_THAT(story(), ElementsAre("rule_denied", "refused"));
}

TEST_F(StdioTest, OfSeveralInOneReadTheDeniedOnesAreTakenOut) {
  open();
  const std::string first = note("1", "one");
  const std::string third = note("3", "three");
  const std::string all = first + "\n" + note("2", "secret") + "\n" + third + "\n";
  for (const std::size_t piece : {std::size_t{100'000}, std::size_t{100}, std::size_t{7}}) {
    const std::string seen = reads(all, piece);
    EXPECT_THAT(seen, AllOf(StartsWith(first + "\n{\"jsonrpc\":\"2.0\",\"method\":\"denied\"} "),
                            HasSubstr("\n" + third + "\n"), SizeIs(all.size())));
    EXPECT_EQ(seen.find("secret"), std::string::npos);
    EXPECT_THAT(take(), ElementsAre("go on 8"));
  }
  EXPECT_THAT(servers_.said, SizeIs(3));
}

// What was let go before is no message without its last piece.
TEST_F(StdioTest, OfADeniedMessageInSeveralReadsTheLastIsTakenOut) {
  open();
  const std::string message = note("1", "secret");
  for (std::size_t cut = 1; cut < message.size(); ++cut) {
    EXPECT_EQ(reads(message.substr(0, cut)), message.substr(0, cut)) << cut;
    EXPECT_EQ(reads(message.substr(cut) + "\n"), std::string(message.size() - cut, ' ') + "\n");
    EXPECT_THAT(take(), ElementsAre("go on 8", "go on 8"));
  }
  EXPECT_THAT(servers_.said, SizeIs(message.size() - 1));
}

TEST_F(StdioTest, WhatIsNoMessageIsTakenOutAndOnRecordOnce) {
  open();
  EXPECT_EQ(reads("hello\n"), "     \n");
  EXPECT_EQ(reads("{\"id\":9,\"a\":\n" + note("1", "x") + "\n"),
            std::string(12, ' ') + "\n" + note("1", "x") + "\n");
  EXPECT_EQ(reads("{\"a\":\"" + std::string(5000, 'x')), std::string(5006, ' '));
  EXPECT_EQ(reads(std::string(100, 'x')), std::string(100, ' '));
  EXPECT_THAT(story(), ElementsAre("unparseable", "refused", "unparseable", "allowed", "refused",
                                   "unparseable", "refused"));
  EXPECT_THAT(servers_.said.at(1), HasSubstr(R"("id":9,"error")"));
  EXPECT_THAT(servers_.said.at(0), HasSubstr(R"("id":null,"error")"));
}

TEST_F(StdioTest, WhatTwoReadersReadDifferentlyIsDeniedWithItsId) {
  open();
  const std::string message = note("5", "x");
  (void)reads(message.substr(0, message.size() - 1) + R"(,"method":"ping"})" + "\n");
  EXPECT_THAT(servers_.said, ElementsAre(HasSubstr(R"("id":5,"error")")));
  EXPECT_THAT(story(), ElementsAre("unparseable", "refused"));
}

TEST_F(StdioTest, AnErrorWaitsForItsTurn) {
  open();
  servers_.busy = true;
  (void)reads(note("1", "secret") + "\n");
  EXPECT_THAT(take(), ElementsAre("go on 8"));
  desk_->say_unsaid();
  EXPECT_THAT(servers_.said, IsEmpty());
  servers_.busy = false;
  (void)reads(note("2", "secret") + "\n");  // in their order
  EXPECT_THAT(servers_.said, IsEmpty());
  desk_->say_unsaid();
  EXPECT_THAT(servers_.said, ElementsAre(HasSubstr(R"("id":1,)"), HasSubstr(R"("id":2,)")));
}

TEST_F(StdioTest, WhatCannotBeTakenOutIsNotSeen) {
  open();
  servers_.gone = true;
  (void)reads(note("1", "secret") + "\n");
  EXPECT_THAT(take(), ElementsAre("end 8"));
}

TEST_F(StdioTest, WithoutARecordItIsNotSeen) {
  open();
  disk_.full = true;
  EXPECT_EQ(reads(note("1", "one") + "\n").find("one"), std::string::npos);
}

TEST_F(StdioTest, WhoIsNoServerIsPassedOver) {
  open();
  run("/usr/bin/sort", "sort -n");
  EXPECT_EQ(reads("17\n4\n"), "17\n4\n");
  EXPECT_THAT(take(), ElementsAre("pass over 8", "go on 8"));
  EXPECT_EQ(reads("{\"a\":1}\n"), "{\"a\":1}\n");
  EXPECT_THAT(take(), ElementsAre("pass over 8", "go on 8"));
  EXPECT_THAT(story(), IsEmpty());
  (void)reads(note("1", "one") + "\n");
  EXPECT_THAT(story(), ElementsAre("tool_unknown", "refused"));
}

TEST_F(StdioTest, ObservedItIsRecordedAndLeftAlone) {
  open(kServers, identity::Mode::kObserve);
  const std::string message = note("1", "secret") + "\n";
  EXPECT_EQ(reads(message), message);
  says(R"({"jsonrpc":"2.0","id":1,"result":{}})");
  EXPECT_THAT(take(), IsEmpty());
  EXPECT_THAT(story(), ElementsAre("rule_denied", "completed"));
}

TEST_F(StdioTest, ItWaitsForThePerson) {
  open();
  session().resolving = true;
  (void)reads(note("1", "one") + "\n");
  EXPECT_THAT(take(), IsEmpty());
  EXPECT_EQ(desk_->waiting(kCgroup), 1u);
  session().resolving = false;
  desk_->resume(session());
  EXPECT_THAT(take(), ElementsAre("go on 8"));
  EXPECT_EQ(desk_->waiting(kCgroup), 0u);
}

TEST_F(StdioTest, TheEndOfTheServerTheSessionOrWritd) {
  open();
  (void)reads(note("1", "one") + "\n");
  ends();
  EXPECT_THAT(new_story(), ElementsAre("allowed", "incomplete"));
  session().resolving = true;
  (void)take();
  (void)reads(note("2", "two") + "\n");
  ends();
  EXPECT_THAT(new_story(), ElementsAre("unparseable", "incomplete"));
  EXPECT_THAT(take(), IsEmpty());
  (void)reads(note("3", "three") + "\n");
  EXPECT_THAT(servers_.memory, HasSubstr("three"));
  desk_->end_all();
  EXPECT_THAT(take(), ElementsAre("go on 8"));
  EXPECT_EQ(servers_.memory.find("three"), std::string::npos);
  EXPECT_THAT(new_story(), ElementsAre("unparseable", "refused"));
}

TEST_F(StdioTest, WithoutASessionTheServerIsEnded) {
  open();
  sessions_.clear();
  (void)reads(note("1", "one") + "\n");
  EXPECT_THAT(take(), ElementsAre("end 8"));
}

TEST_F(StdioTest, AnIdThatIsUsedAgain) {
  open();
  (void)reads(note("1", "one") + "\n" + note("1", "two") + "\n");
  EXPECT_THAT(story(), ElementsAre("allowed", "allowed", "incomplete"));
  says(R"({"jsonrpc":"2.0","id":1,"result":{}})");
  says(R"({"jsonrpc":"2.0","id":1,"result":{}})");
  EXPECT_THAT(story(), SizeIs(4));
}

// Batches, of MCP 2025-03-26.
class StdioBatchTest : public StdioTest {
 protected:
  void open_and_agree(identity::Mode mode = identity::Mode::kEnforce) {
    open(kServers, mode);
    agree("2025-03-26");
  }
  // The server says that it speaks that version.
  void agree(const std::string& version) {
    (void)new_story();
    (void)reads("{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":{}}\n");
    says(R"({"jsonrpc":"2.0","id":0,"result":{"protocolVersion":")" + version + "\"}}\n");
    EXPECT_THAT(new_story(), ElementsAre("allowed", "completed"));
    (void)take();
  }
  static std::string list(const std::string& first, const std::string& second) {
    return "[" + first + ", " + second + "]\n";
  }
  static std::string done(const std::string& id) {
    return R"({"jsonrpc":"2.0","id":)" + id + R"(,"result":{"content":[]}})";
  }
};

TEST_F(StdioBatchTest, EachMessageHasItsOwnRecordsAndAnswer) {
  open_and_agree();
  const std::string batch = list(note("1", "one"), note("2", "two"));
  EXPECT_EQ(reads(batch), batch);
  EXPECT_THAT(take(), ElementsAre("go on 8"));
  EXPECT_THAT(new_story(), ElementsAre("allowed", "allowed"));
  says(done("2") + "\n");
  EXPECT_THAT(new_story(), ElementsAre("completed"));
  EXPECT_EQ(outcomes().back().call_id(), decisions().back().call_id());
  says(list(R"({"jsonrpc":"2.0","method":"notifications/x"})", done("1")));
  EXPECT_THAT(new_story(), ElementsAre("completed"));
  EXPECT_THAT(outcomes().back().mcp().result(), SizeIs(64));
  EXPECT_EQ(committed(), 2u);
}

TEST_F(StdioBatchTest, OneThatIsDeniedTakesAllOut) {
  open_and_agree();
  const std::string batch = list(note("1", "one"), note("2", "secret"));
  for (const std::size_t piece : {std::size_t{100'000}, std::size_t{7}}) {
    servers_.said.clear();
    const std::string seen = reads(batch + note("3", "three") + "\n", piece);
    EXPECT_THAT(seen, AllOf(StartsWith(R"({"jsonrpc":"2.0","method":"denied"} )"),
                            HasSubstr(" \n" + note("3", "three") + "\n"),
                            SizeIs(batch.size() + note("3", "three").size() + 1)));
    EXPECT_EQ(seen.find("secret"), std::string::npos);
    EXPECT_EQ(seen.find("one"), std::string::npos);
    EXPECT_THAT(take(), ElementsAre("go on 8"));
    EXPECT_THAT(servers_.said,
                ElementsAre(AllOf(StartsWith(R"({"jsonrpc":"2.0","id":1,"error")"),
                                  HasSubstr("message 2 of 2 of its batch (tools/call note)"),
                                  HasSubstr("batch_denied")),
                            AllOf(StartsWith(R"({"jsonrpc":"2.0","id":2,"error")"),
                                  HasSubstr("no-secrets"), HasSubstr("rule_denied"))));
    EXPECT_THAT(new_story(),
                ElementsAre("batch_denied", "rule_denied", "allowed", "refused", "refused"));
    EXPECT_EQ(outcomes().at(1).detail(), "its batch was denied with call " +
                                             decisions().at(2).call_id() +
                                             "; the server has not seen it");
    says(done("3") + "\n");
    EXPECT_THAT(new_story(), ElementsAre("completed"));
  }
}

TEST_F(StdioBatchTest, ErrorsAreShortAndOneALine) {
  open_and_agree();
  std::string batch = "[" + note("0", "secret");
  while (batch.size() < 3900)
    batch += "," + note(std::to_string(servers_.memory.size() + batch.size()), "x");
  (void)reads(batch + "]\n");
  EXPECT_GT(servers_.said.size(), 30u);
  for (const std::string& line : servers_.said) {
    EXPECT_LE(line.size(), kMaxStdioRefusal);
    EXPECT_EQ(line.find('\n'), line.size() - 1);
  }
}

TEST_F(StdioBatchTest, WhereTheVersionHasNoneItIsDenied) {
  const std::string batch = list(note("1", "one"), note("2", "two"));
  open();
  EXPECT_EQ(reads(batch).find("one"), std::string::npos) << "it is not known yet";
  for (const char* version : {"2024-11-05", "2025-06-18", "2025-11-25", ""}) {
    agree(version);
    EXPECT_EQ(reads(batch).find("one"), std::string::npos) << version;
    EXPECT_THAT(new_story(), ElementsAre("unparseable", "refused"));
    EXPECT_THAT(servers_.said.back(), HasSubstr("only 2025-03-26 has"));
  }
}

TEST_F(StdioBatchTest, TheServerEndsBeforeItAnswers) {
  open_and_agree();
  (void)reads(list(note("1", "one"), note("2", "two")));
  ends();
  EXPECT_THAT(new_story(), ElementsAre("allowed", "allowed", "incomplete", "incomplete"));
}

TEST_F(StdioBatchTest, ObservedItIsLeftAlone) {
  open_and_agree(identity::Mode::kObserve);
  const std::string batch = list(note("1", "one"), note("2", "secret"));
  EXPECT_EQ(reads(batch), batch);
  says(list(done("1"), done("2")));
  EXPECT_THAT(new_story(), ElementsAre("batch_denied", "rule_denied", "completed", "completed"));
}

class AskedStdioBatchTest : public StdioBatchTest,
                            public testing::WithParamInterface<pdp::Verdict> {};

TEST_P(AskedStdioBatchTest, TheDecisionPointIsAskedAboutEach) {
  pdp_ = *pdp::PdpClient::open({.unix_socket = dir_.path() + "/nobody",
                                .url = "http://localhost/x",
                                .on_error = GetParam()});
  open();
  session().consults = false;
  agree("2025-03-26");
  session().consults = true;
  const std::string batch = list(note("1", "one"), note("2", "two"));
  EXPECT_EQ(reads(batch), batch);
  EXPECT_THAT(take(), IsEmpty()) << "it waits";
  while (decisions().size() < 3) {
    pollfd ready{.fd = pdp_->fd(), .events = POLLIN, .revents = 0};
    ASSERT_EQ(::poll(&ready, 1, 5000), 1);
    pdp_->on_ready();
  }
  EXPECT_THAT(take(), ElementsAre("go on 8"));
  const auto made = decisions();
  if (GetParam() == pdp::Verdict::kDeny) {
    EXPECT_EQ(servers_.memory.find("one"), std::string::npos);
    EXPECT_EQ(made.at(1).code(), "pdp_unreachable");
    EXPECT_EQ(made.at(2).code(), "batch_denied");
  } else {
    EXPECT_EQ(servers_.memory, batch);
    EXPECT_THAT(made.at(1).reason(), HasSubstr("pdp_unreachable"));
    EXPECT_THAT(made.at(2).reason(), HasSubstr("pdp_unreachable"));
  }
}
INSTANTIATE_TEST_SUITE_P(OnError, AskedStdioBatchTest,
                         testing::Values(pdp::Verdict::kDeny, pdp::Verdict::kAllow));

TEST_F(StdioTest, EachReadIsJudgedForTheSessionThatHasWritten) {
  open();
  auto child = std::make_unique<Session>();
  child->id = "child";
  child->mode = session().mode;
  child->writ = session().writ;
  child->handle = session().handle;
  child->use(session().policy);
  sessions_[kCgroup + 1] = std::move(child);
  for (const std::uint64_t session : {kCgroup, kCgroup + 1, kCgroup}) {
    writes_ = session;
    reads(note("1", "one") + "\n");
  }
  std::vector<std::string> judged;
  for (const v1::Decision& decision : decisions()) judged.push_back(decision.session_id());
  EXPECT_THAT(judged, ElementsAre(kSession, "child", kSession));
}

TEST_F(StdioTest, WhoWroteIsForgottenAndTheServerIsNamed) {
  open();
  writer_ = 0;
  EXPECT_EQ(reads(note("1", "a secret") + "\n").find("secret"), std::string::npos);
  EXPECT_THAT(new_story(), ElementsAre("rule_denied", "refused"));
}

TEST_F(StdioTest, WhoWroteIsForgottenAndNobodyNamesTheServer) {
  open();
  run("/usr/bin/agent", "agent --acp");
  writer_ = 0;
  const std::string message = note("1", "a secret") + "\n";
  EXPECT_EQ(reads(message, 10), message);
  EXPECT_THAT(take(), ElementsAre("go on 8"));
  EXPECT_THAT(new_story(), IsEmpty());
}

TEST(ServerLine, NamesTheScriptWholly) {
  const TempDir dir;
  const std::string folder = dir.path() + "/8";
  std::filesystem::create_directories(folder);
  std::filesystem::create_directories(dir.path() + "/home/dist");
  std::ofstream(dir.path() + "/home/dist/index.js") << "x";
  std::filesystem::create_symlink("/usr/bin/node", folder + "/exe");
  std::filesystem::create_symlink(dir.path() + "/home", folder + "/cwd");
  const auto line = [&](std::string words) {
    std::replace(words.begin(), words.end(), ' ', '\0');
    std::ofstream(folder + "/cmdline", std::ios::binary) << words << '\0';
    return server_line(dir.path(), 8);
  };
  EXPECT_EQ(line("node dist/index.js a"), "/usr/bin/node " + dir.path() + "/home/dist/index.js a");
  EXPECT_EQ(line("node ../home/dist/index.js"),
            "/usr/bin/node " + dir.path() + "/home/dist/index.js");
  EXPECT_EQ(line("node --x dist/index.js"), "/usr/bin/node --x dist/index.js");
  EXPECT_EQ(line("node"), "/usr/bin/node");
  EXPECT_EQ(server_line(dir.path(), 9), "");
}

}  // namespace
}  // namespace writ::daemon
