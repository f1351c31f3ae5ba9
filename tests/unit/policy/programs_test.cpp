// Commands in a policy: which tool a program is, and what the rules look at.
#include "support.h"

namespace writ::policy {
namespace {

using testing::HasSubstr;

constexpr const char* kTools = R"(version: 1
tools:
  - {name: any.http, host: "*", method: "*", path: /**, scopes: [], effect: write}
  - {name: git, program: [/usr/bin/git, /usr/lib/git-core/*], scopes: [], effect: write}
  - {name: git.push, program: /usr/lib/git-core/git-push, scopes: [], effect: write}
  - {name: bin, program: /usr/bin/*, scopes: [], effect: read}
  - {name: admin, program: /usr/bin/passwd, scopes: [host.admin], effect: write}
)";

class Programs : public testing::Test {
 protected:
  Programs() {
    writ_.tenant = "acme";
    writ_.user = {.id = "sarah", .tenant = "acme"};
    writ_.agent = {.id = "coder", .tenant = "acme"};
    writ_.strength = identity::IdentityStrength::kLogin;
  }
  void load(const std::string& rules) {
    Diagnostics out;
    policy_ = Policy::load_from_text({{"tools", kTools}, {"rules", "version: 1\n" + rules}}, out);
    ASSERT_TRUE(policy_) << text_of(out);
  }
  static ToolCall command(std::string path) {
    return {.protocol = kCommandProtocol,
            .method = kCommandMethod,
            .host = {},
            .path = std::move(path)};
  }
  std::string tool(const ToolCall& call) const {
    const auto match = policy_->match(call);
    return match ? match->tool->name : "-";
  }
  Decision decide(const std::string& path, const std::string& arguments = R"({"argv":["x"]})") {
    const ToolCall call = command(path);
    const auto match = policy_->match(call);
    const Arguments read = Arguments::read(arguments, "");
    return policy_->decide(
        {.call = call, .tool = match ? &*match : nullptr, .writ = &writ_, .arguments = &read});
  }
  // Of one tool that is wrong.
  static std::string error_of(const std::string& tool) {
    Diagnostics out;
    EXPECT_FALSE(Policy::load_from_text({{"f", "version: 1\ntools:\n  - " + tool + "\n"}}, out));
    return text_of(out);
  }
  std::shared_ptr<const Policy> policy_;
  identity::Writ writ_;
};

TEST_F(Programs, APathGoesBeforeAGlobAndALongerGlobBeforeAShorter) {
  load("");
  EXPECT_EQ(tool(command("/usr/bin/git")), "git");
  EXPECT_EQ(tool(command("/usr/bin/touch")), "bin");
  EXPECT_EQ(tool(command("/usr/lib/git-core/git-push")), "git.push");
  EXPECT_EQ(tool(command("/usr/lib/git-core/git-log")), "git");
  EXPECT_EQ(tool(command("/tmp/git")), "-");
  EXPECT_EQ(tool(command("/?/usr/bin/git")), "-");
}

TEST_F(Programs, CallsOfTheNetworkAndCommandsAreNeverTakenForEachOther) {
  load("");
  EXPECT_EQ(tool({.method = kCommandMethod, .host = "h.test", .path = "/usr/bin/git"}), "any.http");
  EXPECT_EQ(tool({.protocol = "decide", .method = kCommandMethod, .path = "/usr/bin/git"}),
            "any.http");
  EXPECT_EQ(tool(command("/opt/x")), "-");
}

TEST_F(Programs, WhatNoToolNamesOrNoRuleAllowsIsDenied) {
  load("rules:\n  - {id: all, effect: allow, tools: [\"*\"]}\n");
  EXPECT_EQ(decide("/usr/bin/git").code, "allowed");
  EXPECT_EQ(decide("/opt/x").code, "tool_unknown");
  EXPECT_THAT(decide("/opt/x").reason, HasSubstr("EXEC /opt/x"));
  EXPECT_EQ(decide("/usr/bin/passwd").code, "scope_missing");
  load("");
  EXPECT_EQ(decide("/usr/bin/git").code, "no_rule");
}

TEST_F(Programs, ArgumentsAreLookedAtAndWhatCannotBeReadIsAgainstIt) {
  load(R"(rules:
  - {id: all, effect: allow, tools: [git]}
  - {id: no-force, effect: deny, tools: [git], args: {argv: {any: {in: [--force, -f]}}}}
)");
  EXPECT_EQ(decide("/usr/bin/git", R"({"argv":["git","push"]})").code, "allowed");
  EXPECT_EQ(decide("/usr/bin/git", R"({"argv":["git","push","-f"]})").rule, "no-force");
  EXPECT_EQ(decide("/usr/bin/git", "{\"argv\":[\"git\",\"\xff\"]}").rule, "no-force");
}

// A rule about hosts is not a rule about commands, whatever it does.
TEST_F(Programs, HostsAndDestinationsNeverHold) {
  load(R"(rules:
  - {id: all, effect: allow, tools: ["*"]}
  - {id: no-evil, effect: deny, tools: ["*"], hosts: ["*.evil.test"]}
  - {id: no-lan, effect: deny, tools: ["*"], destinations: [10.0.0.0/8]}
  - {id: no-commands, effect: deny, tools: [bin], protocols: [exec], methods: [EXEC], paths: [/usr/bin/touch]}
)");
  EXPECT_EQ(decide("/usr/bin/git").code, "allowed");
  EXPECT_EQ(decide("/usr/bin/touch").rule, "no-commands");
}

TEST_F(Programs, SettledIsWhatHangsOnNothingThatChanges) {
  load(R"(rules:
  - {id: all, effect: allow, tools: [bin, git], users: [sarah]}
  - {id: no-force, effect: deny, tools: [git], args: {argv: {any: {in: [-f]}}}}
  - {id: by-day, effect: deny, tools: [git.push], during: {from: "20:00", to: "06:00", tz: "+00:00"}}
  - {id: not-tainted, effect: deny, tools: [admin], tainted: true}
)");
  const auto settled = [&](const char* path) {
    const auto match = policy_->match(command(path));
    return policy_->settled(match ? &*match : nullptr);
  };
  EXPECT_TRUE(settled("/usr/bin/touch"));
  EXPECT_FALSE(settled("/usr/bin/git"));
  EXPECT_FALSE(settled("/usr/lib/git-core/git-push"));
  EXPECT_FALSE(settled("/usr/bin/passwd"));
}

TEST_F(Programs, OnlyAPolicyThatNamesProgramsGovernsThem) {
  load("");
  EXPECT_TRUE(policy_->governs_commands());
  Diagnostics out;
  EXPECT_FALSE(Policy::load_from_text({{"f", kSupportTools}}, out)->governs_commands());
}

TEST_F(Programs, MistakesAreTold) {
  EXPECT_THAT(error_of("{name: x, program: git, scopes: [], effect: read}"),
              HasSubstr("'git' is no program: its path begins with '/'"));
  EXPECT_THAT(error_of("{name: x, program: [], scopes: [], effect: read}"), HasSubstr("empty"));
  EXPECT_THAT(error_of("{name: x, program: /bin/x, host: a.test, scopes: [], effect: read}"),
              HasSubstr("'host' does not go with 'program'"));
  EXPECT_THAT(error_of("{name: x, scopes: [], effect: read}"), HasSubstr("'host' is missing"));
  EXPECT_THAT(error_of("{name: x, program: /bin/*, scopes: [], effect: read}\n"
                       "  - {name: y, program: [/bin/y, /bin/*], scopes: [], effect: read}"),
              HasSubstr("can match the same call"));
}

}  // namespace
}  // namespace writ::policy
