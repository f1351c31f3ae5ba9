// Writs, revocations and sessions on disk (SQLite), so that a restarted writd knows them all.
//
//   auto store = WritStore::open("/var/lib/writ/writs.db");
//   book.restore(*(*store)->load(), now);
//   ...on a worker's thread: store->apply(book.take_changes().changes)
//
// What apply() returned for survives kill -9 and power loss (WAL, synchronous=FULL). A put never
// touches a revocation, and nothing removes one before its writ. Schema: kSchema in writ_store.cpp;
// the rows' bodies are StoredWrit and StoredSession of include/writ/state.proto.
//
// Owner: the daemon; one thread at a time.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "identity/sqlite.h"
#include "identity/writ_change.h"

namespace writ::identity {

// Dead writs stay this long, for `writ list --all` and for whoever asks later.
inline constexpr std::chrono::hours kKeepDead{7 * 24};

struct StoredWrits {
  std::vector<Writ> writs;  // not_after is the earlier of the writ's own and its ending
  std::vector<Revocation> revocations;
};

class WritStore final : public ChangeSink {
 public:
  // Makes the file (mode 0600, also where it was wider) in a folder that exists. kCorrupt: the file
  // is damaged or not a store; kInvalid: a newer writd wrote it; kUnavailable: another process
  // keeps it locked; kIo. Each message says what to do.
  static Result<std::unique_ptr<WritStore>> open(const std::string& path);

  Status apply(std::span<const Change> changes) override;

  // One row that cannot be read or is none that could have been issued fails the whole: kCorrupt.
  Result<StoredWrits> load();
  Result<std::vector<SessionRow>> sessions();

  // Forgets what has been dead for kKeepDead, and sessions without a writ.
  Status prune(TimePoint now) override;

  // apply() of one change, for those who have just one.
  Status put(const Writ& writ);
  Status revoke(const std::string& writ, TimePoint when, const std::string& by);

 private:
  explicit WritStore(std::unique_ptr<Database> db) : db_(std::move(db)) {}

  std::unique_ptr<Database> db_;
};

}  // namespace writ::identity
