// A policy in one file, a person, and a way to ask: what the tests of the language share.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "policy/arguments.h"
#include "policy/policy.h"
#include "policy/session_facts.h"
#include "policy/truth.h"

namespace writ::policy {

inline std::string text_of(const Diagnostics& all) {
  std::string text;
  for (const Diagnostic& d : all) text += to_string(d) + "\n";
  return text;
}

// POST /pay/{id} of pay.test is tool "pay" (a write), GET /page/** of web.test is "web.read" (a
// read of untrusted content), GET /contact/{id} of crm.test is "crm.read".
inline constexpr const char* kSupportTools = R"(version: 1
tools:
  - {name: pay, host: pay.test, method: POST, path: "/pay/{id}", scopes: [], effect: write}
  - {name: web.read, host: web.test, method: GET, path: /page/**, scopes: [], effect: read, untrusted: true}
  - {name: crm.read, host: crm.test, method: GET, path: "/contact/{id}", scopes: [], effect: read}
)";

struct Question {
  std::string method = "POST";
  std::string host = "pay.test";
  std::string path = "/pay/7";
  std::string query = {};
  std::optional<std::string> body = {};
  bool arguments = true;  // false: nobody read them
  std::string address = "10.1.2.3";
  std::uint16_t port = 443;
  std::vector<FindingView> findings = {};
  std::string digest = {};
  const SessionFacts* session = nullptr;
  std::vector<BudgetView> budget = {};
  std::optional<std::chrono::system_clock::time_point> now = {};
  bool provisional = false;
  std::uint32_t lenient = 0;
  Input::What what = Input::What::kCall;
};

class Language : public testing::Test {
 protected:
  Language() {
    writ_.tenant = "acme";
    writ_.user = {.id = "sarah", .tenant = "acme", .roles = {"sales"}};
    writ_.agent = {.id = "assistant", .tenant = "acme"};
    writ_.effective = {"crm.read", "pay.*"};
    writ_.strength = identity::IdentityStrength::kLogin;
  }

  void load(const std::string& text) {
    diagnostics_.clear();
    policy_ = Policy::load_from_text(
        {{"tools.yaml", kSupportTools}, {"rules.yaml", "version: 1\n" + text}}, diagnostics_);
    ASSERT_TRUE(policy_) << text << "\n" << text_of(diagnostics_);
  }

  Decision ask(const Question& question = {}) const {
    ToolCall call{.method = question.method,
                  .host = question.host,
                  .path = question.path,
                  .query = question.query};
    call.destination = {.address = question.address, .port = question.port};
    const auto tool = policy_->match(call);
    std::optional<Arguments> arguments;
    if (question.arguments) arguments.emplace(Arguments::read(question.body, question.query));
    const bool named = tool && question.what == Input::What::kCall;
    return policy_->decide({.what = question.what,
                            .call = call,
                            .tool = named ? &*tool : nullptr,
                            .writ = &writ_,
                            .findings = question.findings,
                            .arguments = arguments ? &*arguments : nullptr,
                            .arguments_digest = question.digest,
                            .session = question.session,
                            .budget = question.budget,
                            .now = question.now,
                            .provisional = question.provisional,
                            .lenient = question.lenient});
  }

  // What a rule's conditions come to: an allow rule counts when they hold, a deny rule also when
  // nobody can say.
  Truth truth(const std::string& conditions, const Question& question = {}) {
    load("rules: [{id: r, effect: allow, tools: ['*', '?'], " + conditions + "}]");
    if (testing::Test::HasFatalFailure()) return Truth::kNo;
    const bool allows = ask(question).code == "allowed";
    load("rules: [{id: a, effect: allow, tools: ['*', '?']}, {id: r, effect: deny, " + conditions +
         "}]");
    if (testing::Test::HasFatalFailure()) return Truth::kNo;
    const bool denies = ask(question).code == "rule_denied";
    EXPECT_TRUE(denies || !allows) << conditions;
    return allows ? Truth::kYes : denies ? Truth::kUnknown : Truth::kNo;
  }

  std::shared_ptr<const Policy> policy_;
  Diagnostics diagnostics_;
  identity::Writ writ_;
};

inline void PrintTo(Truth truth, std::ostream* out) {
  *out << (truth == Truth::kYes ? "yes" : truth == Truth::kNo ? "no" : "unknown");
}

}  // namespace writ::policy
