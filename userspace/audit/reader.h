// Reads the records of a directory in their order, each proven against the chain, also while a
// writer appends.
//
//   auto cursor = audit::Cursor::open(dir, key);
//   while (true) {
//     auto entry = cursor->next();
//     if (!entry) note(entry.error());        // damage (kCorrupt): the next call goes on behind it
//     else if (!*entry) break;                // the end, for now; ask again to follow
//     else use((*entry)->record);
//   }
//
// A record that is not proven within its segment is never returned; whether the segments follow one
// another without a hole is the verifier's question. Memory is one record, however long the audit
// is.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "audit/key.h"
#include "audit/segment.h"
#include "record.pb.h"
#include "util/result.h"

namespace writ::audit {

// Where a record stands.
struct Position {
  std::uint64_t segment = 0;  // first sequence of the segment, which names its file
  std::uint64_t offset = 0;   // in it
  std::uint64_t sequence = 0;
};

struct Entry {
  v1::Record record;
  Position position;
};

// One reader's place in the record. Not thread-safe; any number of cursors can be open.
class Cursor {
 public:
  // Begins with the first record, or with the segment that holds `from_sequence` (its records
  // before that one are read, to prove the chain, but not returned). A directory without segments
  // is empty.
  static Result<Cursor> open(const std::string& dir, const Key& key,
                             std::uint64_t from_sequence = 1);

  // The next record; nullopt: there is none yet. Errors: kCorrupt once for each damaged place, and
  // then the cursor stands behind it (behind the rest of the segment when its length cannot be
  // trusted); kIo, after which it stands where it was.
  Result<std::optional<Entry>> next();

 private:
  Cursor(std::string dir, const Key& key, std::uint64_t from_sequence)
      : dir_(std::move(dir)), key_(key), from_sequence_(from_sequence) {}
  // Opens the segment that follows the current one; false: there is none.
  Result<bool> next_segment();
  Result<std::optional<Entry>> read_one();

  std::string dir_;
  Key key_;
  std::uint64_t from_sequence_;
  std::optional<SegmentScanner> scanner_;
  std::uint64_t segment_ = 0;  // of scanner_
  std::string path_;
  bool started_ = false;   // scanner_ has read its header
  bool given_up_ = false;  // the rest of this segment cannot be read
  bool torn_ = false;      // the last look ended within a record
  bool looked_again_ = false;
};

// The one record at `position`, proven against the record before it (not against the whole chain).
Result<v1::Record> read_record(const std::string& dir, const Key& key, const Position& position);

}  // namespace writ::audit
