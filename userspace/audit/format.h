// The bytes of the audit record on disk; FORMAT.md is the grammar with a worked example.
//
// All integers are little-endian. Nothing here touches a file.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "audit/key.h"
#include "audit/mac.h"
#include "util/result.h"

namespace writ::audit {

inline constexpr std::size_t kHeaderBytes = 128;
inline constexpr std::size_t kLengthBytes = 4;
inline constexpr std::size_t kFrameOverhead = kLengthBytes + kMacBytes;
// The longest serialised Record. It bounds a reader's memory, whatever a length field says.
inline constexpr std::uint32_t kMaxRecordBytes = 1u << 20;
// No segment begins behind this: a file name that says so is not one of ours.
inline constexpr std::uint64_t kMaxSequence = 1ull << 62;

// The start of a segment file.
struct SegmentHeader {
  Key::Id key_id{};
  std::uint64_t first_sequence = 1;
  // The MAC of the record (or, of an empty segment, the header) before this segment; zeros in the
  // first.
  MacValue previous_mac{};
  // Set when the record before this segment was found broken, so that it could not be continued:
  // records between last_good_sequence and first_sequence are lost or cannot be trusted.
  bool after_break = false;
  std::uint64_t last_good_sequence = 0;
};

// Fills `out` and returns the header's MAC, from which the segment's first record chains on.
MacValue encode_header(const SegmentHeader& header, Mac& mac,
                       std::array<std::uint8_t, kHeaderBytes>& out);
// Errors are kCorrupt and say which part is wrong. `header_mac` receives the MAC.
Result<SegmentHeader> decode_header(std::span<const std::uint8_t, kHeaderBytes> bytes, Mac& mac,
                                    const Key::Id& key_id, MacValue& header_mac);

void put_length(std::uint8_t* out, std::uint32_t length);
std::uint32_t get_length(const std::uint8_t* in);

// MAC of one record: over the MAC before it, its sequence number, its length and its payload.
MacValue record_mac(Mac& mac, const MacValue& previous, std::uint64_t sequence, Bytes payload);

// What was durable when it was written. The file `checkpoint` holds two slots that are written in
// turn, so that one of them is whole even if the power fails while the other is written.
struct Checkpoint {
  std::uint64_t generation = 0;
  std::uint64_t last_sequence = 0;  // records 1 to this one were written; 0: none yet
  MacValue last_mac{};              // of that record; of the segment's header when it is empty
  std::uint64_t segment_first = 1;  // the segment in which it stands
  std::uint64_t segment_bytes = 0;  // that segment's length behind it
  bool closed = false;              // the writer ended in order: nothing stands behind it
};
inline constexpr std::size_t kCheckpointSlotBytes = 512;  // a sector, the unit disks write whole
inline constexpr std::size_t kCheckpointFileBytes = 2 * kCheckpointSlotBytes;

void encode_checkpoint(const Checkpoint& checkpoint, Mac& mac,
                       std::span<std::uint8_t, kCheckpointSlotBytes> out);
std::optional<Checkpoint> decode_checkpoint(std::span<const std::uint8_t, kCheckpointSlotBytes> in,
                                            Mac& mac);

// "segment-00000000000000000042.writ", and back; nullopt for any other name.
std::string segment_name(std::uint64_t first_sequence);
std::optional<std::uint64_t> parse_segment_name(std::string_view name);

}  // namespace writ::audit
