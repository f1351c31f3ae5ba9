// Tools of MCP servers: how they are named, what passes without one, and what is decided of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policy/arguments.h"
#include "policy/policy.h"

namespace writ::policy {
namespace {

using testing::HasSubstr;
using Kind = McpMessage::Kind;

constexpr const char* kHead = R"(version: 1
tools:
)";
constexpr const char* kTools = R"(version: 1
tools:
  - {name: files.read, host: mcp.test, path: /mcp, mcp: read_file, scopes: [files.read], effect: read}
  - {name: files.any, host: mcp.test, path: /mcp, mcp: "*_file", scopes: [files.write], effect: write}
  - {name: files.rest, host: mcp.test, path: /mcp, mcp: "*", scopes: [files.admin], effect: write}
  - {name: files.doc, host: mcp.test, path: /mcp, mcp_method: resources/read, mcp: "file:///doc/*", scopes: [], effect: read}
  - {name: files.prompts, host: mcp.test, path: /mcp, mcp_method: [prompts/get, completion/complete], scopes: [], effect: read}
  - {name: site, host: mcp.test, method: "*", path: /**, scopes: [], effect: write}
  - {name: many, host: mcp.test, path: "/s/{server}/mcp", mcp: go, scopes: [], effect: write}
)";

std::shared_ptr<const Policy> load(const std::string& text, Diagnostics& out) {
  return Policy::load_from_text({{"policy.yaml", text}}, out);
}

std::string text_of(const Diagnostics& all) {
  std::string text;
  for (const Diagnostic& d : all) text += to_string(d) + "\n";
  return text;
}

ToolCall at(std::string method, std::string path = "/mcp") {
  return {.method = std::move(method), .host = "mcp.test", .path = std::move(path)};
}

ToolCall says(std::string method, std::string name = "", Kind kind = Kind::kRequest,
              std::string path = "/mcp") {
  ToolCall call = at("POST", std::move(path));
  call.mcp =
      McpMessage{.kind = kind, .id = "1", .method = std::move(method), .name = std::move(name)};
  return call;
}

std::string name(const Policy& policy, const ToolCall& call) {
  const auto match = policy.match(call);
  return match ? match->tool->name : "-";
}

TEST(McpTools, AreNamedByWhatTheMessageSays) {
  Diagnostics out;
  const auto policy = load(kTools, out);
  ASSERT_TRUE(policy) << text_of(out);
  struct Case {
    ToolCall call;
    const char* name;
  };
  const Case cases[] = {
      {says("tools/call", "read_file"), "files.read"},
      {says("tools/call", "write_file"), "files.any"},
      {says("tools/call", "Read_file"), "files.any"},
      {says("tools/call", "shell"), "files.rest"},
      {says("tools/call", "resources/read"), "files.rest"},  // a tool may be called anything
      {says("resources/read", "file:///doc/a"), "files.doc"},
      {says("resources/read", "file:///etc/shadow"), "-"},
      {says("prompts/get", "p"), "files.prompts"},
      {says("completion/complete"), "files.prompts"},
      {says("logging/setLevel"), "-"},
      {says("Tools/Call", "read_file"), "-"},
      {says("initialize"), "mcp.start"},
      {says("server/discover"), "mcp.start"},
      {says("ping"), "mcp.ping"},
      {says("tools/list"), "mcp.list"},
      {says("resources/templates/list"), "mcp.list"},
      {says("notifications/initialized", "", Kind::kNotification), "mcp.notify"},
      {says("notifications/initialized"), "-"},  // with an id it is no notification
      {says("", "", Kind::kResponse), "mcp.reply"},
      {at("GET"), "mcp.stream"},
      {at("DELETE"), "mcp.end"},
      {at("POST"), "-"},  // it could not be read; never the tool for the rest of the site
      {at("PUT"), "site"},
      {at("POST", "/mcp/"), "-"},
      {at("POST", "/other"), "site"},
      {at("GET", "/other"), "site"},
      {says("tools/call", "go", Kind::kRequest, "/s/7/mcp"), "many"},
      {says("tools/call", "stop", Kind::kRequest, "/s/7/mcp"), "-"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(name(*policy, c.call), c.name)
        << c.call.method << " " << c.call.path << " "
        << (c.call.mcp ? c.call.mcp->method + " " + c.call.mcp->name : "");
  }
  EXPECT_TRUE(policy->catalog().is_mcp(at("POST")));
  EXPECT_FALSE(policy->catalog().is_mcp(at("GET")));
  EXPECT_FALSE(policy->catalog().is_mcp(at("POST", "/other")));
  const auto match = policy->match(says("ping", "", Kind::kRequest, "/s/7/mcp"));
  ASSERT_TRUE(match);
  EXPECT_EQ(match->captures.at("server"), "7");
}

TEST(McpTools, AToolMayStandForTraffic) {
  Diagnostics out;
  const auto policy = load(std::string(kHead) +
                               "  - {name: x.list, host: mcp.test, path: /mcp, mcp_method: "
                               "tools/list, scopes: [x.list], effect: read}\n",
                           out);
  ASSERT_TRUE(policy) << text_of(out);
  EXPECT_EQ(name(*policy, says("tools/list")), "x.list");
  EXPECT_EQ(name(*policy, says("prompts/list")), "mcp.list");
}

TEST(McpTools, ACatalogWithoutOneKnowsNoMcp) {
  Diagnostics out;
  const auto policy = load(
      std::string(kHead) +
          "  - {name: a, host: mcp.test, method: POST, path: /mcp, scopes: [], effect: read}\n",
      out);
  ASSERT_TRUE(policy) << text_of(out);
  EXPECT_FALSE(policy->catalog().knows_mcp());
  EXPECT_EQ(policy->catalog().tools().size(), 1u);
  EXPECT_EQ(name(*policy, says("ping")), "a");
}

TEST(McpTools, RefusesWhatCannotBeToldApart) {
  const auto verdict = [](const std::string& a, const std::string& b) {
    std::string problems;
    for (const auto& [first, second] : {std::pair(a, b), std::pair(b, a)}) {
      Diagnostics out;
      const auto policy = load(
          std::string(kHead) + "  - {name: a, host: h, path: /mcp, scopes: [], effect: read, " +
              first + "}\n  - {name: b, host: h, path: /mcp, scopes: [], effect: read, " + second +
              "}\n",
          out);
      EXPECT_EQ(policy == nullptr, !text_of(out).empty());
      problems += policy ? "fine " : "clash ";
      if (!policy) {
        EXPECT_THAT(text_of(out), HasSubstr("can match the same call"));
      }
    }
    return problems;
  };
  EXPECT_EQ(verdict("mcp: x", "mcp: x"), "clash clash ");
  EXPECT_EQ(verdict("mcp: [w, x]", "mcp: [x, y]"), "clash clash ");
  EXPECT_EQ(verdict("mcp: 'a*b'", "mcp: '*cb'"), "clash clash ");
  EXPECT_EQ(verdict("mcp: '*'", "mcp_method: tools/call"), "clash clash ");
  EXPECT_EQ(verdict("mcp: 'a*'", "mcp: 'b*'"), "fine fine ");
  EXPECT_EQ(verdict("mcp: x", "mcp: 'x*'"), "fine fine ");
  EXPECT_EQ(verdict("mcp: x", "mcp: x, mcp_method: prompts/get"), "fine fine ");
  EXPECT_EQ(verdict("mcp: x", "method: POST"), "fine fine ");
  EXPECT_EQ(verdict("mcp: x", "mcp: x, addresses: 10.0.0.1"), "fine fine ");
}

TEST(McpTools, MistakesAreTold) {
  const auto told = [](const std::string& tool) {
    Diagnostics out;
    EXPECT_FALSE(load(
        std::string(kHead) + "  - {host: h, path: /mcp, scopes: [], effect: read, " + tool + "}\n",
        out));
    return text_of(out);
  };
  EXPECT_THAT(told("name: a, method: POST, mcp: x"), HasSubstr("does not go with 'mcp'"));
  EXPECT_THAT(told("name: a"), HasSubstr("'method' is missing"));
  EXPECT_THAT(told("name: a, mcp: []"), HasSubstr("'mcp' is empty"));
  EXPECT_THAT(told("name: a, mcp: ''"), HasSubstr("'mcp' is empty"));
  EXPECT_THAT(told("name: a, mcp_method: []"), HasSubstr("'mcp_method' is empty"));
  EXPECT_THAT(told("name: a, mcp_method: notifications/x"), HasSubstr("no method of a request"));
  EXPECT_THAT(told("name: mcp.ping, mcp: x"), HasSubstr("MCP's own traffic"));
}

Decision decide(const std::string& rules, const ToolCall& call, const char* arguments = "{}") {
  Diagnostics out;
  const auto policy = load(kTools + rules, out);
  EXPECT_TRUE(policy) << text_of(out);
  if (!policy) return {};
  identity::Writ writ;
  writ.user.id = "sarah";
  writ.effective = {"files.read"};
  const auto match = policy->match(call);
  const Arguments read = Arguments::read(arguments, "");
  return policy->decide(
      {.call = call, .tool = match ? &*match : nullptr, .writ = &writ, .arguments = &read});
}

TEST(McpTools, TrafficNeedsNoRuleAndOtherMethodsDo) {
  const std::string rules = "rules:\n  - {id: r, effect: allow, tools: [files.read]}\n";
  EXPECT_EQ(decide(rules, says("tools/call", "read_file")).rule, "r");
  EXPECT_EQ(decide(rules, says("tools/call", "shell")).code, "scope_missing");
  for (const char* method : {"initialize", "ping", "tools/list"}) {
    const Decision decision = decide(rules, says(method));
    EXPECT_EQ(decision.verdict, Verdict::kAllow) << method;
    EXPECT_EQ(decision.rule, "");
    EXPECT_THAT(decision.reason, HasSubstr("MCP's own traffic"));
  }
  EXPECT_EQ(decide(rules, says("notifications/cancelled", "", Kind::kNotification)).code,
            "allowed");
  EXPECT_EQ(decide(rules, at("GET")).code, "allowed");
  const Decision unknown = decide(rules, says("logging/setLevel"));
  EXPECT_EQ(unknown.code, "tool_unknown");
  EXPECT_THAT(unknown.reason, HasSubstr("logging/setLevel at POST mcp.test/mcp"));
  EXPECT_EQ(decide(rules, says("resources/read", "file:///doc/a")).code, "no_rule");
}

TEST(McpTools, RulesCanDenyTraffic) {
  const std::string rules =
      "rules:\n  - {id: no-list, effect: deny, tools: [mcp.list]}\n"
      "  - {id: mark, effect: flag, tools: [mcp.ping]}\n";
  EXPECT_EQ(decide(rules, says("tools/list")).rule, "no-list");
  EXPECT_EQ(decide(rules, says("ping")).code, "flagged");
  EXPECT_EQ(decide(rules, says("initialize")).code, "allowed");
}

TEST(McpTools, RulesReadTheArguments) {
  const std::string rules =
      "rules:\n  - {id: home, effect: allow, tools: [files.read], args: {path: {prefix: "
      "/home/}}}\n";
  const ToolCall call = says("tools/call", "read_file");
  EXPECT_EQ(decide(rules, call, R"({"path":"/home/a"})").code, "allowed");
  EXPECT_EQ(decide(rules, call, R"({"path":"/etc/a"})").code, "no_rule");
  EXPECT_EQ(decide(rules, call, "{}").code, "no_rule");
}

}  // namespace
}  // namespace writ::policy
