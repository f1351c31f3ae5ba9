#include "policy/glob.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

namespace writ::policy {
namespace {

TEST(Glob, Table) {
  struct Case {
    const char* glob;
    const char* text;
    bool matches;
  };
  const Case cases[] = {
      {"crm.read", "crm.read", true},
      {"crm.read", "crm.reads", false},
      {"crm.*", "crm.read", true},
      {"crm.*", "crm.", true},
      {"crm.*", "crm", false},
      {"*", "", true},
      {"*", "x", true},
      {"", "", true},
      {"", "x", false},
      {"*.read", "crm.a.read", true},
      {"*.read", "crm.reader", false},
      {"a*b*c", "aXbYbZc", true},
      {"a*b*c", "aXcYb", false},
      {"**", "x", true},
      {"a*a", "a", false},
      {"crm.x", "crmAx", false},  // a dot is a dot
  };
  for (const Case& c : cases)
    EXPECT_EQ(glob_match(c.glob, c.text), c.matches) << c.glob << " " << c.text;
}

bool naive(std::string_view glob, std::string_view text) {
  if (glob.empty()) return text.empty();
  if (glob[0] == '*')
    return naive(glob.substr(1), text) || (!text.empty() && naive(glob, text.substr(1)));
  return !text.empty() && glob[0] == text[0] && naive(glob.substr(1), text.substr(1));
}

TEST(Glob, AgreesWithTheDefinition) {
  std::mt19937 random(3);  // NOLINT(cert-msc51-cpp): the same cases in every run
  int matched = 0;
  for (int i = 0; i < 50'000; ++i) {
    std::string glob(random() % 7, ' ');
    std::string text(random() % 9, ' ');
    for (char& c : glob) c = "ab**"[random() % 4];
    for (char& c : text) c = "ab"[random() % 2];
    const bool expected = naive(glob, text);
    ASSERT_EQ(glob_match(glob, text), expected) << glob << " " << text;
    matched += expected;
  }
  EXPECT_GT(matched, 1000);
}

// Against the definition: of all short texts, one is matched by both.
TEST(Glob, OverlapIsThatSomeTextMatchesBoth) {
  std::vector<std::string> globs = {""};
  std::vector<std::string> texts = {""};
  const auto grow = [](std::vector<std::string>& all, std::string_view letters, std::size_t most) {
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (all[i].size() == most) break;
      const std::string base = all[i];
      for (const char c : letters) all.push_back(base + c);
    }
  };
  grow(globs, "ab*", 3);
  grow(texts, "ab", 6);
  for (const std::string& a : globs) {
    for (const std::string& b : globs) {
      const bool both = std::any_of(texts.begin(), texts.end(), [&](const std::string& text) {
        return glob_match(a, text) && glob_match(b, text);
      });
      EXPECT_EQ(globs_overlap(a, b), both) << a << " " << b;
    }
  }
}

}  // namespace
}  // namespace writ::policy
