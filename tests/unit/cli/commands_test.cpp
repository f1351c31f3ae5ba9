// Every command but run, as it is typed: text, --json, exit codes, errors.
#include <gmock/gmock.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "cli/binary_support.h"
#include "cli/recorded_support.h"

namespace writ::cli {
namespace {

using ::testing::HasSubstr;

class CommandsTest : public ::testing::Test {
 protected:
  int writ(const std::vector<std::string>& words) {
    std::vector<std::string> all{WRIT_BINARY, "--root", dir_.path()};
    all.insert(all.end(), words.begin(), words.end());
    Started started(all, dir_.path());
    const int code = started.exit_code();
    out_ = started.out();
    err_ = started.err();
    return code;
  }
  std::string policy(const std::string& text) {
    std::string path = dir_.path() + "/policy.yaml";
    std::ofstream(path) << text;
    return path;
  }

  daemon::TempDir dir_;
  std::string out_;
  std::string err_;
};

TEST_F(CommandsTest, WithoutWritdEachSaysWhatToDo) {
  const std::vector<std::vector<std::string>> commands{
      {"status"}, {"doctor"}, {"calls"}, {"trace", "c-1"}, {"audit", "verify"}};
  for (const auto& command : commands) {
    EXPECT_EQ(writ(command), 3) << command[0];
    EXPECT_EQ(out_, "") << command[0];
    EXPECT_THAT(err_, HasSubstr("writd is not running")) << command[0];
    EXPECT_THAT(err_, HasSubstr("start it with")) << command[0];
  }
}

TEST_F(CommandsTest, ErrorsHaveAnExitCodeEach) {
  const std::map<ErrorCode, int> expected{{ErrorCode::kInvalid, 2},
                                          {ErrorCode::kUnavailable, 3},
                                          {ErrorCode::kDenied, 4},
                                          {ErrorCode::kNotFound, 5},
                                          {ErrorCode::kInternal, 1}};
  for (const auto& [code, exit_code] : expected) {
    const FakeWritd writd(dir_.path(), [code = code](const v1::ControlRequest&) {
      return FakeWritd::refuse(code, "because");
    });
    EXPECT_EQ(writ({"trace", "c-1"}), exit_code);
    EXPECT_THAT(err_, HasSubstr("writ: because"));
  }
}

TEST_F(CommandsTest, StatusAsTextAndJson) {
  const FakeWritd writd(dir_.path(), [](const v1::ControlRequest&) {
    v1::ControlResponse response = daemon::done_response();
    response.mutable_status()->set_version("9.9");
    return response;
  });
  EXPECT_EQ(writ({"status"}), 0);
  EXPECT_THAT(out_, HasSubstr("9.9"));
  EXPECT_THAT(out_, HasSubstr("No session is running."));
  EXPECT_EQ(writ({"status", "--json"}), 0);
  v1::StatusResponse read;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(out_, &read).ok()) << out_;
  EXPECT_EQ(read.version(), "9.9");
}

TEST_F(CommandsTest, DoctorFailsWithACheck) {
  bool ok = true;
  const FakeWritd writd(dir_.path(), [&ok](const v1::ControlRequest&) {
    v1::ControlResponse response = daemon::done_response();
    response.mutable_doctor()->add_checks()->set_ok(ok);
    return response;
  });
  EXPECT_EQ(writ({"doctor"}), 0);
  ok = false;
  EXPECT_EQ(writ({"doctor"}), 1);
  EXPECT_EQ(writ({"--json", "doctor"}), 1);
  EXPECT_THAT(out_, HasSubstr("\"ok\": false"));
}

TEST_F(CommandsTest, TraceFailsWhenTheRecordIsNotIntact) {
  FakeWritd writd(dir_.path(), [](const v1::ControlRequest& request) {
    v1::ControlResponse response = daemon::done_response();
    response.mutable_trace()->set_intact(request.trace().call() == "good");
    return response;
  });
  EXPECT_EQ(writ({"trace", "good"}), 0);
  EXPECT_EQ(writ({"trace", "bad"}), 1);
  EXPECT_THAT(out_, HasSubstr("1. Who asked?"));
  EXPECT_THAT(out_, HasSubstr("NO"));
}

TEST_F(CommandsTest, CallsPassesItsFiltersAndPrintsALineEach) {
  FakeWritd writd(dir_.path(), [](const v1::ControlRequest&) {
    v1::ControlResponse response = daemon::done_response();
    response.mutable_call()->mutable_decision()->mutable_decision()->set_call_id("c-77");
    return response;
  });
  EXPECT_EQ(writ({"calls", "-f", "--session", "s-1", "--verdict", "deny", "--since",
                  "2026-01-02T03:04:05Z", "--limit", "5"}),
            0);
  const v1::CallsRequest asked = writd.seen().at(0).calls();
  EXPECT_TRUE(asked.follow());
  EXPECT_EQ(asked.session(), "s-1");
  EXPECT_EQ(asked.verdict(), v1::VERDICT_DENY);
  EXPECT_EQ(asked.since_unix_ns(), 1'767'323'045'000'000'000u);
  EXPECT_EQ(asked.limit(), 5u);
  EXPECT_EQ(std::count(out_.begin(), out_.end(), '\n'), 2);
  EXPECT_THAT(out_, HasSubstr("c-77"));

  EXPECT_EQ(writ({"calls", "--json"}), 0);
  EXPECT_EQ(std::count(out_.begin(), out_.end(), '\n'), 1);
  v1::Call read;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(out_, &read).ok()) << out_;
  EXPECT_EQ(read.decision().decision().call_id(), "c-77");

  EXPECT_EQ(writ({"calls", "--since", "yesterday"}), 2);
  EXPECT_EQ(writ({"calls", "--verdict", "maybe"}), 2);
}

TEST_F(CommandsTest, AuditVerifySaysWhereItBroke) {
  const FakeWritd writd(dir_.path(), [](const v1::ControlRequest&) {
    v1::ControlResponse response = daemon::done_response();
    response.mutable_audit_verify()->set_records(11);
    response.mutable_audit_verify()->set_segments(1);
    response.mutable_audit_verify()->set_problem("record 12 was changed");
    response.mutable_audit_verify()->set_broken_sequence(12);
    response.mutable_audit_verify()->set_file("0001.seg");
    response.mutable_audit_verify()->set_offset(4096);
    return response;
  });
  EXPECT_EQ(writ({"audit", "verify"}), 1);
  EXPECT_EQ(out_,
            "BROKEN: record 12 was changed\n"
            "  file      0001.seg, offset 4096\n"
            "  record    #12 is the first that cannot be trusted\n"
            "  verified  11 records in 1 segment\n");
}

TEST_F(CommandsTest, PolicyCheckListsEveryErrorWithItsPlace) {
  EXPECT_EQ(writ({"policy", "check", policy("version: 1\nrulez: []\non_opaque: maybe\n")}), 1);
  EXPECT_THAT(err_, HasSubstr("policy.yaml:2:1: error: unknown key 'rulez'"));
  EXPECT_THAT(err_, HasSubstr("policy.yaml:3:"));
  EXPECT_THAT(err_, HasSubstr("hint:"));

  EXPECT_EQ(writ({"policy", "check", "--json", dir_.path() + "/policy.yaml"}), 1);
  EXPECT_THAT(out_, HasSubstr("\"ok\": false"));
  EXPECT_THAT(out_, HasSubstr("\"line\": 2"));
  EXPECT_EQ(writ({"policy", "check"}), 2);
  EXPECT_EQ(writ({"policy", "check", dir_.path() + "/missing.yaml"}), 1);
}

TEST_F(CommandsTest, PolicyCheckAcceptsAGoodOne) {
  EXPECT_EQ(
      writ({"policy", "check",
            policy("version: 1\nrules:\n  - id: all\n    effect: allow\n    tools: ['*']\n")}),
      0)
      << err_;
  EXPECT_THAT(out_, HasSubstr("is good: 1 file, 1 rule"));
  EXPECT_EQ(writ({"policy", "check", "--", dir_.path() + "/policy.yaml"}), 0);
}

TEST_F(CommandsTest, PolicyExplainNeedsNoWritd) {
  const std::string file = policy(
      "version: 1\ntools: [{name: pay, host: p.test, method: POST, path: /, scopes: [pay.out], "
      "effect: write}]\nrules: [{id: all, effect: allow, tools: ['*']}]\n");
  std::ofstream(dir_.path() + "/users.yaml")
      << "users: [{id: sarah, scopes: [crm.*]}, {id: cfo, scopes: [pay.*]}]";
  std::ofstream(dir_.path() + "/agents.yaml") << "agents: [{id: a, scopes: ['*']}]";
  const auto explain = [&](const std::string& user, std::vector<std::string> more) {
    std::vector<std::string> words{"policy",  "explain", "--user", user,
                                   "--agent", "a",       "--tool", "pay"};
    words.insert(words.end(), more.begin(), more.end());
    return writ(words);
  };
  const std::vector<std::string> files{"--policy", file,
                                       "--users",  dir_.path() + "/users.yaml",
                                       "--agents", dir_.path() + "/agents.yaml"};
  EXPECT_EQ(explain("cfo", files), 0) << err_;
  EXPECT_THAT(out_, HasSubstr("Allowed by rule all"));
  EXPECT_EQ(explain("sarah", files), 1) << "denied";
  EXPECT_THAT(out_, HasSubstr("scope pay.out is missing"));
  EXPECT_EQ(explain("nobody", files), 5);
  EXPECT_EQ(writ({"policy", "explain"}), 2);
  EXPECT_EQ(writ({"policy", "explain", "c-1", "--user", "cfo"}), 2);
  EXPECT_EQ(explain("cfo", {}), 1) << "there is no policy in the root";
  EXPECT_THAT(err_, HasSubstr("etc/writ/policies"));

  // Without names of files it is the configuration of the host.
  std::filesystem::create_directories(dir_.path() + "/etc/writ/policies");
  std::filesystem::rename(file, dir_.path() + "/etc/writ/policies/p.yaml");
  for (const char* name : {"users.yaml", "agents.yaml"})
    std::filesystem::rename(dir_.path() + "/" + name, dir_.path() + "/etc/writ/" + name);
  EXPECT_EQ(explain("cfo", {"--json"}), 0) << err_;
  EXPECT_THAT(out_, HasSubstr("\"verdict\": \"allow\""));
}

TEST_F(CommandsTest, PolicyReplayAsksForTheWholeRecordAndSaysWhatChanges) {
  FakeWritd writd(dir_.path(), [](const v1::ControlRequest&) {
    v1::ControlResponse response = daemon::done_response();
    *response.mutable_call() = recorded(1, "POST", "/pay");
    return response;
  });
  const std::string file = policy(std::string(kTools) + "rules: []\n");
  EXPECT_EQ(writ({"policy", "replay", "--since", "7d", "--session", "s-1", file}), 0) << err_;
  EXPECT_THAT(out_, HasSubstr("0 calls")) << "it is older than that";
  EXPECT_EQ(writd.seen().at(0).calls().session(), "s-1");
  EXPECT_EQ(writd.seen().at(0).calls().since_unix_ns(), 0u);
  EXPECT_EQ(writ({"policy", "replay", "--since", "2026-01-01T00:00:00Z", file}), 0) << err_;
  EXPECT_THAT(out_, HasSubstr("1 call: 0 unchanged, 1 newly denied"));
  EXPECT_EQ(writ({"policy", "replay", "--fail-on-change", file}), 1);
  EXPECT_EQ(writ({"policy", "replay"}), 2);
  EXPECT_EQ(writ({"policy", "replay", "--since", "yesterday", file}), 2);
}

TEST_F(CommandsTest, PolicyExplainOfACallOnRecord) {
  FakeWritd writd(dir_.path(), [](const v1::ControlRequest& request) {
    v1::ControlResponse response = daemon::done_response();
    if (request.has_trace()) {
      *response.mutable_trace()->mutable_call() = recorded(3, "POST", "/pay");
      response.mutable_trace()->set_intact(true);
    } else {
      *response.mutable_call() = recorded(1, "GET", "/crm/1");
    }
    return response;
  });
  const std::string file = policy(
      std::string(kTools) +
      "rules: [{id: all, effect: allow, tools: ['*']}, {id: twice, effect: deny, calls: {ge: 1}}]");
  EXPECT_EQ(writ({"policy", "explain", "c-3", "--policy", file}), 0) << err_;
  EXPECT_THAT(out_, HasSubstr("Call c-3"));
  EXPECT_THAT(out_, HasSubstr("Denied by rule twice")) << "the call before it counts";
  EXPECT_EQ(writd.seen().at(1).calls().session(), "s-1");
}

TEST_F(CommandsTest, HelpIsFineAndNonsenseIsUsage) {
  EXPECT_EQ(writ({"--help"}), 0);
  for (const char* name : {"run", "status", "doctor", "calls", "trace", "policy", "audit"}) {
    EXPECT_THAT(out_, HasSubstr(name));
  }
  EXPECT_EQ(writ({}), 2);
  EXPECT_EQ(writ({"frobnicate"}), 2);
  EXPECT_EQ(writ({"trace"}), 2);
  EXPECT_EQ(writ({"status", "--", "x"}), 2);
}

}  // namespace
}  // namespace writ::cli
