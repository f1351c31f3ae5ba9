#include "identity/writ_store.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <fstream>

#include "identity/store_support.h"
#include "identity/writ_codec.h"

namespace writ::identity {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

using WritStoreTest = StoreTest;

// A writ with something in every field.
Writ full_writ() {
  User sarah = user("sarah", {"crm.*"}, "acme");
  sarah.email = "sarah@example.test";
  sarah.roles = {"lead", "sales"};
  sarah.calls_per_minute = 60;
  sarah.admin = true;
  Agent planner = agent("planner", {"crm.*"}, "acme");
  planner.limits = {.max_tool_calls = 20, .max_duration = minutes(90), .calls_per_minute = 30};
  planner.mode = Mode::kObserve;
  planner.ttl = minutes(7);
  planner.max_depth = 3;
  Agent clerk = agent("clerk", {"crm.read"}, "acme");
  clerk.limits.max_tool_calls = 0;
  const Writ parent =
      issued(sarah, planner, {.task = "Zürich", .issuer = "idp", .token_digest = "d"});
  return delegated(parent, clerk, {.ttl = minutes(3)});
}

std::string bytes(const Writ& writ) {
  const auto encoded = encode_writ(writ);
  return encoded ? *encoded : encoded.error().message;
}

// No two writs with the same bytes differ: all of a writ is in them.
void expect_same(const Writ& a, const Writ& b) {
  EXPECT_EQ(bytes(a), bytes(b));
  EXPECT_EQ(a.user.tenant, b.user.tenant);
  EXPECT_EQ(a.agent.tenant, b.agent.tenant);
}

TEST_F(WritStoreTest, KeepsEveryFieldOfAWrit) {
  const Writ writ = full_writ();
  ASSERT_TRUE(open()->put(writ));
  const auto stored = open()->load();
  ASSERT_TRUE(stored);
  ASSERT_THAT(stored->writs, SizeIs(1));
  const Writ& back = stored->writs[0];
  expect_same(writ, back);
  EXPECT_EQ(back.user.email, "sarah@example.test");
  EXPECT_THAT(back.user.roles, ElementsAre("lead", "sales"));
  EXPECT_EQ(back.user.calls_per_minute, 60u);
  EXPECT_TRUE(back.user.admin);
  EXPECT_EQ(back.agent.limits.max_tool_calls, 0u);  // 0 is not absent
  EXPECT_FALSE(back.agent.limits.max_duration);
  EXPECT_EQ(back.limits.max_tool_calls, 0u);
  EXPECT_EQ(back.limits.max_duration, minutes(90));
  EXPECT_EQ(back.task, "Zürich");
  EXPECT_EQ(back.tier, Tier::kSubagent);
  EXPECT_EQ(back.strength, IdentityStrength::kUnixPeer);
  EXPECT_EQ(back.issuer, "idp");
  EXPECT_EQ(back.token_digest, "d");
  EXPECT_EQ(back.delegations_left, writ.delegations_left);
  EXPECT_EQ(back.not_before, kNow);
  EXPECT_EQ(back.not_after, kNow + minutes(3));
  EXPECT_EQ(back.parent, writ.chain_writs[0]);
  EXPECT_THAT(back.chain, ElementsAre("planner", "clerk"));
}

TEST_F(WritStoreTest, AgentsOwnFieldsComeBackToo) {
  Agent planner = agent("planner");
  planner.ttl = minutes(7);
  planner.max_depth = 3;
  planner.mode = Mode::kObserve;
  planner.limits.max_duration = minutes(90);
  const Writ writ = issued(user("u"), planner);
  ASSERT_TRUE(open()->put(writ));
  const auto stored = open()->load();
  ASSERT_TRUE(stored);
  const Agent& back = stored->writs.at(0).agent;
  EXPECT_EQ(back.ttl, minutes(7));
  EXPECT_EQ(back.max_depth, 3u);
  EXPECT_EQ(back.mode, Mode::kObserve);
  EXPECT_EQ(back.limits.max_duration, minutes(90));
}

TEST_F(WritStoreTest, WhatWasAppliedIsThereAfterAKill) {
  auto store = open();
  const Writ first = issued(user("u"), agent("a"));
  const Writ second = issued(user("u"), agent("b"));
  ASSERT_TRUE(store->put(first));
  ASSERT_TRUE(store->revoke(first.id, kNow + minutes(1), "user u"));
  copy_as_killed("writs.db", "killed.db");
  ASSERT_TRUE(store->put(second));
  copy_as_killed("writs.db", "later.db");
  const auto killed = open("killed.db")->load();
  ASSERT_TRUE(killed);
  ASSERT_THAT(killed->writs, SizeIs(1));
  expect_same(killed->writs[0], first);
  EXPECT_THAT(killed->revocations,
              ElementsAre(Revocation{.writ = first.id, .at = kNow + minutes(1), .by = "user u"}));
  EXPECT_THAT(open("later.db")->load()->writs, SizeIs(2));
}

TEST_F(WritStoreTest, ATornLogLosesNothingThatWasCommittedBefore) {
  auto store = open();
  const Writ first = issued(user("u"), agent("a"));
  ASSERT_TRUE(store->put(first));
  ASSERT_TRUE(store->revoke(first.id, kNow, "root"));
  const auto whole = std::filesystem::file_size(path() + "-wal");
  ASSERT_TRUE(store->put(issued(user("u"), agent("b"))));
  copy_as_killed("writs.db", "torn.db");
  const auto more = std::filesystem::file_size(path("torn.db-wal"));
  ASSERT_GT(more, whole);
  std::filesystem::resize_file(path("torn.db-wal"), whole + (more - whole) / 2);
  const auto stored = open("torn.db")->load();
  ASSERT_TRUE(stored);
  ASSERT_THAT(stored->writs, SizeIs(1));
  EXPECT_EQ(stored->writs[0].id, first.id);
  EXPECT_THAT(stored->revocations, SizeIs(1));
}

TEST_F(WritStoreTest, NothingUndoesARevocation) {
  const Writ writ = issued(user("u"), agent("a"));
  auto store = open();
  ASSERT_TRUE(store->put(writ));
  ASSERT_TRUE(store->revoke(writ.id, kNow, "first"));
  ASSERT_TRUE(store->put(writ));
  ASSERT_TRUE(store->revoke(writ.id, kNow + hours(1), "second"));
  const auto stored = store->load();
  ASSERT_TRUE(stored);
  EXPECT_THAT(stored->writs, SizeIs(1));
  ASSERT_THAT(stored->revocations, SizeIs(1));
  EXPECT_EQ(stored->revocations[0].by, "first");
  EXPECT_EQ(stored->revocations[0].at, kNow);
}

TEST_F(WritStoreTest, AnEndingOnlyShortens) {
  const Writ open_ended = issued(user("u"), agent("a"));
  const Writ brief = issued(user("u"), agent("b"), {.ttl = minutes(1)});
  auto store = open();
  const std::vector<Change> changes{open_ended, brief, Ending{open_ended.id, kNow + minutes(5)},
                                    Ending{brief.id, kNow + minutes(5)}};
  ASSERT_TRUE(store->apply(changes));
  ASSERT_TRUE(store->apply(changes));  // given again, nothing counts twice
  ASSERT_TRUE(store->apply(std::vector<Change>{Ending{open_ended.id, kNow + minutes(8)}}));
  const auto stored = store->load();
  ASSERT_TRUE(stored);
  for (const Writ& writ : stored->writs)
    EXPECT_EQ(writ.not_after, kNow + minutes(writ.id == brief.id ? 1 : 5));
}

TEST_F(WritStoreTest, ChangesAreAppliedAllOrNone) {
  Writ poison = issued(user("u"), agent("a"));
  poison.task = "\xff";
  auto store = open();
  const std::vector<Change> changes{issued(user("u"), agent("b")), poison};
  const Status applied = store->apply(changes);
  ASSERT_FALSE(applied);
  EXPECT_EQ(applied.error().code, ErrorCode::kInvalid);
  EXPECT_THAT(store->load()->writs, IsEmpty());
  EXPECT_TRUE(store->put(issued(user("u"), agent("c"))));  // it goes on
}

TEST_F(WritStoreTest, KeepsSessionsUntilTheyAreGone) {
  const Writ writ = issued(user("u"), agent("a"));
  const SessionRow row{.id = "0123456789abcdef",
                       .writ = writ.id,
                       .cgroup = "writ.slice/\xff session",
                       .cgroup_inode = 0xffff'ffff'ffff,
                       .mode = Mode::kObserve,
                       .uid = 1000,
                       .started = kNow,
                       .command = {"python3", "a\xff", ""},
                       .bound_by = "run"};
  auto store = open();
  ASSERT_TRUE(store->apply(std::vector<Change>{writ, row}));
  auto sessions = open()->sessions();
  ASSERT_TRUE(sessions);
  EXPECT_THAT(*sessions, ElementsAre(row));
  SessionRow enforced = row;
  enforced.mode = Mode::kEnforce;
  ASSERT_TRUE(store->apply(std::vector<Change>{enforced}));
  EXPECT_THAT(*store->sessions(), ElementsAre(enforced));
  ASSERT_TRUE(store->apply(std::vector<Change>{SessionGone{row.id}}));
  EXPECT_THAT(*store->sessions(), IsEmpty());
}

TEST_F(WritStoreTest, ForgetsTheDeadAfterSomeDays) {
  const Writ lives = issued(user("u"), agent("lives"));
  const Writ expired = issued(user("u"), agent("expired"), {.ttl = minutes(1)});
  const Writ revoked = issued(user("u"), agent("revoked"));
  const SessionRow row{.id = "s", .writ = expired.id};
  auto store = open();
  ASSERT_TRUE(store->apply(
      std::vector<Change>{lives, expired, revoked, row, Revocation{revoked.id, kNow, "root", ""}}));
  ASSERT_TRUE(store->prune(kNow + kKeepDead));
  EXPECT_THAT(store->load()->writs, SizeIs(3));
  EXPECT_THAT(*store->sessions(), SizeIs(1));
  ASSERT_TRUE(store->prune(kNow + kKeepDead + minutes(2)));
  const auto left = store->load();
  ASSERT_THAT(left->writs, SizeIs(1));
  EXPECT_EQ(left->writs[0].id, lives.id);
  EXPECT_THAT(left->revocations, IsEmpty());
  EXPECT_THAT(*store->sessions(), IsEmpty());
}

TEST_F(WritStoreTest, IsNobodyElsesToRead) {
  const mode_t old = umask(0);
  auto store = open();
  umask(old);
  ASSERT_TRUE(store->put(issued(user("u"), agent("a"))));
  const auto mode = [&](const std::string& file) {
    struct stat info = {};
    EXPECT_EQ(stat(file.c_str(), &info), 0) << file;
    return info.st_mode & 07777;
  };
  for (const char* suffix : {"", "-wal", "-shm"}) EXPECT_EQ(mode(path() + suffix), 0600u) << suffix;
  store.reset();
  ASSERT_EQ(chmod(path().c_str(), 0644), 0);
  ASSERT_NE(open(), nullptr);
  EXPECT_EQ(mode(path()), 0600u);
}

std::string refusal(const std::string& path, ErrorCode code) {
  const auto store = WritStore::open(path);
  if (store) return "opened";
  EXPECT_EQ(store.error().code, code) << store.error().message;
  return store.error().message;
}

TEST_F(WritStoreTest, SaysWhatIsWrongWithAFile) {
  std::ofstream(path("text.db")) << std::string(4096, 'x');
  EXPECT_THAT(refusal(path("text.db"), ErrorCode::kCorrupt),
              AllOf(HasSubstr("text.db is damaged"), HasSubstr("stop writd, move the file")));
  EXPECT_THAT(refusal(path("no/such.db"), ErrorCode::kIo), HasSubstr("No such file"));
  std::filesystem::create_directory(path("folder.db"));
  EXPECT_THAT(refusal(path("folder.db"), ErrorCode::kInvalid), HasSubstr("is not a file"));
  std::filesystem::create_symlink(path("elsewhere.db"), path("link.db"));
  EXPECT_THAT(refusal(path("link.db"), ErrorCode::kInvalid), HasSubstr("is not a file"));
  EXPECT_FALSE(std::filesystem::exists(path("elsewhere.db")));
}

// Runs SQL on the file, as another program would.
void run(const std::string& file, const char* sql) {
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(file.c_str(), &db), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(db, sql, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(db);
  ASSERT_EQ(sqlite3_close(db), SQLITE_OK);
}

TEST_F(WritStoreTest, RefusesAnotherVersionAndAnotherProgram) {
  open().reset();
  run(path(), "PRAGMA user_version = 2");
  EXPECT_THAT(refusal(path(), ErrorCode::kInvalid), HasSubstr("a newer writd wrote it"));
  run(path("other.db"), "CREATE TABLE t (x)");
  EXPECT_THAT(refusal(path("other.db"), ErrorCode::kCorrupt), HasSubstr("another program's"));
}

TEST_F(WritStoreTest, ARowThatWasNotIssuedFailsTheLoad) {
  const Writ writ = issued(user("u", {"crm.read"}), agent("a"));
  const auto load_after = [&](const char* sql) {
    std::filesystem::remove(path());
    (void)open()->put(writ);
    run(path(), sql);
    const auto stored = open()->load();
    if (stored) return std::string("loaded");
    EXPECT_EQ(stored.error().code, ErrorCode::kCorrupt);
    return stored.error().message;
  };
  EXPECT_THAT(load_after("UPDATE writ SET body = x'00'"), HasSubstr("not one"));
  EXPECT_THAT(load_after("UPDATE writ SET body = x''"), HasSubstr("damaged"));
  EXPECT_THAT(load_after("UPDATE writ SET id = 'other'"), HasSubstr("another's id"));
  // A wider scope, behind the good ones: what user and agent do not both have.
  EXPECT_THAT(load_after("UPDATE writ SET body = CAST(body || x'72012a' AS BLOB)"),
              HasSubstr("do not both have"));
  EXPECT_EQ(load_after("SELECT 1"), "loaded");
}

TEST_F(WritStoreTest, ADamagedPageIsFoundAtTheStart) {
  auto store = open();
  std::vector<Change> changes;
  for (int i = 0; i < 200; ++i) changes.emplace_back(issued(user("u"), agent("a")));
  ASSERT_TRUE(store->apply(changes));
  store.reset();  // the log is folded into the file
  const auto size = std::filesystem::file_size(path());
  ASSERT_GT(size, 40'000u);
  std::fstream file(path(), std::ios::in | std::ios::out | std::ios::binary);
  for (std::uintmax_t at = 8192; at < size; at += 4096) {
    file.seekp(static_cast<std::streamoff>(at));
    file << std::string(64, '\xee');
  }
  file.close();
  EXPECT_THAT(refusal(path(), ErrorCode::kCorrupt), HasSubstr("grant anew"));
}

TEST_F(WritStoreTest, TwoOpenStoresWaitForEachOther) {
  auto one = open();
  auto two = open();
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(one->put(issued(user("u"), agent("a"))));
    ASSERT_TRUE(two->put(issued(user("u"), agent("a"))));
  }
  EXPECT_THAT(one->load()->writs, SizeIs(40));
}

TEST(WritCodec, AnyCutOfTheBytesIsAWritOrAnError) {
  const std::string whole = bytes(full_writ());
  std::size_t refused = 0;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto cut = decode_writ(std::string_view(whole).substr(0, size));
    if (!cut) {
      EXPECT_EQ(cut.error().code, ErrorCode::kCorrupt);
      ++refused;
    } else {
      EXPECT_TRUE(check_writ(*cut));
    }
  }
  EXPECT_GT(refused, whole.size() / 2);
  EXPECT_TRUE(decode_writ(whole));
}

}  // namespace
}  // namespace writ::identity
