// Appends records to the audit record of one directory.
//
//   auto writer = audit::Writer::open(dir, {.durability = audit::Durability::kStrict});
//   if (!writer) return context(writer.error(), "open the audit record");
//   if (!(*writer)->recovery().clean()) log_loudly((*writer)->recovery());
//   auto sequence = (*writer)->append(record);   // kill -9 does not lose it from here on
//   if (!sequence || !(*writer)->commit()) deny();
//   release();
//
// append() hands the record to the kernel with one write of its own, so nothing that was
// acknowledged is lost with the process, and the failure of one caller's record is never another's.
// A power failure can lose what the disk does not have yet: a background thread syncs what was
// written every few milliseconds and then writes the checkpoint; with Durability::kStrict, commit()
// does so before it returns (concurrent callers share one sync).
//
// One writer a directory (a lock file says who); all methods may be called from any thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "audit/disk.h"
#include "audit/key.h"
#include "audit/recovery.h"
#include "record.pb.h"
#include "util/result.h"
#include "util/unique_fd.h"

namespace writ::audit {

enum class Durability {
  kGroup,   // synced by the background thread: power loss can cost the last few milliseconds
  kStrict,  // commit() returns when the disk has the record
};

struct WriterOptions {
  std::string key_file;  // empty: `audit.key` in the directory
  Durability durability = Durability::kGroup;
  std::chrono::milliseconds sync_every{5};
  std::uint64_t segment_bytes = 64u << 20;  // a segment is not begun beyond this
  Disk* disk = nullptr;                     // must outlive the writer; null: the real one
};

class Writer {
 public:
  // Makes the directory (0700) and the key when nothing is there, and continues what is there.
  // A torn tail or a break does not fail: see recovery(), which the caller must make known. Errors:
  // kUnavailable when another process writes here; kDenied when the key or the directory are open
  // to others; kNotFound when there is a record but no key; kIo.
  static Result<std::unique_ptr<Writer>> open(const std::string& dir, WriterOptions options = {});
  ~Writer();  // as close(), without the result
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  // What open() found; what was not clean stands as Gap records ("torn_tail", "chain_broken",
  // "checkpoint_torn") at the start of what this writer wrote.
  [[nodiscard]] const Recovery& recovery() const { return recovery_; }

  // Sets `record`'s sequence (and its time, when it is 0), writes it, returns the sequence. On an
  // error nothing was written, and the record has no sequence. After a failed sync every append
  // fails until the record is opened anew: what the disk has is not known then.
  Result<std::uint64_t> append(v1::Record& record);
  // kStrict: everything appended before this call is on the disk when it succeeds. kGroup: only
  // tells whether syncing still works.
  Status commit();
  // Everything appended before this call is on the disk when it succeeds, in either mode.
  Status sync();
  // Syncs, marks the record as ended in order, and gives up the lock; append() fails from then on.
  Status close();

  [[nodiscard]] std::uint64_t last_sequence() const;
  [[nodiscard]] std::uint64_t durable_sequence() const;
  [[nodiscard]] const Key& key() const { return key_; }
  [[nodiscard]] const std::string& dir() const { return dir_; }

 private:
  using SharedFd = std::shared_ptr<UniqueFd>;

  Writer(std::string dir, WriterOptions options, const Key& key, Mac header, Mac record,
         Mac checkpoint);
  Status start(UniqueFd lock);
  Status write_gaps();
  Status begin_segment(const SegmentHeader& header);  // REQUIRES: mutex_
  Status repair_tail();                               // REQUIRES: mutex_
  Status write_checkpoint(Checkpoint checkpoint);     // REQUIRES: sync_mutex_
  Status sync_once(bool closed);                      // REQUIRES: sync_mutex_
  Status sync_through(std::uint64_t sequence);
  Status broken_off() const;  // REQUIRES: mutex_
  void run();

  const std::string dir_;
  const WriterOptions options_;
  Disk& disk_;
  const Key key_;
  UniqueFd lock_;
  Recovery recovery_;

  // Taken before mutex_ when both are needed.
  std::mutex sync_mutex_;
  Mac checkpoint_mac_;
  UniqueFd checkpoint_fd_;
  std::uint64_t generation_ = 0;
  std::chrono::steady_clock::time_point checkpoint_synced_;

  mutable std::mutex mutex_;
  Mac header_mac_;
  Mac record_mac_;
  SharedFd segment_;
  std::string segment_path_;
  std::uint64_t segment_first_ = 1;
  std::uint64_t offset_ = 0;  // where the next record goes
  std::uint64_t next_sequence_ = 1;
  MacValue last_mac_{};
  bool tail_dirty_ = false;          // a failed write left bytes behind offset_
  std::vector<SharedFd> unsynced_;   // segments that were left behind full
  bool directory_unsynced_ = false;  // a segment was begun
  std::vector<std::uint8_t> frame_;
  std::uint64_t durable_sequence_ = 0;
  std::string failure_;  // a sync failed: nothing more can be promised
  bool closed_ = false;

  std::condition_variable wake_;
  bool dirty_ = false;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace writ::audit
