// Calls as the audit has them, and the policy that the tests of explain and replay ask.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "control.pb.h"
#include "policy/policy_set.h"

namespace writ::cli {

inline constexpr std::uint64_t kRecordedTime =
    1'767'355'445'678'000'000;  // 2026-01-02T12:04:05.678Z

// POST /pay is "pay" (needs pay.out), GET /web/** is "web.get" (untrusted), GET /crm/{id} is
// "crm.get".
inline constexpr const char* kTools = R"(version: 1
tools:
  - {name: pay, host: acme.test, method: POST, path: /pay, scopes: [pay.out], effect: write}
  - {name: web.get, host: acme.test, method: GET, path: /web/**, scopes: [], effect: read, untrusted: true}
  - {name: crm.get, host: acme.test, method: GET, path: "/crm/{id}", scopes: [], effect: read}
)";

inline std::shared_ptr<const policy::PolicySet> policies_of(const std::string& text) {
  Diagnostics found;
  auto policies = policy::PolicySet::load_from_text(
      {{"tools.yaml", kTools}, {"rules.yaml", "version: 1\n" + text}}, found);
  for (const Diagnostic& d : found) ADD_FAILURE() << to_string(d);
  return policies;
}

// A call of sarah's agent, allowed and answered. The outcome is the record behind the decision.
inline v1::Call recorded(std::uint64_t sequence, const std::string& method,
                         const std::string& path) {
  v1::Call call;
  v1::Record& record = *call.mutable_decision();
  record.set_sequence(sequence);
  record.set_time_unix_ns(kRecordedTime + sequence);
  v1::Decision& d = *record.mutable_decision();
  d.set_call_id("c-" + std::to_string(sequence));
  d.set_session_id("s-1");
  d.set_writ_id("w-1");
  d.set_tenant("default");
  d.mutable_user()->set_id("sarah");
  d.mutable_user()->add_roles("sales");
  d.mutable_user()->add_scopes("pay.*");
  d.mutable_user()->set_strength("login");
  d.mutable_agent()->set_id("assistant");
  d.mutable_agent()->add_scopes("pay.out");
  d.add_chain("assistant");
  d.set_tier("interactive");
  d.mutable_scopes()->add_effective("pay.out");
  d.mutable_destination()->set_host("acme.test");
  d.mutable_destination()->set_address("10.1.2.3");
  d.mutable_destination()->set_port(443);
  d.mutable_request()->set_protocol("http/1.1");
  d.mutable_request()->set_method(method);
  d.mutable_request()->set_path(path);
  d.mutable_request()->set_complete(true);
  d.mutable_request()->set_call_digest(method + path);
  d.set_mode(v1::MODE_ENFORCE);
  d.set_verdict(v1::VERDICT_ALLOW);
  d.set_code("allowed");
  d.set_rule("all");
  call.mutable_outcome()->set_sequence(sequence + 1);
  call.mutable_outcome()->mutable_outcome()->set_result("completed");
  return call;
}

inline v1::Decision& decision_of(v1::Call& call) {
  return *call.mutable_decision()->mutable_decision();
}

inline void deny(v1::Call& call, const std::string& rule, const std::string& code) {
  decision_of(call).set_verdict(v1::VERDICT_DENY);
  decision_of(call).set_rule(rule);
  decision_of(call).set_code(code);
  call.mutable_outcome()->mutable_outcome()->set_result("refused");
}

inline void find(v1::Finding& finding, const std::string& rule) {
  finding.set_rule(rule);
  finding.set_category(rule.substr(0, rule.find('.')));
  finding.set_count(1);
}

}  // namespace writ::cli
