// The worked examples of LANGUAGE.md load without a word, and their cases come out; the table of
// conditions and operators names each there is.
#include <filesystem>

#include "policy/cases.h"
#include "policy/conditions.h"
#include "policy/keys.h"
#include "policy/support.h"
#include "util/yaml.h"

namespace writ::policy {
namespace {

std::string document() {
  const auto text =
      read_text_file(std::filesystem::path(WRIT_SOURCE_DIR) / "userspace/policy/LANGUAGE.md");
  return text ? *text : "";
}

std::vector<std::string> examples() {
  std::vector<std::string> all;
  const std::string text = document();
  constexpr std::string_view kBegin = "```yaml\n";
  for (std::size_t at = 0; (at = text.find(kBegin, at)) != std::string::npos;) {
    at += kBegin.size();
    all.push_back(text.substr(at, text.find("```", at) - at));
  }
  return all;
}

// What the comments of the example say.
std::string more_cases() {
  const std::pair<const char*, const char*> kArgs[] = {
      {"{amount: 500, currency: USD}", "allow"},
      {"{amount: 501, currency: EUR}", "{verdict: deny, rule: cap}"},
      {"{amount: '501', currency: EUR}", "{verdict: deny, rule: cap}"},
      {"{currency: EUR}", "{verdict: deny, rule: cap}"},
      {"{amount: 5, currency: CHF}", "{verdict: deny, rule: currencies}"},
      {"{amount: 5, currency: EUR, cc: [a@acme.test]}", "allow"},
      {"{amount: 5, currency: EUR, cc: [a@acme.test, b@other.test]}",
       "{verdict: deny, rule: own-people}"},
      {"{amount: 5, currency: EUR, cc: [a@acme.test, a@acme.test, a@acme.test, a@acme.test]}",
       "{verdict: deny, rule: copies}"},
  };
  std::string text = "version: 1\ncases:\n";
  for (const auto& [args, expected] : kArgs) {
    text += std::string("  - {name: \"") + args + "\", user: sarah, tool: pay, args: " + args +
            ", session: {used: [crm.read]}, at: 2026-01-30T12:00:00Z, expect: " + expected + "}\n";
  }
  const std::string paid = "user: sarah, tool: pay, args: {amount: 5, currency: EUR}";
  text += "  - {name: first, " + paid +
          ", at: 2026-01-30T12:00:00Z, expect: {verdict: deny, rule: look-first}}\n";
  text += "  - {name: night, " + paid +
          ", session: {used: [crm.read]}, at: 2026-01-30T20:00:00Z, expect: {verdict: deny, rule: "
          "night}}\n";
  text += "  - {name: known, " + paid +
          ", identity: token, session: {used: [crm.read]}, at: 2026-01-30T20:00:00Z, expect: "
          "allow}\n";
  return text;
}

TEST(Language, ItsExamplesAreTrue) {
  const auto texts = examples();
  ASSERT_EQ(texts.size(), 2u);
  Diagnostics out;
  const auto policies = PolicySet::load_from_text({{"example", texts[0]}}, out);
  ASSERT_TRUE(policies) << text_of(out);
  EXPECT_EQ(text_of(out), "");
  const auto results =
      run_cases(*policies, {{"cases", texts[1]}, {"more", more_cases()}}, nullptr, out);
  ASSERT_TRUE(results) << text_of(out);
  EXPECT_EQ(results->size(), 13u);
  for (const CaseResult& result : *results)
    EXPECT_TRUE(result.passed) << result.name << ": " << result.expected << ", got " << result.got;
}

TEST(Language, NamesEveryKeyThereIs) {
  const std::string text = document();
  for (const KeyTable& table : {rule_keys(), tool_keys(), settings_keys(), argument_keys()}) {
    for (const KeyInfo& key : table.keys)
      EXPECT_NE(text.find(std::string(key.name)), std::string::npos) << key.name;
  }
  for (const ConditionKind& kind : condition_kinds())
    EXPECT_NE(text.find("`" + std::string(kind.name) + "`"), std::string::npos) << kind.name;
}

}  // namespace
}  // namespace writ::policy
