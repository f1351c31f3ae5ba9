#include "identity/writ_store.h"

#include <algorithm>
#include <limits>

#include "identity/writ_codec.h"

namespace writ::identity {
namespace {

constexpr std::int64_t kVersion = 1;
constexpr std::int64_t kOpen = std::numeric_limits<std::int64_t>::max();

// Revocations have a table of their own, so that no put can touch one. STRICT: a column holds what
// it says. Instants are nanoseconds since 1970.
constexpr const char* kSchema = R"(
  CREATE TABLE writ (
    id TEXT PRIMARY KEY,
    ends_ns INTEGER NOT NULL,  -- the earlier of its own end and of its ending; the largest: open
    body BLOB NOT NULL         -- StoredWrit
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE revocation (
    writ TEXT PRIMARY KEY,
    at_ns INTEGER NOT NULL,
    by TEXT NOT NULL,
    cause TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE session (
    id TEXT PRIMARY KEY,
    writ TEXT NOT NULL,
    body BLOB NOT NULL         -- StoredSession
  ) STRICT, WITHOUT ROWID;
  PRAGMA user_version = 1;
)";

// Rolls back unless committed.
class Transaction {
 public:
  static Result<Transaction> begin(Database& db) {
    if (Status begun = db.execute("BEGIN IMMEDIATE"); !begun) return tl::unexpected(begun.error());
    return Transaction(db);
  }
  Transaction(Transaction&& other) noexcept : db_(std::exchange(other.db_, nullptr)) {}
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction() {
    if (db_ != nullptr) (void)db_->execute("ROLLBACK");  // SQLite may have rolled back already
  }
  Status commit() {
    Status done = db_->execute("COMMIT");
    if (done) db_ = nullptr;
    return done;
  }

 private:
  explicit Transaction(Database& db) : db_(&db) {}
  Database* db_;
};

Status check_schema(Database& db) {
  auto transaction = Transaction::begin(db);
  if (!transaction) return tl::unexpected(transaction.error());
  const auto version = db.number("PRAGMA user_version");
  if (!version) return tl::unexpected(version.error());
  const auto tables = db.number("SELECT count(*) FROM sqlite_schema");
  if (!tables) return tl::unexpected(tables.error());
  if (*version == 0 && *tables == 0) {
    if (Status made = db.execute(kSchema); !made) return made;
    return transaction->commit();
  }
  if (*version > kVersion) {
    return fail(ErrorCode::kInvalid,
                "the writ store {} has version {}, this writd reads up to {} (a newer writd wrote "
                "it: start that one, or move the file away)",
                db.path(), *version, kVersion);
  }
  if (*version != kVersion) return tl::unexpected(db.damaged("it is another program's database"));
  // quick_check is linear in the file, which holds a week of writs.
  const auto check = db.text("PRAGMA quick_check(1)");
  if (!check) return tl::unexpected(check.error());
  if (*check != "ok") return tl::unexpected(db.damaged(*check));
  return {};
}

Status write(Database& db, const Writ& writ) {
  const auto body = encode_writ(writ);
  if (!body) return tl::unexpected(body.error());
  // A writ never changes; what is there already came with the same batch before.
  auto insert = db.prepare("INSERT INTO writ VALUES (?, ?, ?) ON CONFLICT DO NOTHING");
  if (!insert) return tl::unexpected(insert.error());
  return insert->bind_text(1, writ.id)
      .bind(2, writ.not_after ? to_unix_ns(*writ.not_after) : kOpen)
      .bind_blob(3, *body)
      .run();
}

Status write(Database& db, const Revocation& revocation) {
  // The first one stands.
  auto insert = db.prepare("INSERT INTO revocation VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING");
  if (!insert) return tl::unexpected(insert.error());
  return insert->bind_text(1, revocation.writ)
      .bind(2, to_unix_ns(revocation.at))
      .bind_text(3, revocation.by)
      .bind_text(4, revocation.cause)
      .run();
}

Status write(Database& db, const Ending& ending) {
  auto update = db.prepare("UPDATE writ SET ends_ns = min(ends_ns, ?) WHERE id = ?");
  if (!update) return tl::unexpected(update.error());
  return update->bind(1, to_unix_ns(ending.at)).bind_text(2, ending.writ).run();
}

Status write(Database& db, const SessionRow& session) {
  auto insert = db.prepare("INSERT OR REPLACE INTO session VALUES (?, ?, ?)");
  if (!insert) return tl::unexpected(insert.error());
  return insert->bind_text(1, session.id)
      .bind_text(2, session.writ)
      .bind_blob(3, encode_session(session))
      .run();
}

Status write(Database& db, const SessionGone& session) {
  auto remove = db.prepare("DELETE FROM session WHERE id = ?");
  if (!remove) return tl::unexpected(remove.error());
  return remove->bind_text(1, session.id).run();
}

}  // namespace

Result<std::unique_ptr<WritStore>> WritStore::open(const std::string& path) {
  auto db = Database::open(path);
  if (!db) return tl::unexpected(db.error());
  if (Status checked = check_schema(**db); !checked) return tl::unexpected(checked.error());
  return std::unique_ptr<WritStore>(new WritStore(std::move(*db)));
}

Status WritStore::apply(std::span<const Change> changes) {
  auto transaction = Transaction::begin(*db_);
  if (!transaction) return tl::unexpected(transaction.error());
  for (const Change& change : changes) {
    Status written = std::visit([&](const auto& each) { return write(*db_, each); }, change);
    if (!written) return written;
  }
  return transaction->commit();
}

Result<StoredWrits> WritStore::load() {
  StoredWrits stored;
  auto writs = db_->prepare("SELECT id, ends_ns, body FROM writ");
  if (!writs) return tl::unexpected(writs.error());
  for (;;) {
    const auto row = writs->step();
    if (!row) return tl::unexpected(row.error());
    if (!*row) break;
    auto writ = decode_writ(writs->bytes(2));
    if (!writ) return tl::unexpected(db_->damaged(writ.error().message));
    if (writ->id != writs->bytes(0)) return tl::unexpected(db_->damaged("a writ has another's id"));
    if (const std::int64_t ends = writs->integer(1); ends != kOpen) {
      const TimePoint end = from_unix_ns(ends);
      writ->not_after = std::max(writ->not_before, std::min(end, writ->not_after.value_or(end)));
    }
    stored.writs.push_back(std::move(*writ));
  }
  auto revocations = db_->prepare("SELECT writ, at_ns, by, cause FROM revocation");
  if (!revocations) return tl::unexpected(revocations.error());
  for (;;) {
    const auto row = revocations->step();
    if (!row) return tl::unexpected(row.error());
    if (!*row) return stored;
    stored.revocations.push_back({.writ = std::string(revocations->bytes(0)),
                                  .at = from_unix_ns(revocations->integer(1)),
                                  .by = std::string(revocations->bytes(2)),
                                  .cause = std::string(revocations->bytes(3))});
  }
}

Result<std::vector<SessionRow>> WritStore::sessions() {
  std::vector<SessionRow> rows;
  auto sessions = db_->prepare("SELECT body FROM session ORDER BY id");
  if (!sessions) return tl::unexpected(sessions.error());
  for (;;) {
    const auto row = sessions->step();
    if (!row) return tl::unexpected(row.error());
    if (!*row) return rows;
    auto session = decode_session(sessions->bytes(0));
    if (!session) return tl::unexpected(db_->damaged(session.error().message));
    rows.push_back(std::move(*session));
  }
}

Status WritStore::prune(TimePoint now) {
  auto transaction = Transaction::begin(*db_);
  if (!transaction) return tl::unexpected(transaction.error());
  const std::int64_t before = to_unix_ns(now - kKeepDead);
  for (const char* sql :
       {"DELETE FROM writ WHERE ends_ns < ?1 OR id IN (SELECT writ FROM revocation WHERE at_ns < "
        "?1)",
        // Not by age: what is revoked stays so for as long as its writ is here.
        "DELETE FROM revocation WHERE at_ns < ?1 AND writ NOT IN (SELECT id FROM writ)",
        "DELETE FROM session WHERE ?1 = ?1 AND writ NOT IN (SELECT id FROM writ)"}) {
    auto statement = db_->prepare(sql);
    if (!statement) return tl::unexpected(statement.error());
    if (Status done = statement->bind(1, before).run(); !done) return done;
  }
  return transaction->commit();
}

Status WritStore::put(const Writ& writ) {
  const Change change = writ;
  return apply({&change, 1});
}

Status WritStore::revoke(const std::string& writ, TimePoint when, const std::string& by) {
  const Change change = Revocation{.writ = writ, .at = when, .by = by};
  return apply({&change, 1});
}

}  // namespace writ::identity
