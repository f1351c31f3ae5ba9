// Finds where an audit record can be continued, after an orderly end, a crash, or a manipulation.
//
// Two things can be wrong behind the last start, and the checkpoint tells them apart:
// - Torn tail: bytes behind what the checkpoint says was durable are not a whole record. A power
//   failure leaves that. They are cut off the segment; a copy stays as `torn-…` beside it.
// - Break: bytes that were durable are changed or gone. No segment is touched (and the checkpoint
// is
//   kept as `broken-….checkpoint`); the record goes on in a new segment whose header marks the
//   break, so that the verifier shows it for ever.
// Both are told to the caller, and stand in the record itself as a Gap.
//
// Only the segments from the checkpoint's on are read (at most one or two), so that a start stays
// fast however long the record is; the older ones are the verifier's.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "audit/store.h"

namespace writ::audit {

// What opening the record found. Nothing set: all was in order.
struct Recovery {
  std::uint64_t torn_bytes = 0;         // cut off, kept in torn_files
  std::uint64_t torn_sequence = 0;      // the record that would have begun there
  std::vector<std::string> torn_files;  // names within the directory
  // One slot of the checkpoint was damaged, as a power failure can leave it; it was written anew.
  std::string checkpoint_problem;
  bool broken = false;
  std::string problem;  // a sentence: how it is broken
  std::string file;     // where
  std::uint64_t offset = 0;
  std::uint64_t broken_sequence = 0;

  [[nodiscard]] bool clean() const {
    return !broken && torn_bytes == 0 && torn_files.empty() && checkpoint_problem.empty();
  }
};

// Where writing goes on.
struct ResumePoint {
  // The segment to append to, at `offset`; empty: begin a new one with `header`.
  std::string path;
  std::uint64_t segment_first = 1;
  std::uint64_t offset = 0;
  std::uint64_t next_sequence = 1;
  MacValue last_mac{};
  SegmentHeader header;
  std::uint64_t generation = 0;  // of the next checkpoint
  bool fresh = false;            // nothing was there: no segment, no checkpoint
};

// REQUIRES: the directory's lock is held. Cuts a torn tail; changes nothing else.
Result<ResumePoint> recover(const std::string& dir, const Key& key, Recovery& found);

}  // namespace writ::audit
