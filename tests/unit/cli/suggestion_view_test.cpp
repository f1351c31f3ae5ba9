#include "cli/suggestion_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "cli/output.h"
#include "identity/directory.h"
#include "policy/policy_set.h"

namespace writ::cli {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

v1::Call call(const std::string& method, const std::string& host, const std::string& path,
              const std::string& address = "10.0.0.1", std::uint32_t port = 443,
              const std::string& agent = "assistant") {
  v1::Call made;
  made.mutable_decision()->set_time_unix_ns(1'700'000'000'000'000'000);
  v1::Decision& d = *made.mutable_decision()->mutable_decision();
  d.set_session_id("s-1");
  d.set_tenant("default");
  d.mutable_user()->set_id("sarah");
  d.mutable_agent()->set_id(agent);
  d.mutable_destination()->set_host(host);
  d.mutable_destination()->set_address(address);
  d.mutable_destination()->set_port(port);
  d.mutable_request()->set_protocol("http/1.1");
  d.mutable_request()->set_method(method);
  d.mutable_request()->set_path(path);
  d.set_mode(v1::MODE_OBSERVE);
  d.set_verdict(v1::VERDICT_ALLOW);
  d.set_code("allowed");
  return made;
}

struct Made {
  policy::Suggestion suggestion;
  SuggestionText text;
};

Made made_of(const std::vector<v1::Call>& calls) {
  policy::Observations seen;
  std::map<std::string, ObservedSession> of_agents;
  for (const v1::Call& one : calls) {
    ObservedSession& session = of_agents[one.decision().decision().agent().id()];
    session.id = one.decision().decision().session_id();
    session.add(one.decision());
    seen.add(observed_call(one), rules_that_found(one));
  }
  std::vector<ObservedSession> sessions;
  for (const auto& [agent, session] : of_agents) sessions.push_back(session);
  Made made{.suggestion = policy::suggest(seen, {}).value()};
  auto text = text_of(made.suggestion, sessions);
  EXPECT_TRUE(text) << text.error().message;
  if (text) made.text = *text;
  return made;
}

// Decides calls under a suggestion, as the agents that it suggests.
class Judge {
 public:
  explicit Judge(const SuggestionText& text) {
    Diagnostics found;
    policies_ = policy::PolicySet::load_from_text({{"suggested.yaml", text.policy}}, found);
    directory_ = identity::Directory::load_from_text(
        {"users.yaml", "users: []"}, {"agents.yaml", text.agents}, found,
        [](const std::string&) -> Result<uid_t> { return fail(ErrorCode::kNotFound, "nobody"); });
    EXPECT_THAT(found, IsEmpty()) << to_string(found.front()) << "\n" << text.policy << text.agents;
  }

  std::string code(const v1::Call& call) const {
    if (!policies_ || !directory_) return "no policy";
    const ToolCall request = observed_call(call).request;
    const std::string& agent = call.decision().decision().agent().id();
    identity::Writ writ;
    writ.user.id = "sarah";
    writ.agent.id = agent;
    if (const auto* known = directory_->agent("default", agent)) writ.effective = known->scopes;
    const auto& policy = policies_->of("default");
    const auto tool = policy->match(request);
    return policy->decide({.call = request, .tool = tool ? &*tool : nullptr, .writ = &writ}).code;
  }

 private:
  std::shared_ptr<const policy::PolicySet> policies_;
  std::optional<identity::Directory> directory_;
};

TEST(SuggestionView, AllowsWhatWasSeenAndNothingElse) {
  const auto made = made_of({call("GET", "crm.test", "/contacts/17"),
                             call("GET", "finance.test", "/revenue/last-quarter", "10.0.0.2"),
                             call("GET", "::1", "/health", "::1", 8080)});
  const Judge judge(made.text);
  EXPECT_EQ(judge.code(call("GET", "crm.test", "/contacts/17")), "allowed");
  EXPECT_EQ(judge.code(call("GET", "crm.test", "/contacts/18")), "allowed");
  EXPECT_EQ(judge.code(call("GET", "finance.test", "/revenue/last-quarter", "10.0.0.2")),
            "allowed");
  EXPECT_EQ(judge.code(call("GET", "::1", "/health", "::1", 8080)), "allowed");
  for (const v1::Call& other :
       {call("POST", "crm.test", "/contacts/17"), call("GET", "crm.test", "/contacts"),
        call("GET", "crm.test", "/contacts/17/notes"), call("GET", "other.test", "/contacts/17"),
        call("GET", "crm.test", "/contacts/17", "10.0.0.9"),
        call("GET", "crm.test", "/contacts/17", "10.0.0.1", 80),
        call("GET", "finance.test", "/revenue/this-quarter", "10.0.0.2")})
    EXPECT_EQ(judge.code(other), "tool_unknown") << other.ShortDebugString();
  EXPECT_EQ(judge.code(call("GET", "crm.test", "/contacts/17", "10.0.0.1", 443, "another")),
            "scope_missing");
}

TEST(SuggestionView, TextOfASession) {
  v1::Call named = call("GET", "crm.test", "/contacts/17");
  v1::Decision& d = *named.mutable_decision()->mutable_decision();
  d.mutable_tool()->set_name("crm.read");
  d.mutable_tool()->set_effect(v1::EFFECT_READ);
  (*d.mutable_tool()->mutable_captures())["contact"] = "17";
  d.mutable_scopes()->add_required("crm.contacts.read");
  v1::Call denied = call("GET", "crm.test", "/secret");
  denied.mutable_decision()->mutable_decision()->set_verdict(v1::VERDICT_DENY);
  denied.mutable_decision()->mutable_decision()->set_code("scope_missing");
  v1::Call late = call("PUT", "crm.test", "/late");
  late.mutable_outcome()->mutable_outcome()->set_result("aborted");
  v1::Call opaque = call("", "", "");
  opaque.mutable_decision()->mutable_decision()->mutable_request()->set_protocol("opaque");
  v1::Call flagged = call("POST", "crm.test", "/notes");
  flagged.mutable_decision()->mutable_decision()->set_verdict(v1::VERDICT_FLAG);
  flagged.mutable_decision()->mutable_decision()->add_findings()->set_rule("pii.card");
  const auto made = made_of({named, denied, late, opaque, flagged});
  for (const char* line : {"# INCOMPLETE", "secret\"", "late\""})
    EXPECT_THAT(made.text.policy, Not(HasSubstr(line)));
  for (const char* line :
       {"#   session s-1: 5 calls from 2023-11-14T22:13:20.000Z", "agent assistant for sarah",
        "1 call of GET crm.test/secret at 10.0.0.1 port 443: denied: scope_missing\n",
        "1 call of PUT crm.test/late at 10.0.0.1 port 443: denied after it began\n",
        "1 call of opaque at 10.0.0.1 port 443: opaque\n",
        "  # 1 call of 1 path\n"
        "  - {name: crm.read, host: \"crm.test:443\", method: [GET], path: "
        "\"/contacts/{contact}\", "
        "scopes: [crm.contacts.read], effect: read, addresses: \"10.0.0.1\"}\n",
        "  # 1 call of 1 path; name and scope are made up; LOOK: findings: pii.card\n",
        "  - {id: observed-assistant, effect: allow, agents: [assistant], "
        "tools: [crm.notes.post, crm.read]}\n"})
    EXPECT_THAT(made.text.policy, HasSubstr(line));
  EXPECT_EQ(made.text.agents,
            "agents:\n"
            "  # Its longest session made 5 calls: limits: {max_tool_calls: 5}\n"
            "  - {id: assistant, scopes: [crm.contacts.read, crm.notes.post], mode: enforce}\n");
  const auto document = json_text(document_of(made.suggestion, made.text), false);
  ASSERT_TRUE(document);
  EXPECT_THAT(*document, HasSubstr("\"why\":\"denied: scope_missing\""));
}

// What an agent, or who configured it, can write must neither end a quote nor a comment.
TEST(SuggestionView, HostileTextStaysText) {
  std::vector<v1::Call> calls;
  for (const char* path : {"/a\"b",
                           "/a: b",
                           "/- x",
                           "/#x",
                           "/'",
                           "/&a *b",
                           "/!!str",
                           "/caf\xc3\xa9",
                           "/a,b]}",
                           "/null",
                           "/~",
                           "/\xf0\x9f\x90\xa7",
                           "/a\nrules: []",
                           "/a\r\nb",
                           "/a\xe2\x80\xa8"
                           "b",
                           "/a\xc2\x85"
                           "b",
                           "/\xff",
                           "/{x}",
                           "/*",
                           "/\x1b[2J"})
    calls.push_back(call("GET", calls.size() % 2 == 0 ? "crm.test" : "other.test", path));
  calls.push_back(call("GET", "crm.test\ntenant: x", "/x"));
  calls.push_back(call("GET\n", "crm.test", "/x"));
  calls.push_back(call("GET", "crm.test", "/x", "10.0.0.1\n"));
  for (const char* name : {"null", "true", "1", "0x1", "no"}) {
    v1::Call named = call("GET", "names.test", std::string("/") + name, "10.0.0.1", 443, name);
    named.mutable_decision()->mutable_decision()->mutable_tool()->set_name(name);
    named.mutable_decision()->mutable_decision()->mutable_scopes()->add_required(name);
    calls.push_back(named);
  }
  v1::Call coded = call("GET", "crm.test", "/x");
  coded.mutable_decision()->mutable_decision()->set_verdict(v1::VERDICT_DENY);
  coded.mutable_decision()->mutable_decision()->set_code("x\nrules: [{id: evil}]");
  calls.push_back(coded);
  const auto made = made_of(calls);
  EXPECT_THAT(made.text.policy, Not(HasSubstr("\nrules: [{")));
  const bool plain = std::all_of(made.text.policy.begin(), made.text.policy.end(),
                                 [](char c) { return c == '\n' || (c >= ' ' && c != '\x7f'); });
  EXPECT_TRUE(plain) << made.text.policy;
  const Judge judge(made.text);
  std::size_t allowed = 0;
  for (const v1::Call& one : calls) {
    if (judge.code(one) == "allowed") ++allowed;
  }
  EXPECT_EQ(allowed, 15u);  // ten of the paths, and the five odd names
}

TEST(SuggestionView, NothingToAllowIsAPolicyToo) {
  v1::Call denied = call("GET", "crm.test", "/x");
  denied.mutable_decision()->mutable_decision()->set_verdict(v1::VERDICT_DENY);
  const auto made = made_of({denied});
  EXPECT_EQ(Judge(made.text).code(denied), "tool_unknown");
}

TEST(SuggestionView, EachLineIsCommented) {
  EXPECT_EQ(commented("a\n b\n\nc"), "# a\n#  b\n# \n# c\n");
}

// Random sessions: whatever was allowed is allowed, nothing of another place is, and the order of
// calls does not matter.
TEST(SuggestionView, HoldsForRandomSessions) {
  std::mt19937 random(7);
  const auto pick = [&](const std::vector<std::string>& from) {
    return from[random() % from.size()];
  };
  for (int round = 0; round < 40; ++round) {
    std::vector<v1::Call> calls;
    const std::size_t count = 1 + random() % 60;
    for (std::size_t i = 0; i < count; ++i) {
      std::string path;
      std::map<std::string, std::string> captures;
      for (std::size_t depth = random() % 4; depth > 0; --depth) {
        const std::string segment =
            pick({"contacts", "notes", "me", "17", "18", "deadbeef", "a", "b", "c", "d", "e", "f",
                  "g", "h", "x" + std::to_string(i)});
        path += "/" + segment;
        if (random() % 3 == 0) captures["c" + std::to_string(depth)] = segment;
      }
      v1::Call one = call(pick({"GET", "POST"}), pick({"crm.test", "finance.test", "::1"}),
                          path.empty() ? "/" : path, pick({"10.0.0.1", "10.0.0.2", "::1"}),
                          static_cast<std::uint32_t>(random() % 3 == 0 ? 40000 + i : 443),
                          pick({"assistant", "helper"}));
      v1::Decision& d = *one.mutable_decision()->mutable_decision();
      if (random() % 3 == 0) {
        d.mutable_tool()->set_name(pick({"crm.any", "crm.read"}));
        d.mutable_scopes()->add_required(pick({"crm.any", "crm.other"}));
        for (const auto& [name, value] : captures)
          (*d.mutable_tool()->mutable_captures())[name] = value;
      }
      calls.push_back(std::move(one));
    }
    const auto made = made_of(calls);
    const Judge judge(made.text);
    const auto is_left_out = [&](const v1::Call& one) {
      const policy::ObservedCall wanted = observed_call(one);
      return std::any_of(
          made.suggestion.left_out.begin(), made.suggestion.left_out.end(),
          [&](const policy::LeftOut& out) { return !(out.call < wanted) && !(wanted < out.call); });
    };
    for (const v1::Call& one : calls) {
      const policy::ObservedCall wanted = observed_call(one);
      ASSERT_EQ(judge.code(one), is_left_out(one) ? "tool_unknown" : "allowed")
          << one.ShortDebugString() << "\n"
          << made.text.policy;
      v1::Call other = one;
      v1::Decision& d = *other.mutable_decision()->mutable_decision();
      d.mutable_request()->set_method("DELETE");
      ASSERT_EQ(judge.code(other), "tool_unknown");
      d = one.decision().decision();
      d.mutable_destination()->set_host("evil.test");
      ASSERT_EQ(judge.code(other), "tool_unknown");
      d = one.decision().decision();
      d.mutable_destination()->set_address("10.0.0.3");
      ASSERT_EQ(judge.code(other), "tool_unknown");
      d = one.decision().decision();
      d.mutable_request()->set_path(d.request().path() + "/not/seen/at/all");
      ASSERT_EQ(judge.code(other), "tool_unknown");
    }
    std::shuffle(calls.begin(), calls.end(), random);
    EXPECT_EQ(made_of(calls).text.policy, made.text.policy);
  }
}

}  // namespace
}  // namespace writ::cli
