// The calls of policies/opa/vectors.json: Writ asks about them in these very words,
// policies/demo.yaml decides them in the same way, and what comes back from the decision point is
// what is recorded.
#include <gtest/gtest.h>
#include <simdjson.h>

#include <list>
#include <map>

#include "identity/scope.h"
#include "pdp/client.h"
#include "pdp/stand_in.h"
#include "pdp/support.h"
#include "policy/policy.h"

namespace writ::pdp {
namespace {

using namespace test;
using simdjson::dom::element;

const std::string kFolder = std::string(WRIT_SOURCE_DIR) + "/policies/";

std::string text(const element& from, const char* at) {
  return std::string(std::string_view(from.at_pointer(at)));
}

std::vector<std::string> list(const element& from, const char* at) {
  std::vector<std::string> all;
  for (const element one : simdjson::dom::array(from.at_pointer(at))) {
    all.emplace_back(std::string_view(one));
  }
  return all;
}

// A vector, with everything that its input's views look at.
struct Vector {
  std::string document;  // what OPA is to be sent
  std::string user, email, tenant, identity, agent, tier, tool, effect, args, method, host, path;
  std::vector<std::string> roles, user_scopes, agent_scopes, chain, effective;
  std::vector<std::string> finding_texts;
  std::vector<PdpFinding> findings;
  std::vector<policy::FindingView> found;
  std::string decision, reason, rule, answer;

  [[nodiscard]] PdpInput input() const {
    return {.user = {user, email, roles, user_scopes, tenant, identity},
            .agent = {agent, agent_scopes, tier, chain},
            .effective_scopes = effective,
            .tool = {.name = tool, .effect = effect, .args = args},
            .request = {.method = method, .host = host, .path = path, .protocol = "http/1.1"},
            .findings = findings,
            .session = {.id = "s-1"}};
  }
};

void read(const element& from, Vector& out) {
  const element in = from["input"];
  out.document = "{\"input\":" + simdjson::minify(in) + "}";
  out.user = text(in, "/user/id");
  out.email = text(in, "/user/email");
  out.tenant = text(in, "/user/tenant");
  out.identity = text(in, "/user/identity");
  out.roles = list(in, "/user/roles");
  out.user_scopes = list(in, "/user/scopes");
  out.agent = text(in, "/agent/id");
  out.tier = text(in, "/agent/tier");
  out.agent_scopes = list(in, "/agent/scopes");
  out.chain = list(in, "/agent/chain");
  out.effective = list(in, "/scopes/effective");
  out.tool = text(in, "/tool/name");
  out.effect = text(in, "/tool/effect");
  const element args = in.at_pointer("/tool/args");
  if (!args.is_null()) out.args = simdjson::minify(args);
  out.method = text(in, "/request/method");
  out.host = text(in, "/request/host");
  out.path = text(in, "/request/path");
  for (const element one : simdjson::dom::array(in["findings"])) {
    out.finding_texts.push_back(text(one, "/rule"));
    out.finding_texts.push_back(text(one, "/category"));
  }
  for (std::size_t i = 0; i < out.finding_texts.size(); i += 2) {
    out.findings.push_back({out.finding_texts[i], out.finding_texts[i + 1], 1, "body"});
    out.found.push_back({.rule = out.finding_texts[i], .category = out.finding_texts[i + 1]});
  }
  out.decision = text(from, "/result/decision");
  out.reason = text(from, "/result/reason");
  out.rule = text(from, "/result/rule");
  out.answer = "{\"result\":" + simdjson::minify(element(from["result"])) + "}";
}

const std::list<Vector>& vectors() {
  static const std::list<Vector> all = [] {
    std::list<Vector> made;
    simdjson::dom::parser parser;
    const element root = parser.load(kFolder + "opa/vectors.json");
    for (const element one : simdjson::dom::array(root["vectors"])) read(one, made.emplace_back());
    return made;
  }();
  return all;
}

Verdict verdict_of(std::string_view word) {
  return word == "allow" ? Verdict::kAllow : word == "flag" ? Verdict::kFlag : Verdict::kDeny;
}

TEST(Vectors, AreWhatIsSent) {
  EXPECT_GE(vectors().size(), 25u);
  for (const Vector& vector : vectors()) {
    EXPECT_EQ(*write_document(Dialect::kOpa, vector.input()), vector.document);
  }
}

TEST(Vectors, AreDecidedByTheDemoPolicyInTheSameWay) {
  Diagnostics problems;
  const auto demo = policy::Policy::load({kFolder + "demo.yaml"}, problems);
  ASSERT_TRUE(demo);
  for (const Vector& vector : vectors()) {
    EXPECT_EQ(vector.effective, identity::intersect(vector.user_scopes, vector.agent_scopes));
    ToolCall call;
    call.method = vector.method;
    call.host = vector.host;
    call.path = vector.path;
    call.destination = {.address = "127.0.0.1", .port = 80};
    const auto tool = demo->match(call);
    EXPECT_EQ(tool ? tool->tool->name : "", vector.tool);
    identity::Writ writ;
    writ.user.id = vector.user;
    writ.agent.id = vector.agent;
    writ.effective = vector.effective;
    const policy::Decision decision = demo->decide({.call = call,
                                                    .tool = tool ? &*tool : nullptr,
                                                    .writ = vector.user.empty() ? nullptr : &writ,
                                                    .findings = vector.found});
    const bool deny = decision.verdict == policy::Verdict::kDeny;
    const bool flag = decision.verdict == policy::Verdict::kFlag;
    EXPECT_EQ(deny ? "deny" : flag ? "flag" : "allow", vector.decision) << vector.document;
    EXPECT_EQ(decision.rule, vector.rule) << vector.document;
  }
}

TEST(Vectors, ComeBackAsRecorded) {
  std::map<std::string, std::string> recorded;  // document -> answer
  for (const Vector& vector : vectors()) recorded[vector.document] = vector.answer;
  const StandIn server({}, [&](const Asked& asked) {
    const auto found = recorded.find(asked.body);
    return Said::json(found == recorded.end() ? "{}" : found->second);
  });
  Loop loop(server.config());
  std::size_t seen = 0;
  for (const Vector& vector : vectors()) {
    loop.client().ask(1, vector.input(), [&](const PdpAnswer& answer) {
      ++seen;
      EXPECT_TRUE(answer.answered);
      EXPECT_EQ(answer.verdict, verdict_of(vector.decision));
      EXPECT_EQ(answer.reason, vector.reason);
      EXPECT_EQ(answer.rule, vector.rule);
    });
  }
  EXPECT_TRUE(loop.run([&] { return seen == vectors().size(); }));
}

}  // namespace
}  // namespace writ::pdp
