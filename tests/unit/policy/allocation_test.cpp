// What a decision allocates does not grow with the rules that cannot match: counted, call by call.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <new>

#include "policy/policy.h"

namespace {

struct Allocated {
  std::size_t times = 0;
  std::size_t bytes = 0;
};
Allocated allocated;

}  // namespace

// Of this program; the array forms come here by themselves. Inlined, a compiler that sees new on
// one side and free on the other would warn.
[[gnu::noinline]] void* operator new(std::size_t size) {
  ++allocated.times;
  allocated.bytes += size;
  void* memory = std::malloc(size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace writ::policy {
namespace {

// Rules of the tool "t0" are the same five in each policy; the others are for other tools, and for
// other people, agents, hosts and destinations at the same tool.
Policy with_rules(std::size_t count) {
  constexpr std::array kFive = {RuleEffect::kDeny, RuleEffect::kFlag, RuleEffect::kAllow,
                                RuleEffect::kAllow, RuleEffect::kAllow};
  Document document;
  const std::size_t tools = count / kFive.size();
  for (std::size_t i = 0; i < tools; ++i) {
    const HostPattern host{.key = fmt::format("h{}.test", i)};
    (void)document.catalog.add(
        {.name = fmt::format("t{}", i), .scopes = {"work.read"}},
        {.hosts = {host}, .methods = {"GET"}, .paths = {*parse_path_pattern("/items/{id}")}});
  }
  for (std::size_t i = 0; i < count; ++i) {
    Rule rule{.id = fmt::format("r{:05}", i), .effect = kFive.at(i % kFive.size())};
    rule.tools = {fmt::format("t{}", i / kFive.size())};
    if (rule.effect == RuleEffect::kDeny) rule.findings = {{.kind = "secret.*"}};
    if (rule.effect == RuleEffect::kFlag) rule.findings = {{.kind = "pii"}};
    if (rule.effect == RuleEffect::kAllow) rule.roles = {"sales"};
    document.rules.push_back(rule);
    if (i < kFive.size() || rule.effect != RuleEffect::kAllow) continue;
    rule.id += ".also";
    rule.tools = {"t0"};
    rule.roles.clear();
    const std::string other = fmt::format("other{}", i);
    switch (i % 4) {
      case 0:
        rule.users = {other};
        break;
      case 1:
        rule.agents = {other};
        break;
      case 2:
        rule.hosts = {other + ".test"};
        break;
      default:
        rule.destinations = {{.range = *parse_range(fmt::format("10.{}.{}.1", i / 200, i % 200))}};
    }
    document.rules.push_back(std::move(rule));
  }
  return {std::move(document), "v"};
}

struct Answered {
  Decision decision;
  Allocated allocated;
};

Answered ask(const Policy& policy, std::span<const FindingView> findings,
             const std::string& address) {
  identity::Writ writ;
  writ.user = {.id = "sarah", .roles = {"lead", "sales"}};
  writ.agent = {.id = "assistant"};
  writ.effective = {"work.*"};
  ToolCall call{.method = "GET", .host = "h0.test", .path = "/items/7"};
  call.destination = {.address = address, .port = 443};
  const auto tool = policy.match(call);
  const Input input{
      .call = call, .tool = tool ? &*tool : nullptr, .writ = &writ, .findings = findings};
  const Allocated before = allocated;
  Decision decision = policy.decide(input);
  return {std::move(decision),
          {.times = allocated.times - before.times, .bytes = allocated.bytes - before.bytes}};
}

TEST(Allocation, OfADecisionIsTheSameWithTenAndWithTenThousandRules) {
  const Policy few = with_rules(10);
  const Policy many = with_rules(10'000);
  ASSERT_GT(many.rules().size(), 15'000u);
  constexpr FindingView kSecret{.rule = "secret.aws", .category = "secret"};
  constexpr FindingView kPii{.rule = "pii.email", .category = "pii"};
  struct Case {
    std::vector<FindingView> findings;
    const char* address;
    const char* code;
  };
  // The last one's destination is not known: each rule about one could match, and is looked at.
  for (const auto& [findings, address, code] :
       {Case{{}, "192.168.1.1", "allowed"}, Case{{kPii}, "192.168.1.1", "flagged"},
        Case{{kSecret}, "192.168.1.1", "rule_denied"}, Case{{}, "", "allowed"}}) {
    const Answered small = ask(few, findings, address);
    const Answered large = ask(many, findings, address);
    EXPECT_EQ(small.decision.code, code);
    EXPECT_EQ(large.decision.code, code);
    EXPECT_EQ(large.decision.reason, small.decision.reason);
    EXPECT_GT(small.allocated.times, 0u) << "nothing is counted";
    EXPECT_EQ(large.allocated.times, small.allocated.times) << code;
    EXPECT_EQ(large.allocated.bytes, small.allocated.bytes) << code;
  }
}

}  // namespace
}  // namespace writ::policy
