// Proves that an audit record is whole, or says where it is not.
//
// Reads every byte of every segment once, with one record in memory. Can run beside a live writer:
// what is appended meanwhile is verified as far as it is seen.
//
// What it finds: any changed, inserted, repeated, reordered or removed byte of a segment, also
// whole segments, and a tail cut off behind what the checkpoint says was durable. What no local
// check can find: that the whole directory was put back to an older state of itself, or replaced by
// someone who has the key; that needs an anchor outside the host.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "audit/key.h"
#include "audit/segment.h"
#include "util/result.h"

namespace writ::audit {

struct Problem {
  std::string message;  // a sentence
  std::string file;     // path
  std::uint64_t offset = 0;
  std::uint64_t sequence = 0;  // of the first record that cannot be trusted; 0: no single one
};

struct Report {
  bool intact = true;
  std::uint64_t records = 0;   // that were proven
  std::uint64_t segments = 0;  // that were read
  std::uint64_t last_sequence = 0;
  // Where it broke: one entry for each segment in which something is wrong, in order, at most
  // kMaxProblems. Empty when intact.
  std::vector<Problem> problems;
  // Bytes of an unfinished record at the end: a crash left them, or it is being written just now.
  // They were never acknowledged, so they do not break the record; the next start cuts them off and
  // says so.
  std::uint64_t unfinished_bytes = 0;
};
inline constexpr std::size_t kMaxProblems = 100;

// Fails only when it cannot read; a broken record is a Report.
Result<Report> verify(const std::string& dir, const Key& key);

// The part of verify() that knows one segment, for the fuzzer and for proofs: reads it to its end.
// `scanner` is fresh. Returns what is wrong; an empty message: nothing.
struct SegmentReport {
  SegmentHeader header;
  bool header_good = false;
  std::uint64_t records = 0;
  std::uint64_t next_sequence = 0;
  MacValue last_mac{};
  std::uint64_t end_offset = 0;
  std::uint64_t incomplete_bytes = 0;
  std::string problem;
};
// What a checkpoint says of a segment, to be compared while it goes by.
struct Expectation {
  std::uint64_t sequence = 0;  // 0: nothing
  MacValue mac{};
};
Result<SegmentReport> verify_segment(SegmentScanner& scanner, const Expectation& expected = {});

}  // namespace writ::audit
