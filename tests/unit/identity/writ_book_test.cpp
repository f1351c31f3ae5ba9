#include "identity/writ_book.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "identity/store_support.h"

namespace writ::identity {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

WritHandle added(WritBook& book, const Writ& writ, TimePoint now = kNow) {
  const auto handle = book.add(writ, now);
  if (!handle) ADD_FAILURE() << handle.error().message;
  return handle ? *handle : WritHandle();
}

std::string add_refusal(WritBook& book, const Writ& writ, ErrorCode code, TimePoint now = kNow) {
  const auto handle = book.add(writ, now);
  if (handle) return "added";
  EXPECT_EQ(handle.error().code, code) << handle.error().message;
  return handle.error().message;
}

// A writ whose id begins with `digits`.
Writ with_id(const std::string& digits, const User& user, const Agent& agent) {
  Writ writ = issued(user, agent);
  writ.id.replace(0, digits.size(), digits);
  writ.chain_writs = {writ.id};
  return writ;
}

TEST(WritBook, SaysWhatCountsAtAnInstant) {
  WritBook book;
  const WritHandle handle = added(
      book, issued(user("u"), agent("a"), {.ttl = minutes(10), .not_before = kNow + minutes(1)}));
  const auto state = [&](TimePoint now) {
    EXPECT_EQ(book.active(handle, now), book.state(handle, now) == WritState::kActive);
    return book.state(handle, now);
  };
  EXPECT_EQ(state(kNow), WritState::kNotYet);
  EXPECT_EQ(state(kNow + minutes(1)), WritState::kActive);
  EXPECT_EQ(state(kNow + minutes(11) - std::chrono::nanoseconds(1)), WritState::kActive);
  EXPECT_EQ(state(kNow + minutes(11)), WritState::kExpired);
  EXPECT_EQ(book.revoke(handle, "root", kNow + minutes(2)), 1u);
  EXPECT_EQ(state(kNow), WritState::kRevoked);
  EXPECT_EQ(state(kNow + hours(1)), WritState::kRevoked);
}

TEST(WritBook, AnUnknownHandleIsNoWrit) {
  WritBook book;
  for (const WritHandle handle : {WritHandle(), WritHandle{.slot = 0, .generation = 0}}) {
    EXPECT_FALSE(book.active(handle, kNow));
    EXPECT_EQ(book.state(handle, kNow), WritState::kExpired);
    EXPECT_EQ(book.get(handle), nullptr);
    EXPECT_FALSE(book.entry(handle, kNow));
    EXPECT_EQ(book.revoke(handle, "x", kNow), 0u);
    book.end(handle, kNow);
  }
  EXPECT_EQ(book.revision(), 0u);
}

TEST(WritBook, RevokingReachesAllBelowAndNothingElse) {
  WritBook book;
  const Writ a = issued(user("u"), agent("a"));
  const Writ other = issued(user("u"), agent("a"));
  const Writ b = delegated(a, agent("b"));
  const Writ sibling = delegated(a, agent("s"));
  const Writ c = delegated(b, agent("c"));
  const WritHandle ha = added(book, a), ho = added(book, other), hb = added(book, b),
                   hs = added(book, sibling), hc = added(book, c);
  EXPECT_EQ(book.revoke(hb, "user u", kNow), 2u);
  EXPECT_TRUE(book.active(ha, kNow) && book.active(ho, kNow) && book.active(hs, kNow));
  EXPECT_FALSE(book.active(hb, kNow) || book.active(hc, kNow));
  EXPECT_EQ(*book.entry(hb, kNow)->revocation,
            (Revocation{.writ = b.id, .at = kNow, .by = "user u"}));
  EXPECT_EQ(*book.entry(hc, kNow)->revocation,
            (Revocation{.writ = c.id, .at = kNow, .by = "user u", .cause = b.id}));
  EXPECT_EQ(book.entry(ha, kNow)->revocation, nullptr);
  // Not undone, nor told anew.
  EXPECT_EQ(book.revoke(hb, "somebody", kNow + hours(1)), 0u);
  EXPECT_EQ(book.entry(hb, kNow)->revocation->by, "user u");
  EXPECT_EQ(book.revoke(ha, "root", kNow), 2u);  // a and its other child
  EXPECT_EQ(book.entry(hc, kNow)->revocation->cause, b.id);
}

TEST(WritBook, WhoRevokedIsPrintable) {
  WritBook book;
  const WritHandle handle = added(book, issued(user("u"), agent("a")));
  book.revoke(handle, "a\nb\xff" + std::string(1000, 'x'), kNow);
  const std::string& by = book.entry(handle, kNow)->revocation->by;
  EXPECT_EQ(by.substr(0, 5), "a?b?x");
  EXPECT_EQ(by.size(), WritBook::kMaxRevokedBy);
}

TEST(WritBook, AChildNeedsAParentThatCounts) {
  WritBook book;
  const Writ parent = issued(user("u", {"crm.*"}), agent("a"), {.ttl = minutes(10)});
  const Writ child = delegated(parent, agent("b"));
  EXPECT_THAT(add_refusal(book, child, ErrorCode::kDenied), HasSubstr("is not known"));
  const WritHandle handle = added(book, parent);
  EXPECT_THAT(add_refusal(book, child, ErrorCode::kDenied, kNow + minutes(10)),
              HasSubstr("is expired"));
  EXPECT_THAT(add_refusal(book, child, ErrorCode::kDenied, kNow - minutes(1)),
              HasSubstr("not valid yet"));
  Writ wider = child;
  wider.effective = {"*"};
  wider.user.scopes = {"*"};
  EXPECT_THAT(add_refusal(book, wider, ErrorCode::kDenied), HasSubstr("grants more"));
  book.revoke(handle, "root", kNow);
  EXPECT_THAT(add_refusal(book, child, ErrorCode::kDenied), HasSubstr("is revoked"));
  EXPECT_EQ(book.size(), 1u);
}

TEST(WritBook, AChildLivesNoLongerThanItsParentWhateverItSays) {
  WritBook book;
  const Writ parent = issued(user("u"), agent("a"), {.ttl = minutes(10)});
  Writ child = delegated(parent, agent("b"));
  child.not_after.reset();
  child.not_before = kNow - minutes(2);
  added(book, parent);
  const WritHandle handle = added(book, child);
  EXPECT_FALSE(book.active(handle, kNow - minutes(1)));
  EXPECT_TRUE(book.active(handle, kNow + minutes(9)));
  EXPECT_FALSE(book.active(handle, kNow + minutes(10)));
  EXPECT_EQ(book.get(handle)->not_after, kNow + minutes(10));
}

TEST(WritBook, RefusesWhatIsNoWritAndWhatItHas) {
  WritBook book;
  const Writ writ = issued(user("u"), agent("a"));
  added(book, writ);
  EXPECT_THAT(add_refusal(book, writ, ErrorCode::kInvalid), HasSubstr("already"));
  Writ poison = issued(user("u"), agent("a"));
  poison.task = "\xff";
  EXPECT_THAT(add_refusal(book, poison, ErrorCode::kInvalid), HasSubstr("text"));
  EXPECT_EQ(book.revision(), 1u);
}

TEST(WritBook, AnEndedWritIsOverWithAllBelowIt) {
  WritBook book;
  const Writ parent = issued(user("u"), agent("a"));
  const Writ child = delegated(parent, agent("b"));
  const Writ brief = delegated(parent, agent("c"), {.ttl = minutes(1)});
  const WritHandle hp = added(book, parent), hc = added(book, child), hb = added(book, brief);
  (void)book.take_changes();
  book.end(hp, kNow + minutes(5));
  EXPECT_EQ(book.state(hp, kNow + minutes(5)), WritState::kExpired);
  EXPECT_EQ(book.state(hc, kNow + minutes(5)), WritState::kExpired);
  EXPECT_EQ(book.get(hp)->not_after, kNow + minutes(5));
  EXPECT_EQ(book.get(hb)->not_after, kNow + minutes(1));  // was over before
  EXPECT_THAT(book.take_changes().changes, SizeIs(2));
  book.end(hp, kNow + minutes(6));
  EXPECT_THAT(book.take_changes().changes, IsEmpty());
}

TEST(WritBook, FindsByIdOrByEnoughOfIt) {
  WritBook book;
  const Writ one = with_id("aaaa1", user("u"), agent("a"));
  const Writ two = with_id("aaaa2", user("u"), agent("a"));
  const WritHandle h1 = added(book, one), h2 = added(book, two);
  EXPECT_EQ(*book.find(kDefaultTenant, one.id), h1);
  EXPECT_EQ(*book.find(kDefaultTenant, "aaaa2"), h2);
  EXPECT_EQ(*book.find(std::nullopt, "aaaa1"), h1);
  const auto code = [&](std::string_view text) {
    return book.find(kDefaultTenant, text).error().code;
  };
  EXPECT_EQ(code("aaaa"), ErrorCode::kInvalid);  // two begin with it
  EXPECT_EQ(code("aaa"), ErrorCode::kInvalid);
  EXPECT_EQ(code(""), ErrorCode::kInvalid);
  EXPECT_EQ(code("AAAA1"), ErrorCode::kInvalid);
  EXPECT_EQ(code("aaaa1\n"), ErrorCode::kInvalid);
  EXPECT_EQ(code("aaaa3"), ErrorCode::kNotFound);
  EXPECT_EQ(code(one.id + "0"), ErrorCode::kNotFound);
}

TEST(WritBook, TenantsNeverSeeEachOther) {
  WritBook book;
  const Writ acme = with_id("bbbb1", user("u", {"*"}, "acme"), agent("a", {"*"}, "acme"));
  const Writ globex = with_id("bbbb2", user("u", {"*"}, "globex"), agent("a", {"*"}, "globex"));
  const WritHandle ha = added(book, acme), hg = added(book, globex);
  // The other's ids are neither found nor in the way.
  EXPECT_EQ(*book.find("acme", "bbbb"), ha);
  EXPECT_EQ(*book.find("globex", "bbbb"), hg);
  EXPECT_EQ(book.find("acme", globex.id).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(book.find("acme", globex.id).error().message,
            book.find("acme", std::string(32, 'c'))
                .error()
                .message.replace(std::string("there is no writ ").size(), 32, globex.id));
  EXPECT_EQ(book.find("", acme.id).error().code, ErrorCode::kNotFound);  // "" is no tenant
  EXPECT_EQ(book.find(std::nullopt, "bbbb").error().code, ErrorCode::kInvalid);
  ASSERT_THAT(book.list("acme", kNow), SizeIs(1));
  EXPECT_EQ(book.list("acme", kNow)[0].writ->id, acme.id);
  EXPECT_THAT(book.list("", kNow), IsEmpty());
  EXPECT_THAT(book.list(std::nullopt, kNow), SizeIs(2));
  EXPECT_EQ(book.revoke(ha, "admin of acme", kNow), 1u);
  EXPECT_TRUE(book.active(hg, kNow));
  // Nor can a writ of one be the parent of one of the other.
  Writ child = delegated(globex, agent("b", {"*"}, "globex"));
  child.tenant = child.user.tenant = child.agent.tenant = "acme";
  EXPECT_THAT(add_refusal(book, child, ErrorCode::kDenied), HasSubstr("is not known"));
}

TEST(WritBook, ListsInOrderOfTime) {
  WritBook book;
  const Writ later_one = issued(user("u"), agent("a"), {}, kNow + minutes(1));
  const Writ first = issued(user("u"), agent("a"));
  added(book, later_one);
  added(book, first);
  std::vector<std::string> ids;
  for (const WritEntry& entry : book.list(std::nullopt, kNow)) ids.push_back(entry.writ->id);
  EXPECT_THAT(ids, ElementsAre(first.id, later_one.id));
}

TEST(WritBook, ForgetsTheDeadAndTheirHandles) {
  WritBook book(BookOptions{.keep_dead = hours(1)});
  const Writ dead = issued(user("u"), agent("a"), {.ttl = minutes(1)});
  const Writ alive = issued(user("u"), agent("a"));
  const WritHandle hd = added(book, dead), hv = added(book, alive);
  book.prune(kNow + minutes(60));
  EXPECT_EQ(book.size(), 2u);
  book.prune(kNow + minutes(61));
  EXPECT_EQ(book.size(), 1u);
  EXPECT_EQ(book.get(hd), nullptr);
  EXPECT_EQ(book.find(std::nullopt, dead.id).error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(book.active(hv, kNow));
  // Its place is taken by another, which the old handle does not name.
  const WritHandle next = added(book, issued(user("u"), agent("a")));
  EXPECT_EQ(next.slot, hd.slot);
  EXPECT_FALSE(book.active(hd, kNow));
  EXPECT_TRUE(book.active(next, kNow));
  EXPECT_EQ(book.revoke(hd, "x", kNow), 0u);
}

TEST(WritBook, AParentThatWasForgottenTakesNobodyWithIt) {
  WritBook book(BookOptions{.keep_dead = hours(1)});
  const Writ parent = issued(user("u"), agent("a"), {.ttl = minutes(10)});
  const Writ child = delegated(parent, agent("b"), {.ttl = minutes(1)});
  const WritHandle hp = added(book, parent);
  const WritHandle hc = added(book, child);
  book.prune(kNow + minutes(61));  // the child alone
  EXPECT_EQ(book.get(hc), nullptr);
  const WritHandle stranger = added(book, issued(user("u"), agent("c")));
  ASSERT_EQ(stranger.slot, hc.slot);
  EXPECT_EQ(book.revoke(hp, "root", kNow), 1u);
  EXPECT_TRUE(book.active(stranger, kNow));
}

TEST(WritBook, IsBounded) {
  WritBook book(BookOptions{.max_writs = 6, .max_writs_per_user = 3});
  for (int i = 0; i < 2; ++i) added(book, issued(user("greedy"), agent("a")));
  added(book, issued(user("greedy"), agent("a"), {.ttl = minutes(1)}));
  const Writ more = issued(user("greedy"), agent("a"));
  EXPECT_THAT(add_refusal(book, more, ErrorCode::kUnavailable),
              HasSubstr("as many writs as can be"));
  for (const char* id : {"x", "y", "z"}) added(book, issued(user(id), agent("a")));
  EXPECT_THAT(add_refusal(book, issued(user("v"), agent("a")), ErrorCode::kUnavailable),
              HasSubstr("6"));
  // The dead make room for the living, at once when they are needed.
  added(book, more, kNow + minutes(1));
  EXPECT_EQ(book.size(), 6u);
  // The same name in another tenant is another user.
  WritBook fresh(BookOptions{.max_writs_per_user = 1});
  added(fresh, issued(user("u", {}, "acme"), agent("a", {}, "acme")));
  added(fresh, issued(user("u", {}, "globex"), agent("a", {}, "globex")));
}

TEST(WritBook, AFullBookIsNotSearchedForEachTry) {
  WritBook book(BookOptions{.max_writs_per_user = 1});
  added(book, issued(user("u"), agent("a"), {.ttl = std::chrono::milliseconds(500)}));
  const Writ next = issued(user("u"), agent("a"));
  (void)add_refusal(book, next, ErrorCode::kUnavailable);
  // What died since the last look is found a second after it.
  (void)add_refusal(book, next, ErrorCode::kUnavailable, kNow + std::chrono::milliseconds(999));
  added(book, next, kNow + seconds(1));
}

TEST(WritBook, ChangesComeInOrderAndOnce) {
  WritBook book;
  const Writ parent = issued(user("u"), agent("a"));
  const Writ child = delegated(parent, agent("b"));
  const WritHandle handle = added(book, parent);
  added(book, child);
  book.revoke(handle, "root", kNow);
  EXPECT_EQ(book.revision(), 4u);
  const auto batch = book.take_changes();
  EXPECT_EQ(batch.revision, 4u);
  ASSERT_THAT(batch.changes, SizeIs(4));
  EXPECT_EQ(std::get<Writ>(batch.changes[0]).id, parent.id);
  EXPECT_EQ(std::get<Writ>(batch.changes[1]).id, child.id);
  EXPECT_EQ(std::get<Revocation>(batch.changes[2]).writ, parent.id);
  EXPECT_EQ(std::get<Revocation>(batch.changes[3]).writ, child.id);
  EXPECT_THAT(book.take_changes().changes, IsEmpty());
  EXPECT_EQ(book.revision(), 4u);
}

TEST(WritBook, WithoutADiskNoMoreIsAddedButStillRevoked) {
  WritBook book(BookOptions{.max_writs = 1u << 20, .max_writs_per_user = 1u << 20});
  WritHandle last;
  Writ writ = issued(user("u"), agent("a"));
  for (std::size_t i = 0; i < WritBook::kMaxPending; ++i) {
    writ.id = fmt::format("{:032x}", i);
    writ.chain_writs = {writ.id};
    last = added(book, writ);
  }
  EXPECT_THAT(add_refusal(book, issued(user("u"), agent("a")), ErrorCode::kUnavailable),
              HasSubstr("wait to be written down"));
  EXPECT_EQ(book.revoke(last, "root", kNow), 1u);
  EXPECT_FALSE(book.active(last, kNow));
}

using WritBookRestart = StoreTest;

TEST_F(WritBookRestart, EverythingIsAsBefore) {
  WritBook before;
  const Writ a = issued(user("u"), agent("a"));
  const Writ b = delegated(a, agent("b"));
  const Writ c = delegated(b, agent("c"));
  const Writ ended = issued(user("u"), agent("d"));
  const Writ brief = issued(user("u"), agent("e"), {.ttl = minutes(1)});
  added(before, a);
  const WritHandle hb = added(before, b);
  added(before, c);
  const WritHandle he = added(before, ended);
  added(before, brief);
  before.revoke(hb, "user u", kNow);
  before.end(he, kNow + minutes(2));
  auto store = open();
  ASSERT_TRUE(store->apply(before.take_changes().changes));
  copy_as_killed("writs.db", "killed.db");

  WritBook after;
  auto stored = open("killed.db")->load();
  ASSERT_TRUE(stored);
  const TimePoint now = kNow + minutes(3);
  after.restore(std::move(*stored), now);
  EXPECT_EQ(after.revision(), 0u);
  EXPECT_THAT(after.take_changes().changes, IsEmpty());
  ASSERT_EQ(after.size(), before.size());
  for (const WritEntry& was : before.list(std::nullopt, now)) {
    const auto handle = after.find(std::nullopt, was.writ->id);
    ASSERT_TRUE(handle);
    const WritEntry is = *after.entry(*handle, now);
    EXPECT_EQ(is.state, was.state) << was.writ->agent.id;
    ASSERT_EQ(is.revocation == nullptr, was.revocation == nullptr);
    if (is.revocation != nullptr) {
      EXPECT_EQ(*is.revocation, *was.revocation);
    }
    EXPECT_EQ(is.writ->not_after, was.writ->not_after);
  }
  // The links are there too.
  EXPECT_EQ(after.revoke(*after.find(std::nullopt, a.id), "root", now), 1u);
}

TEST(WritBookRestore, ARevocationReachesWhatIsBelowAlsoWhenItStandsAlone) {
  const Writ a = issued(user("u"), agent("a"));
  const Writ b = delegated(a, agent("b"));
  WritBook book;
  book.restore(
      {.writs = {b, a}, .revocations = {{.writ = a.id, .at = kNow, .by = "root", .cause = ""}}},
      kNow);
  const auto handle = book.find(std::nullopt, b.id);
  ASSERT_TRUE(handle);
  EXPECT_EQ(book.state(*handle, kNow), WritState::kRevoked);
  EXPECT_EQ(book.entry(*handle, kNow)->revocation->cause, a.id);
}

TEST(WritBookRestore, WithoutAParentAWritIsOver) {
  const Writ a = issued(user("u", {"crm.*"}), agent("a"));
  const Writ b = delegated(a, agent("b"));
  const Writ c = delegated(b, agent("c"));
  Writ wider = delegated(a, agent("d"));
  wider.user.scopes = wider.effective = {"*"};
  WritBook book;
  book.restore({.writs = {c, b, wider}}, kNow);
  EXPECT_EQ(book.size(), 0u);  // dead for longer than anybody remembers
  book.restore({.writs = {wider, a}}, kNow);
  EXPECT_EQ(book.size(), 1u);
}

TEST(WritBookRestore, LeavesOutTheDeadWhenRoomIsShort) {
  std::vector<Writ> writs;
  for (int i = 0; i < 5; ++i) writs.push_back(issued(user("u"), agent("a"), {.ttl = minutes(1)}));
  writs.push_back(issued(user("u"), agent("a")));
  WritBook roomy;
  roomy.restore({.writs = writs}, kNow + minutes(2));
  EXPECT_EQ(roomy.size(), 6u);
  WritBook small(BookOptions{.max_writs = 3});
  small.restore({.writs = writs}, kNow + minutes(2));
  EXPECT_EQ(small.size(), 1u);
}

}  // namespace
}  // namespace writ::identity
