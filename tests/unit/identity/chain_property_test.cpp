// The laws of delegation, over thousands of random chains and histories. The oracles say what the
// law says, link by link, and know nothing of how the code does it.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "identity/store_support.h"
#include "identity/writ_book.h"

namespace writ::identity {
namespace {

using std::chrono::minutes;

// Small alphabets, so that things meet often.
class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}
  std::size_t below(std::size_t end) { return engine_() % end; }
  bool chance(unsigned percent) { return below(100) < percent; }

  std::string scope() {
    if (chance(15)) return "*";
    std::string scope;
    for (auto words = 1 + below(3); words > 0; --words)
      scope += (scope.empty() ? "" : ".") + std::string(1, static_cast<char>('a' + below(3)));
    return chance(40) ? scope + ".*" : scope;
  }
  Scopes scopes(std::size_t most) {
    Scopes made(below(most + 1));
    std::generate(made.begin(), made.end(), [&] { return scope(); });
    return made;
  }
  Limits limits() {
    Limits made;
    if (chance(50)) made.max_tool_calls = below(30);
    if (chance(30)) made.max_duration = minutes(1 + below(60));
    if (chance(30)) made.calls_per_minute = static_cast<std::uint32_t>(1 + below(50));
    return made;
  }
  User person() {
    User made = user("u" + std::to_string(below(3)), minimal(scopes(6)), tenant());
    return made;
  }
  Agent helper(const std::string& tenant) {
    Agent made = agent("a" + std::to_string(below(12)), minimal(scopes(6)), tenant);
    made.limits = limits();
    made.max_depth = static_cast<std::uint32_t>(below(12));
    if (chance(30)) made.mode = chance(50) ? Mode::kObserve : Mode::kEnforce;
    return made;
  }
  std::string tenant() { return chance(50) ? "acme" : "globex"; }
  Asked asked() {
    Asked made;
    made.lifetime = chance(50) ? Lifetime::kGrant : Lifetime::kSession;
    if (chance(60)) made.scopes = scopes(5);
    made.narrow = chance(70);
    made.limits = limits();
    if (chance(50)) made.ttl = minutes(1 + below(60));
    if (chance(20)) made.not_before = kNow + minutes(below(30));
    return made;
  }

 private:
  std::mt19937 engine_;
};

bool unlimited_or_at_most(const auto& inner, const auto& outer) {
  return !outer || (inner && *inner <= *outer);
}

void expect_no_wider(const Limits& inner, const Limits& outer) {
  ASSERT_TRUE(unlimited_or_at_most(inner.max_tool_calls, outer.max_tool_calls));
  ASSERT_TRUE(unlimited_or_at_most(inner.max_duration, outer.max_duration));
  ASSERT_TRUE(unlimited_or_at_most(inner.calls_per_minute, outer.calls_per_minute));
}

class ChainProperty : public testing::Test {
 protected:
  // Each law of one link.
  void check_laws(const Writ& parent, const Agent& child_agent, const Asked& asked,
                  const Limits& rest, const Writ& child) {
    std::vector<std::string> probes = parent.effective;  // near what is had, and anywhere
    for (const std::string& scope : child_agent.scopes) probes.push_back(scope);
    std::generate_n(std::back_inserter(probes), 8, [&] { return random_.scope(); });
    for (const std::string& probe : probes) {
      const bool expected = covers(parent.effective, probe) && covers(child_agent.scopes, probe) &&
                            (!asked.scopes || covers(*asked.scopes, probe));
      ASSERT_EQ(covers(child.effective, probe), expected) << probe;
      granted_ += expected;
    }
    for (const std::string& scope : child.effective) {
      ASSERT_TRUE(covers(parent.effective, scope)) << scope;
      ASSERT_TRUE(covers(child_agent.scopes, scope)) << scope;
      ASSERT_TRUE(covers(child.user.scopes, scope)) << scope;
    }
    if (parent.effective.empty()) {
      ASSERT_TRUE(child.effective.empty());
    }
    for (const Limits& outer : {parent.limits, rest, child_agent.limits, asked.limits})
      expect_no_wider(child.limits, outer);
    // Not stricter than any of them either.
    const auto one_of = [&](auto field) {
      return child.limits.*field == parent.limits.*field || child.limits.*field == rest.*field ||
             child.limits.*field == child_agent.limits.*field ||
             child.limits.*field == asked.limits.*field;
    };
    ASSERT_TRUE(one_of(&Limits::max_tool_calls) && one_of(&Limits::max_duration) &&
                one_of(&Limits::calls_per_minute));
    ASSERT_TRUE(unlimited_or_at_most(child.not_after, parent.not_after));
    ASSERT_GE(child.not_before, parent.not_before);
    ASSERT_EQ(child.user.id, parent.user.id);
    ASSERT_EQ(child.user.scopes, parent.user.scopes);
    ASSERT_EQ(child.tenant, parent.tenant);
    ASSERT_EQ(child.strength, parent.strength);
    ASSERT_EQ(child.via, parent.via);
    ASSERT_EQ(child.tier, Tier::kSubagent);
    ASSERT_EQ(std::set<std::string>(child.chain.begin(), child.chain.end()).size(),
              child.chain.size());
    ASSERT_LE(child.chain.size(), kMaxDepth + 1);
    ASSERT_TRUE(check_writ(child));
    ASSERT_TRUE(check_link(parent, child));
  }

  Random random_{20240501};
  std::size_t granted_ = 0;
};

TEST_F(ChainProperty, EveryLinkKeepsEveryLaw) {
  std::size_t links = 0;
  std::map<std::string, std::size_t> refusals;
  std::map<std::size_t, std::size_t> lengths;
  for (int chain = 0; chain < 6'000; ++chain) {
    const User person = random_.person();
    Asked first = random_.asked();
    first.narrow = true;
    Writ writ = issued(person, random_.helper(person.tenant), first);
    // What each agent of the chain allows, to know what must be refused.
    std::vector<std::size_t> reach{0 + std::min(writ.agent.max_depth, kMaxDepth)};
    const TimePoint now = writ.not_before;
    for (int hop = 0; hop < 12; ++hop) {
      const std::string tenant = random_.chance(95) ? writ.tenant : random_.tenant();
      const Agent next = random_.helper(tenant);
      const Asked asked = random_.asked();
      const Limits rest = random_.limits();
      const std::size_t depth = writ.chain.size();  // of the child, from 1
      const bool deep = std::any_of(reach.begin(), reach.end(), [&](auto r) { return depth > r; });
      const bool cycle =
          std::find(writ.chain.begin(), writ.chain.end(), next.id) != writ.chain.end();
      Scopes had = intersect(writ.effective, next.scopes);
      const bool greedy = asked.scopes && !asked.narrow && !missing(had, *asked.scopes).empty();
      const auto child = delegate(writ, next, asked, rest, now);
      if (!child) {
        const TimePoint begin = std::max(now, asked.not_before.value_or(now));
        const bool late = writ.not_after && begin >= *writ.not_after;
        const char* why = tenant != writ.tenant ? "tenant"
                          : deep                ? "depth"
                          : cycle               ? "cycle"
                          : greedy              ? "scopes"
                          : late                ? "time"
                                                : "nothing";
        ASSERT_STRNE(why, "nothing") << child.error().message;
        ++refusals[why];
        continue;
      }
      ASSERT_FALSE(deep || cycle || greedy || tenant != writ.tenant);
      check_laws(writ, next, asked, rest, *child);
      if (HasFatalFailure()) return;
      reach.push_back(depth + std::min(next.max_depth, kMaxDepth));
      writ = *child;
      ++links;
      if (writ.not_before != now) break;  // a child that begins later cannot pass on now
    }
    ++lengths[writ.chain.size()];
  }
  // The cases are worth something.
  EXPECT_GT(links, 4'000u);
  EXPECT_GT(granted_, 2'000u);
  for (const char* why : {"tenant", "depth", "cycle", "scopes", "time"})
    EXPECT_GT(refusals[why], 50u) << why;
  EXPECT_GT(lengths[5], 20u);
}

// A book beside a model of it that looks at every link of a chain anew.
class BookProperty : public StoreTest {
 protected:
  struct Known {
    Writ writ;
    WritHandle handle;
    TimePoint ends = TimePoint::max();
    bool revoked = false;
  };

  [[nodiscard]] bool counts(const Known& known) const {
    return std::all_of(known.writ.chain_writs.begin(), known.writ.chain_writs.end(),
                       [&](const std::string& id) {
                         const Known& link = model_.at(id);
                         return !link.revoked && link.writ.not_before <= now_ && now_ < link.ends;
                       });
  }
  [[nodiscard]] bool revoked(const Known& known) const {
    return std::any_of(known.writ.chain_writs.begin(), known.writ.chain_writs.end(),
                       [&](const std::string& id) { return model_.at(id).revoked; });
  }

  void compare(const WritBook& book) {
    for (const auto& [id, known] : model_) {
      ASSERT_EQ(book.active(known.handle, now_), counts(known)) << id;
      ASSERT_EQ(book.state(known.handle, now_) == WritState::kRevoked, revoked(known)) << id;
      const bool acme = known.writ.tenant == "acme";
      ASSERT_TRUE(book.find(known.writ.tenant, id));
      ASSERT_FALSE(book.find(acme ? "globex" : "acme", id));
      active_ += counts(known);
    }
    std::size_t listed = 0;
    for (const char* tenant : {"acme", "globex"}) {
      for (const WritEntry& entry : book.list(tenant, now_)) {
        ASSERT_EQ(entry.writ->tenant, tenant);
        ++listed;
      }
    }
    ASSERT_EQ(listed, model_.size());
  }

  Known& any() {
    auto at = model_.begin();
    std::advance(at, static_cast<std::ptrdiff_t>(random_.below(model_.size())));
    return at->second;
  }

  void add(WritBook& book, const Writ& writ) {
    const bool fits =
        writ.parent.empty() || (model_.contains(writ.parent) && counts(model_.at(writ.parent)));
    const auto handle = book.add(writ, now_);
    ASSERT_EQ(handle.has_value(), fits) << handle.error().message;
    if (!handle) {
      ++refused_;
      return;
    }
    model_[writ.id] = {
        .writ = writ, .handle = *handle, .ends = writ.not_after.value_or(TimePoint::max())};
  }

  void step(WritBook& book) {
    const std::size_t what = random_.below(100);
    if (model_.empty() || what < 15) {
      const User person = random_.person();
      Asked asked = random_.asked();
      asked.narrow = true;
      asked.not_before.reset();
      add(book, issued(person, random_.helper(person.tenant), asked, now_));
    } else if (what < 70) {
      const Known& parent = any();
      Asked asked = random_.asked();
      asked.narrow = true;
      // At the parent's own time, so that dead parents come to the book too.
      const auto child = delegate(parent.writ, random_.helper(parent.writ.tenant), asked, {},
                                  parent.writ.not_before);
      if (child) add(book, *child);
    } else if (what < 80) {
      Known& target = any();
      std::size_t expected = 0;
      for (const auto& [id, known] : model_) {
        const auto& above = known.writ.chain_writs;
        expected +=
            std::find(above.begin(), above.end(), target.writ.id) != above.end() && !revoked(known);
      }
      ASSERT_EQ(book.revoke(target.handle, "root", now_), expected);
      target.revoked = true;
    } else if (what < 84) {
      Known& target = any();
      book.end(target.handle, now_);
      target.ends = std::min(target.ends, now_);
    } else {
      now_ += minutes(random_.below(8));
    }
  }

  Random random_{7};
  TimePoint now_ = kNow;
  std::map<std::string, Known> model_;
  std::size_t active_ = 0;
  std::size_t refused_ = 0;
};

TEST_F(BookProperty, WhatCountsIsWhatEachLinkOfTheChainSays) {
  for (int history = 0; history < 60; ++history) {
    WritBook book;
    model_.clear();
    for (int i = 0; i < 80; ++i) {
      step(book);
      if (HasFatalFailure()) return;
      compare(book);
      if (HasFatalFailure()) return;
    }
  }
  EXPECT_GT(active_, 10'000u);
  EXPECT_GT(refused_, 100u);
}

TEST_F(BookProperty, AKillAtAnyMomentKeepsWhatWasDurable) {
  auto store = open();
  auto book = std::make_unique<WritBook>();
  for (int restart = 0; restart < 25; ++restart) {
    for (int i = 0; i < 20; ++i) {
      step(*book);
      if (HasFatalFailure()) return;
    }
    ASSERT_TRUE(store->apply(book->take_changes().changes));
    const std::string copy = "killed" + std::to_string(restart) + ".db";
    copy_as_killed(restart == 0 ? "writs.db" : "killed" + std::to_string(restart - 1) + ".db",
                   copy);
    store = open(copy);
    auto stored = store->load();
    ASSERT_TRUE(stored);
    book = std::make_unique<WritBook>(BookOptions{.keep_dead = std::chrono::hours(10'000)});
    book->restore(std::move(*stored), now_);
    for (auto& [id, known] : model_) {
      const auto handle = book->find(std::nullopt, id);
      ASSERT_TRUE(handle);
      known.handle = *handle;
    }
    compare(*book);
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(model_.size(), 100u);
}

}  // namespace
}  // namespace writ::identity
