// Any bytes as the arguments of a call: they are read or refused, and every operator can be asked
// of them. What an allow rule takes for true a deny rule takes for true as well.
#include <cstddef>
#include <cstdint>
#include <string>

#include "policy/arguments.h"
#include "policy/instant.h"
#include "policy/number_text.h"
#include "policy/policy.h"

namespace {

constexpr const char* kTests[] = {
    "{a: {le: 500}}",
    "{a: {eq: [x, 5, true, null]}}",
    "{a: {ne: x}, b: {exists: false}}",
    "{a.b: {prefix: x, suffix: [y, z], glob: 'a*b*c'}}",
    "{'a[0]': {regex: '(a+)+[b-z]*'}}",
    "{a: {gt: 2026-01-31T08:00:00Z}}",
    "{a: {all: {path: b, any: {lt: 5}}, size: {gt: 1}}}",
    "{$: {none: {eq: x}}}",
    "{a: {any: {not: {suffix: '@t'}}}}",
    "{'query:a': {all: {size: {le: 3}}}}",
};

void require(bool holds) {
  if (!holds) __builtin_trap();
}

struct Loaded {
  std::shared_ptr<const writ::policy::Policy> allow;
  std::shared_ptr<const writ::policy::Policy> deny;
};

std::vector<Loaded> load() {
  std::vector<Loaded> all;
  for (const char* test : kTests) {
    const auto one = [&](const std::string& rules) {
      writ::Diagnostics out;
      auto policy =
          writ::policy::Policy::load_from_text({{"fuzz.yaml", "version: 1\nrules: " + rules}}, out);
      require(policy != nullptr);
      return policy;
    };
    const std::string conditions = std::string(", tools: ['?'], args: ") + test;
    all.push_back(
        {one("[{id: r, effect: allow" + conditions + "}]"),
         one("[{id: a, effect: allow, tools: ['?']}, {id: r, effect: deny, reason: '{args.a} "
             "{args.a.b}'" +
             conditions + "}]")});
  }
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace writ;
  static const std::vector<Loaded> kLoaded = load();
  const std::string all(reinterpret_cast<const char*>(data), size);
  const std::size_t cut = all.find('\n');
  const std::string query = all.substr(0, cut);
  const std::string body = cut == std::string::npos ? "" : all.substr(cut + 1);
  (void)policy::parse_instant(query);
  (void)policy::parse_number(query);
  const auto arguments = policy::Arguments::read(body, query);
  require(arguments.body_problem().empty() || arguments.body() == nullptr);

  identity::Writ writ;
  const ToolCall call{.method = "GET", .host = "x.test", .path = "/", .query = query};
  const policy::Input input{.call = call, .writ = &writ, .arguments = &arguments};
  for (const Loaded& one : kLoaded) {
    const bool allows = one.allow->decide(input).code == "allowed";
    const auto denial = one.deny->decide(input);
    require(!allows || denial.code == "rule_denied");
    require(denial.reason.size() < 3000);
    for (const char c : denial.reason) require(c >= ' ' && c <= '~');
    if (!arguments.body_problem().empty() && !arguments.query_problem().empty()) require(!allows);
  }
  return 0;
}
