#include "identity/scope.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace writ::identity {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Scope, KnowsItsGrammar) {
  for (const char* good : {"*", "crm", "crm.*", "crm.contacts.read", "repo:read", "a-b_c.d.*", "A"})
    EXPECT_TRUE(valid_scope(good)) << good;
  for (const char* bad :
       {"", ".", ".*", "*.", "*.*", "crm.", ".crm", "crm..read", "crm.*.read", "cr*", "crm*",
        "crm.r*", "crm .read", "crm/read", "**", "crm.**", "crm\n", "é"})
    EXPECT_FALSE(valid_scope(bad)) << bad;
  EXPECT_FALSE(valid_scope(std::string(300, 'a')));
}

TEST(Scope, CoversTable) {
  struct Case {
    const char* granted;
    const char* required;
    bool covered;
  };
  const Case cases[] = {
      {"crm.read", "crm.read", true},
      {"crm.*", "crm.read", true},
      {"crm.*", "crm.contacts.read", true},
      {"crm.*", "crm.*", true},
      {"crm.*", "crm.contacts.*", true},
      {"*", "crm.read", true},
      {"*", "*", true},
      {"*", "crm.*", true},
      {"crm.*", "crm", false},        // below crm, not crm itself
      {"crm.*", "crmx.read", false},  // a whole word
      {"crm.*", "crm-x.read", false},
      {"crm.read", "crm.*", false},  // a wildcard never widens a specific scope
      {"crm.contacts.*", "crm.*", false},
      {"crm.*", "*", false},
      {"crm.read", "*", false},
      {"crm.read", "crm.read.all", false},
      {"crm.read.all", "crm.read", false},
      {"crm.read", "CRM.read", false},
      {"crm*", "crm.read", false},  // not a scope
      {"", "crm.read", false},
      {"*", "", false},
      {"*", "crm.**", false},
  };
  for (const Case& c : cases)
    EXPECT_EQ(covers(c.granted, c.required), c.covered) << c.granted << " " << c.required;
}

TEST(Scope, IntersectTable) {
  struct Case {
    Scopes a;
    Scopes b;
    Scopes common;
  };
  const Case cases[] = {
      {{}, {}, {}},
      {{}, {"*"}, {}},  // empty stays empty
      {{"*"}, {"*"}, {"*"}},
      {{"*"}, {"crm.read"}, {"crm.read"}},
      {{"crm.*"}, {"crm.contacts.read", "finance.read"}, {"crm.contacts.read"}},
      {{"crm.contacts.read"}, {"crm.*"}, {"crm.contacts.read"}},
      {{"crm.*"}, {"crm.contacts.*"}, {"crm.contacts.*"}},
      {{"crm.read"}, {"crm.write"}, {}},
      {{"crm.*", "crm.read"}, {"crm.read", "crm.write", "crm.*"}, {"crm.*"}},  // minimal
      {{"b.x", "a.x"}, {"a.x", "b.x"}, {"a.x", "b.x"}},                        // sorted
      {{"not a scope"}, {"not a scope"}, {}},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(intersect(c.a, c.b), c.common);
    EXPECT_EQ(intersect(c.b, c.a), c.common);
  }
}

TEST(Scope, MissingKeepsTheOrderOfWhatIsRequired) {
  EXPECT_THAT(missing({"crm.*"}, {"z.read", "crm.read", "a.read"}),
              ElementsAre("z.read", "a.read"));
  EXPECT_THAT(missing({"*"}, {"z.read"}), IsEmpty());
  EXPECT_THAT(missing({}, {}), IsEmpty());
}

// Random scopes over a small alphabet, so that they meet often.
class ScopeProperty : public testing::Test {
 protected:
  // '-' sorts before '.', ':' behind it.
  static constexpr std::string_view kWords[] = {"a", "a", "b", "b", "c", "a-b", "a:b"};
  std::string specific() {
    std::string scope;
    for (auto words = 1 + random_() % 3; words > 0; --words)
      scope += (scope.empty() ? "" : ".") + std::string(kWords[random_() % std::size(kWords)]);
    return scope;
  }
  std::string any() {
    switch (random_() % 8) {
      case 0:
        return "*";
      case 1:
      case 2:
      case 3:
        return specific() + ".*";
      default:
        return specific();
    }
  }
  Scopes set() {
    Scopes scopes(random_() % 5);
    std::generate(scopes.begin(), scopes.end(), [&] { return any(); });
    return scopes;
  }
  std::mt19937 random_{20240501};  // NOLINT(cert-msc51-cpp): the same cases in every run
};

TEST_F(ScopeProperty, IntersectionGrantsExactlyWhatBothGrant) {
  std::size_t granted = 0;
  for (int i = 0; i < 20'000; ++i) {
    const Scopes a = set();
    const Scopes b = set();
    const Scopes both = intersect(a, b);
    for (int j = 0; j < 10; ++j) {
      const std::string wanted = any();
      const bool expected = covers(a, wanted) && covers(b, wanted);
      ASSERT_EQ(covers(both, wanted), expected) << wanted;
      granted += expected;
    }
  }
  EXPECT_GT(granted, 1000u);  // the cases are not all empty
}

TEST_F(ScopeProperty, NoOrderHidesAScopeAndNoOrderMakesOne) {
  std::size_t covered = 0;
  for (int i = 0; i < 20'000; ++i) {
    Scopes granted = set();
    const std::string wanted = any();
    const bool expected = std::any_of(granted.begin(), granted.end(),
                                      [&](const std::string& one) { return covers(one, wanted); });
    ASSERT_EQ(covers(granted, wanted), expected) << wanted;
    ASSERT_EQ(covers(minimal(granted), wanted), expected) << wanted;
    covered += expected;
  }
  EXPECT_GT(covered, 2000u);
}

// The walk of intersect() against the definition, pair by pair.
TEST_F(ScopeProperty, IntersectIsWhatThePairsHaveInCommon) {
  for (int i = 0; i < 20'000; ++i) {
    const Scopes a = set();
    const Scopes b = set();
    Scopes common;
    for (const std::string& x : a) {
      for (const std::string& y : b) {
        if (covers(x, y)) {
          common.push_back(y);
        } else if (covers(y, x)) {
          common.push_back(x);
        }
      }
    }
    ASSERT_EQ(intersect(a, b), minimal(common));
  }
}

TEST_F(ScopeProperty, ResultsAreSortedUniqueAndMinimal) {
  for (int i = 0; i < 5'000; ++i) {
    const Scopes both = intersect(set(), set());
    ASSERT_TRUE(std::is_sorted(both.begin(), both.end()));
    for (const std::string& x : both) {
      for (const std::string& y : both) ASSERT_TRUE(&x == &y || !covers(x, y)) << x << " " << y;
    }
    ASSERT_EQ(minimal(both), both);
  }
}

TEST_F(ScopeProperty, IntersectionIsCommutativeAssociativeAndIdempotent) {
  for (int i = 0; i < 5'000; ++i) {
    const Scopes a = set();
    const Scopes b = set();
    const Scopes c = set();
    ASSERT_EQ(intersect(a, b), intersect(b, a));
    ASSERT_EQ(intersect(intersect(a, b), c), intersect(a, intersect(b, c)));
    ASSERT_EQ(intersect(a, a), minimal(a));
  }
}

}  // namespace
}  // namespace writ::identity
