#include "scan/ruleset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

#include "scan/support.h"

namespace writ::scan {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class RuleFiles : public ::testing::Test {
 protected:
  std::string write(const std::string& name, const std::string& text) {
    // One folder a test: ctest runs them side by side.
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    const std::string path = ::testing::TempDir() + "scan_" + info->name() + "_" + name;
    std::ofstream(path) << text;
    paths_.push_back(path);
    return path;
  }
  void TearDown() override {
    for (const std::string& path : paths_) (void)std::remove(path.c_str());  // best effort
  }

  Result<std::shared_ptr<const Ruleset>> load(const std::string& text) {
    return Ruleset::load({write("rules.yaml", text)}, problems_);
  }
  // "line:column: message (hint: ...)" of every problem.
  std::vector<std::string> said() const {
    std::vector<std::string> all;
    for (const Diagnostic& d : problems_)
      all.push_back(fmt::format("{}:{}: {} [{}]", d.line, d.column, d.message, d.hint));
    return all;
  }

  Diagnostics problems_;
  std::vector<std::string> paths_;
};

constexpr const char* kOne =
    "rules:\n"
    "  - id: secret.one\n"
    "    category: secret\n"
    "    description: d\n"
    "    pattern: 'abcdef'\n";

TEST(ShippedRules, LoadWithoutAWarning) {
  Diagnostics problems;
  const auto rules = Ruleset::load(shipped_files(), problems);
  ASSERT_TRUE(rules) << rules.error().message;
  EXPECT_TRUE(problems.empty()) << to_string(problems.front());
  EXPECT_THAT((*rules)->categories(), ElementsAre("injection", "pii", "secret"));
  EXPECT_GE((*rules)->rules().size(), 34u);
  EXPECT_EQ((*rules)->version().size(), 16u);
}

TEST(ShippedRules, EachFileLoadsAlone) {
  for (const std::string& file : shipped_files()) {
    Diagnostics problems;
    EXPECT_TRUE(Ruleset::load({file}, problems)) << file;
  }
}

TEST(ShippedRules, VersionIsOfTheContentNotOfTheOrder) {
  auto files = shipped_files();
  std::reverse(files.begin(), files.end());
  Diagnostics problems;
  const auto reversed = Ruleset::load(files, problems);
  ASSERT_TRUE(reversed);
  EXPECT_EQ((*reversed)->version(), shipped_rules()->version());
}

TEST_F(RuleFiles, VersionChangesWithAPattern) {
  const auto one = load(kOne);
  ASSERT_TRUE(one);
  std::string text = kOne;
  const auto same = load("# a comment\n" + text);
  text.replace(text.find("abcdef"), 6, "abcdeg");
  const auto other = load(text);
  ASSERT_TRUE(same && other);
  EXPECT_EQ((*one)->version(), (*same)->version());
  EXPECT_NE((*one)->version(), (*other)->version());
}

TEST_F(RuleFiles, EveryProblemIsToldInOneRunWithItsPlace) {
  const auto rules = load(
      "rules:\n"
      "  - id: secret.one\n"
      "    category: secret\n"
      "    description: d\n"
      "    patern: 'abcdef'\n"   // 5: unknown key, and no pattern
      "  - id: secret.two\n"     // 6
      "    category: secrets\n"  // 7: unknown category
      "    description: d\n"
      "    pattern: 'abc(def'\n"  // 9: bad pattern
      "  - id: secret.three\n"
      "    category: pii\n"
      "    description: d\n"
      "    pattern: '[0-9]+x'\n"  // 13: too short
      "  - id: secret.three\n"    // 14: twice
      "    category: pii\n"
      "    description: d\n"
      "    pattern: '[0-9]{9}'\n"  // 17
      "    validate: lunh\n"       // 18: no such validator
      "  - id: Bad Id\n"           // 19
      "    category: pii\n"
      "    description: d\n"
      "    pattern: '(?<=a)bcdefg'\n"  // 22: look-behind
      "    phrase: 'a b'\n"            // both
      "extra: 1\n");                   // 24: unknown key
  ASSERT_FALSE(rules);
  EXPECT_EQ(rules.error().code, ErrorCode::kInvalid);
  const auto all = said();
  const std::string text = ::testing::PrintToString(all);
  EXPECT_THAT(text, HasSubstr("5:5: unknown key 'patern' [did you mean 'pattern'?]"));
  EXPECT_THAT(text, HasSubstr("2:5: a rule has one of 'pattern' and 'phrase'"));
  EXPECT_THAT(text, HasSubstr("7:15: 'category' cannot be 'secrets'"));
  EXPECT_THAT(text, HasSubstr("9:14: rule 'secret.two': bad pattern: Missing close parenthesis"));
  EXPECT_THAT(text, HasSubstr("13:14: rule 'secret.three': the pattern can match fewer than 4"));
  EXPECT_THAT(text, HasSubstr("17:14: rule 'secret.three': the id is used twice"));
  EXPECT_THAT(text, HasSubstr("18:15: there is no validator 'lunh'"));
  EXPECT_THAT(text, HasSubstr("19:9: 'Bad Id' is not a rule id"));
  EXPECT_THAT(text, HasSubstr("24:1: unknown key 'extra'"));
  EXPECT_EQ(all.size(), 10u) << text;
}

TEST_F(RuleFiles, LookBehindAndBackReferencesAreRefused) {
  for (const char* pattern : {"(?<=key)abcdef", "(abcd)\\1", "(?!abcd)efghij", "ab{2,1}cdef"}) {
    problems_.clear();
    std::string text = kOne;
    text.replace(text.find("abcdef"), 6, pattern);
    EXPECT_FALSE(load(text)) << pattern;
    ASSERT_EQ(problems_.size(), 1u) << pattern;
    EXPECT_EQ(problems_[0].line, 5);
    EXPECT_THAT(problems_[0].message, HasSubstr("bad pattern"));
  }
}

TEST_F(RuleFiles, IdsAreUniqueOverFiles) {
  const auto rules = Ruleset::load({write("a.yaml", kOne), write("b.yaml", kOne)}, problems_);
  ASSERT_FALSE(rules);
  ASSERT_EQ(problems_.size(), 1u);
  EXPECT_THAT(problems_[0].file, HasSubstr("b.yaml"));
  EXPECT_THAT(problems_[0].message, HasSubstr("used twice"));
}

TEST_F(RuleFiles, SettingsThatContradictAValidatorAreRefused) {
  const auto rules = load(
      "rules:\n"
      "  - id: pii.a\n"
      "    category: pii\n"
      "    description: d\n"
      "    phrase: 'card number [0-9]'\n"
      "    validate: luhn\n"
      "    edges: word\n"
      "    show: 61\n");
  ASSERT_FALSE(rules);
  EXPECT_THAT(said(), ElementsAre(HasSubstr("6:15: a phrase cannot be validated"),
                                  HasSubstr("7:12: a validator finds the edges itself"),
                                  HasSubstr("8:11: 'show' must be a whole number from 0 to 60"),
                                  HasSubstr("8:11: a validated match is masked by its validator")));
}

TEST_F(RuleFiles, MissingFileEmptyFileAndBadYaml) {
  EXPECT_FALSE(Ruleset::load({"/nonexistent/rules.yaml"}, problems_));
  EXPECT_EQ(problems_.size(), 1u);
  problems_.clear();
  const auto none = load("rules: []\n");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().message, "the rule files hold no rules");
  EXPECT_FALSE(load("rules: [\n"));
  EXPECT_EQ(problems_.size(), 1u);
  problems_.clear();
  EXPECT_FALSE(load("rules:\n  - just text\n"));
  EXPECT_FALSE(problems_.empty());
  problems_.clear();
  EXPECT_FALSE(load("{}\n"));
  EXPECT_THAT(said(), ElementsAre(HasSubstr("'rules' is missing")));
  problems_.clear();
  EXPECT_FALSE(Ruleset::load({}, problems_));
}

TEST(Phrase, BlanksOutsideClassesBecomeRunsOfWhitespace) {
  const std::string blank = R"((?:(?:[\s+]|\\+[nrt]|\xc2\xa0)+))";
  EXPECT_EQ(expand_phrase("a b"), "a" + blank + "b");
  EXPECT_EQ(expand_phrase("a   b"), "a" + blank + "b");
  EXPECT_EQ(expand_phrase("a ?b"), "a" + blank + "?b");
  EXPECT_EQ(expand_phrase("a[ x]b"), "a[ x]b");
  EXPECT_EQ(expand_phrase("a\\[ b"), "a\\[" + blank + "b");
  EXPECT_EQ(expand_phrase("\\ "), "\\ ");
}

}  // namespace
}  // namespace writ::scan
