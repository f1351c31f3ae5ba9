// Who is behind a matched process: the order of the sources, and that none is replaced by a weaker.
#include "daemon/person_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "daemon/temp_dir.h"

namespace writ::daemon {
namespace {

namespace fs = std::filesystem;
using namespace std::string_literals;  // NOLINT(google-build-using-namespace)
using identity::IdentityStrength;
using identity::PersonSource;
using testing::HasSubstr;
using testing::Not;

constexpr uid_t kSarah = 1001;
constexpr uid_t kNora = 1002;
constexpr uid_t kEve = 1003;  // of another tenant
constexpr uid_t kNobody = 65534;

identity::Directory directory() {
  Diagnostics out;
  auto read = identity::Directory::load_from_text(
      {"users.yaml",
       "users:\n"
       "  - {id: sarah, tenant: acme, unix: [1001]}\n"
       "  - {id: nora, tenant: acme, unix: [1002]}\n"
       "  - {id: bob, tenant: acme}\n"
       "  - {id: sarah, tenant: globex}\n"
       "  - {id: eve, tenant: globex, unix: [1003]}\n"},
      {"agents.yaml", "agents: []\n"}, out,
      [](const std::string&) -> Result<uid_t> { return fail(ErrorCode::kNotFound, "none"); });
  for (const Diagnostic& each : out) ADD_FAILURE() << to_string(each);
  return std::move(read).value_or(identity::Directory());
}

class PersonSourceTest : public testing::Test {
 protected:
  PersonSourceTest() {
    fs::create_directories(root_.path() + "/etc/systemd/system");
    fs::create_directories(root_.path() + "/tokens");
    rule_.tenant = "acme";
    process_.uid = kNobody;
  }

  std::string put(const std::string& path, const std::string& text, mode_t mode) {
    std::ofstream(path, std::ios::binary) << text;
    EXPECT_EQ(chmod(path.c_str(), mode), 0);
    return path;
  }
  std::string token(const std::string& text, mode_t mode = 0600) {
    return put(root_.path() + "/tokens/" + unit_, text, mode);
  }
  std::string unit_file(const std::string& section, mode_t mode = 0644) {
    return put(root_.path() + "/etc/systemd/system/" + unit_, "[X-Writ]\n" + section, mode);
  }

  // As systemd-logind would have put it.
  void login(uid_t uid) {
    process_.login_uid = uid;
    process_.cgroup = "/user.slice/user-" + std::to_string(uid) + ".slice/session-3.scope";
  }

  Result<std::optional<FoundPerson>> find() {
    return find_person({.rule = rule_,
                        .unit = unit_,
                        .process = has_process_ ? &process_ : nullptr,
                        .directory = directory_,
                        .root = root_.path(),
                        .tokens_dir = root_.path() + "/tokens"});
  }

  // "<token or tenant/user> <via> <strength> <task>", "-" for nobody, or the error's message.
  std::string found() {
    const auto person = find();
    if (!person) return person.error().message;
    if (!*person) return "-";
    const FoundPerson& who = **person;
    EXPECT_NE(who.token.empty(), who.user == nullptr) << "a token or a user, and not both";
    return (who.user == nullptr ? who.token : who.user->tenant + "/" + who.user->id) + " " +
           who.via + " " + std::string(to_text(who.strength)) + " " + who.task;
  }

  ErrorCode code() {
    const auto person = find();
    EXPECT_FALSE(person);
    return person ? ErrorCode::kInternal : person.error().code;
  }

  TempDir root_;
  identity::Directory directory_ = directory();
  identity::MatchRule rule_;
  std::string unit_ = "a.service";
  kernel::ProcessFacts process_;
  bool has_process_ = true;
};

// --- One source each ---

TEST_F(PersonSourceTest, NoSourceSaysAnything) { EXPECT_EQ(found(), "-"); }

TEST_F(PersonSourceTest, AToken) {
  token("header.claims.signature \r\n\t\n");
  EXPECT_EQ(found(), "header.claims.signature token-file token ");
}

TEST_F(PersonSourceTest, AUnit) {
  unit_file("User=sarah\nTask=nightly report\n");
  EXPECT_EQ(found(), "acme/sarah unit asserted nightly report");
}

TEST_F(PersonSourceTest, ALogin) {
  login(kNora);
  EXPECT_EQ(found(), "acme/nora login login ");
}

// Whoever has no loginuid may write one: in a service or a container it is the agent's own word.
TEST_F(PersonSourceTest, ALoginThatNobodyVouchesFor) {
  process_.login_uid = kNora;
  for (const char* cgroup :
       {"", "/", "/system.slice/agent.service", "/user.slice/user-1.slice/session-3.scope",
        "/user.slice/user-655340.slice/session-3.scope", "/user.slice/user-65534.slice",
        "/docker/1/user.slice/user-65534.slice/session-3.scope"}) {
    process_.cgroup = cgroup;
    EXPECT_EQ(found(), "-") << cgroup;
  }
}

TEST_F(PersonSourceTest, AnAccountOnlyWhereTheRuleSaysSo) {
  process_.uid = kNora;
  EXPECT_EQ(found(), "-");
  rule_.person = {PersonSource::kAccount};
  EXPECT_EQ(found(), "acme/nora account unix_peer ");
}

TEST_F(PersonSourceTest, TheRulesOwnUserComesLast) {
  rule_.user = "bob";
  EXPECT_EQ(found(), "acme/bob agents.yaml asserted ");
  login(kNora);
  EXPECT_EQ(found(), "acme/nora login login ");
  rule_.person = {};
  EXPECT_EQ(found(), "acme/bob agents.yaml asserted ") << "the login is not asked";
}

// --- The order ---

TEST_F(PersonSourceTest, TheFirstThatSaysAnythingDecides) {
  token("a.token");
  unit_file("User=sarah\n");
  login(kNora);
  process_.uid = kSarah;
  rule_.user = "bob";
  using S = PersonSource;
  const std::pair<std::vector<S>, const char*> orders[] = {
      {{S::kToken, S::kUnit, S::kLogin, S::kAccount}, "a.token token-file token "},
      {{S::kUnit, S::kToken, S::kLogin}, "acme/sarah unit asserted "},
      {{S::kLogin, S::kUnit, S::kToken}, "acme/nora login login "},
      {{S::kAccount, S::kLogin}, "acme/sarah account unix_peer "},
      {{}, "acme/bob agents.yaml asserted "},
  };
  for (const auto& [order, expected] : orders) {
    rule_.person = order;
    EXPECT_EQ(found(), expected);
  }
}

TEST_F(PersonSourceTest, OneThatSaysNothingIsPassedOver) {
  rule_.person = {PersonSource::kToken, PersonSource::kUnit, PersonSource::kLogin};
  login(kNora);
  unit_file("Task=alone\n");
  EXPECT_EQ(found(), "acme/nora login login ") << "a unit without User=; its task is dropped";
  process_.login_uid = std::nullopt;
  EXPECT_EQ(found(), "-") << "a service has no login";
}

TEST_F(PersonSourceTest, WithoutAProcessWhatIsBehindItsAccountWaits) {
  has_process_ = false;
  unit_file("User=sarah\n");
  rule_.user = "bob";
  EXPECT_EQ(found(), "acme/sarah unit asserted ");
  for (const PersonSource source : {PersonSource::kLogin, PersonSource::kAccount}) {
    rule_.person = {source, PersonSource::kUnit};
    EXPECT_EQ(found(), "-") << "the process that comes can have one, and it goes first";
    rule_.person = {PersonSource::kUnit, source};
    EXPECT_EQ(found(), "acme/sarah unit asserted ");
  }
}

TEST_F(PersonSourceTest, WithoutAUnitThereIsNoFileOfIt) {
  // Neither the folder itself nor a file of no name.
  unit_ = "";
  rule_.user = "bob";
  EXPECT_EQ(found(), "acme/bob agents.yaml asserted ");
}

// --- What is no good is not replaced by something weaker ---

class NoFallBackTest : public PersonSourceTest {
 protected:
  NoFallBackTest() {
    rule_.person = {PersonSource::kToken, PersonSource::kUnit, PersonSource::kLogin};
    rule_.user = "bob";
    login(kNora);
  }
};

TEST_F(NoFallBackTest, ATokenFileThatOthersCanReach) {
  unit_file("User=sarah\n");
  for (const mode_t mode : {0644, 0620, 0602, 0610, 0604}) {
    token("secret.token", mode);
    EXPECT_THAT(found(), HasSubstr("others can reach it"));
    EXPECT_THAT(found(), Not(HasSubstr("secret.token")));
    EXPECT_EQ(code(), ErrorCode::kDenied);
  }
  token("secret.token", 0400);
  EXPECT_EQ(found(), "secret.token token-file token ");
}

TEST_F(NoFallBackTest, ATokenFileThatIsNoToken) {
  unit_file("User=sarah\n");
  for (const char* text : {"", "\n", " \r\n\t"}) {
    token(text);
    EXPECT_THAT(found(), HasSubstr("tokens/a.service is empty"));
    EXPECT_EQ(code(), ErrorCode::kInvalid);
  }
  const std::string longest(16u << 10, 'a');
  token(longest + "\r\n");
  EXPECT_EQ(found(), longest + " token-file token ");
  token(longest + "\r\n\n");
  EXPECT_EQ(code(), ErrorCode::kInvalid);
  const std::string file = token("x");
  fs::rename(file, file + ".moved");
  fs::create_symlink(file + ".moved", file);
  EXPECT_EQ(code(), ErrorCode::kInvalid) << "a link";
  fs::remove(file);
  fs::create_directory(file);
  EXPECT_EQ(code(), ErrorCode::kInvalid) << "a folder";
}

TEST_F(NoFallBackTest, AUnitThatNamesNobodyWhomTheTenantHas) {
  for (const char* user : {"nobody", "eve", "SARAH", "sarah bob", "*"}) {
    unit_file("User="s + user + "\n");
    EXPECT_EQ(code(), ErrorCode::kNotFound) << user;
  }
  unit_file("User=eve\n");
  EXPECT_EQ(found(), "unit names user 'eve', whom tenant acme does not have");
  unit_file("User=sarah\x1b[2J\n");
  EXPECT_EQ(found(), "unit names user '?', whom tenant acme does not have");
}

TEST_F(NoFallBackTest, AUnitFileThatIsWrongOrCanBeWrittenByOthers) {
  unit_file("User=sarah\n", 0666);
  EXPECT_EQ(code(), ErrorCode::kDenied);
  unit_file("User=sarah\nRole=admin\n", 0644);
  EXPECT_EQ(code(), ErrorCode::kInvalid);
}

TEST_F(NoFallBackTest, ALoginOfNobodyWhomTheTenantHas) {
  login(kEve);
  EXPECT_EQ(found(), "login: uid 1003 is no user of tenant acme");
  EXPECT_EQ(code(), ErrorCode::kNotFound);
  login(0);
  EXPECT_EQ(found(), "login: uid 0 is no user of tenant acme");
  rule_.person = {PersonSource::kAccount, PersonSource::kLogin};
  login(kNora);
  EXPECT_EQ(found(), "account: uid 65534 is no user of tenant acme");
}

TEST_F(NoFallBackTest, TheRulesOwnUserOfItsOwnTenant) {
  rule_.person = {};
  rule_.user = "eve";  // the directory refuses such a rule; here it would cross over
  EXPECT_EQ(code(), ErrorCode::kNotFound);
  rule_.user = "sarah";
  EXPECT_EQ(found(), "acme/sarah agents.yaml asserted ");
  rule_.tenant = "globex";
  EXPECT_EQ(found(), "globex/sarah agents.yaml asserted ");
}

}  // namespace
}  // namespace writ::daemon
