// Any text as a policy: it loads or is refused with diagnostics, and a policy that loads can be
// asked.
#include <cstddef>
#include <cstdint>
#include <string>

#include "policy/arguments.h"
#include "policy/policy.h"
#include "policy/session_facts.h"

namespace {

void require(bool holds) {
  if (!holds) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace writ;
  // Up to a line of dots: the policy, behind it: the path of a call.
  const std::string all(reinterpret_cast<const char*>(data), size);
  const std::size_t cut = all.find("\n...\n");
  Diagnostics out;
  const auto policy = policy::Policy::load_from_text({{"fuzz.yaml", all.substr(0, cut)}}, out);
  require((policy == nullptr) == has_errors(out));
  for (const Diagnostic& diagnostic : out) (void)to_string(diagnostic);
  if (!policy) return 0;

  identity::Writ writ;
  writ.user.id = "sarah";
  writ.agent.id = "assistant";
  writ.effective = {"crm.*"};
  ToolCall call{.method = "GET", .host = "crm.test", .path = "/contacts/1"};
  call.destination = {.address = "127.0.0.1", .port = 443};
  if (cut != std::string::npos) call.path = all.substr(cut + 5);
  const policy::FindingView finding{.rule = "pii.card", .category = "pii"};
  const auto tool = policy->match(call);
  const auto arguments = policy::Arguments::read(R"({"amount":501,"to":["x@y"]})", "page=1");
  policy::SessionFacts session;
  session.note_call("crm.read", "x");
  session.note_result("crm.read", true, {&finding, 1});
  for (const auto what : {policy::Input::What::kCall, policy::Input::What::kOpaque,
                          policy::Input::What::kInbound, policy::Input::What::kUnparseable}) {
    const policy::Input input{.what = what,
                              .call = call,
                              .tool = tool ? &*tool : nullptr,
                              .writ = &writ,
                              .findings = {&finding, 1},
                              .arguments = &arguments,
                              .arguments_digest = "x",
                              .session = &session,
                              .now = std::chrono::system_clock::time_point()};
    const policy::Decision decision = policy->decide(input);
    require(!decision.code.empty() && !decision.reason.empty());
    if (what == policy::Input::What::kUnparseable)
      require(decision.verdict == policy::Verdict::kDeny);
    // Nothing is let through that lacks a scope.
    if (what == policy::Input::What::kCall && tool &&
        !identity::missing(writ.effective, tool->tool->scopes).empty())
      require(decision.verdict == policy::Verdict::kDeny && decision.code == "scope_missing");
  }
  return 0;
}
