// The directory of one audit record: its segments in order, and its checkpoint.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "audit/format.h"
#include "util/result.h"

namespace writ::audit {

struct SegmentFile {
  std::uint64_t first_sequence = 0;  // as the name says
  std::string path;
};

struct Listing {
  std::vector<SegmentFile> segments;   // by first sequence
  std::vector<std::string> strangers;  // names like a segment's that are not one
};
Result<Listing> list_segments(const std::string& dir);

std::string checkpoint_path(const std::string& dir);
// Where the key is when nobody says otherwise: beside the segments.
std::string default_key_path(const std::string& dir);

struct CheckpointFile {
  bool exists = false;
  std::optional<Checkpoint> newest;  // nullopt: neither slot can be trusted
  // Why the file is not exactly what was written; empty when it is. With `newest` set, one slot is
  // good: that is what a power failure can leave.
  std::string problem;
  std::uint64_t offset = 0;  // where the problem is
};
Result<CheckpointFile> read_checkpoint(const std::string& dir, const Key& key);

// Syncs the directory itself: a new file's name is durable then.
Status sync_directory(const std::string& dir);

}  // namespace writ::audit
