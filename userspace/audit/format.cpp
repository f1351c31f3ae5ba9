#include "audit/format.h"

#include <algorithm>
#include <charconv>

namespace writ::audit {
namespace {

constexpr std::string_view kSegmentMagic = "WRITAUD1";
constexpr std::string_view kCheckpointMagic = "WRITCHK1";
constexpr std::uint32_t kFlagAfterBreak = 1;
constexpr std::uint32_t kFlagClosed = 1;

// Offsets in the header: magic 8, flags 4, zero 4, key id 16, first sequence 8, last good sequence
// 8, previous MAC 32, zero 16, MAC 32.
constexpr std::size_t kHeaderMacAt = kHeaderBytes - kMacBytes;
constexpr std::size_t kSlotMacAt = kCheckpointSlotBytes - kMacBytes;

void put32(std::uint8_t* out, std::uint32_t value) {
  for (int i = 0; i < 4; ++i) out[i] = static_cast<std::uint8_t>(value >> (8 * i));
}
void put64(std::uint8_t* out, std::uint64_t value) {
  for (int i = 0; i < 8; ++i) out[i] = static_cast<std::uint8_t>(value >> (8 * i));
}
std::uint32_t get32(const std::uint8_t* in) {
  std::uint32_t value = 0;
  for (int i = 3; i >= 0; --i) value = value << 8 | in[i];
  return value;
}
std::uint64_t get64(const std::uint8_t* in) {
  std::uint64_t value = 0;
  for (int i = 7; i >= 0; --i) value = value << 8 | in[i];
  return value;
}
void put_text(std::uint8_t* out, std::string_view text) {
  std::copy(text.begin(), text.end(), out);
}
bool starts_with(Bytes bytes, std::string_view text) {
  return bytes.size() >= text.size() && std::equal(text.begin(), text.end(), bytes.begin());
}

}  // namespace

void put_length(std::uint8_t* out, std::uint32_t length) { put32(out, length); }
std::uint32_t get_length(const std::uint8_t* in) { return get32(in); }

MacValue encode_header(const SegmentHeader& header, Mac& mac,
                       std::array<std::uint8_t, kHeaderBytes>& out) {
  out.fill(0);
  put_text(out.data(), kSegmentMagic);
  put32(&out[8], header.after_break ? kFlagAfterBreak : 0);
  std::copy(header.key_id.begin(), header.key_id.end(), &out[16]);
  put64(&out[32], header.first_sequence);
  put64(&out[40], header.last_good_sequence);
  std::copy(header.previous_mac.begin(), header.previous_mac.end(), &out[48]);
  mac.update(Bytes(out).first(kHeaderMacAt));
  const MacValue value = mac.finish();
  std::copy(value.begin(), value.end(), &out[kHeaderMacAt]);
  return value;
}

Result<SegmentHeader> decode_header(std::span<const std::uint8_t, kHeaderBytes> bytes, Mac& mac,
                                    const Key::Id& key_id, MacValue& header_mac) {
  if (!starts_with(bytes, kSegmentMagic))
    return fail(ErrorCode::kCorrupt, "the header is not that of an audit segment of version 1");
  SegmentHeader header;
  std::copy_n(&bytes[16], header.key_id.size(), header.key_id.begin());
  if (header.key_id != key_id)
    return fail(ErrorCode::kCorrupt, "the segment was written with another key");
  mac.update(Bytes(bytes).first(kHeaderMacAt));
  header_mac = mac.finish();
  if (!equal(header_mac, Bytes(bytes).subspan(kHeaderMacAt)))
    return fail(ErrorCode::kCorrupt, "the segment's header has been changed");
  header.after_break = (get32(&bytes[8]) & kFlagAfterBreak) != 0;
  header.first_sequence = get64(&bytes[32]);
  header.last_good_sequence = get64(&bytes[40]);
  std::copy_n(&bytes[48], kMacBytes, header.previous_mac.begin());
  return header;
}

MacValue record_mac(Mac& mac, const MacValue& previous, std::uint64_t sequence, Bytes payload) {
  std::array<std::uint8_t, kMacBytes + 8 + kLengthBytes> head;
  std::copy(previous.begin(), previous.end(), head.begin());
  put64(&head[kMacBytes], sequence);
  put32(&head[kMacBytes + 8], static_cast<std::uint32_t>(payload.size()));
  mac.update(head);
  mac.update(payload);
  return mac.finish();
}

// A slot: magic 8, flags 4, zero 4, generation 8, last sequence 8, segment first 8, segment bytes
// 8, last MAC 32, zeros, MAC 32 over all before it.
void encode_checkpoint(const Checkpoint& checkpoint, Mac& mac,
                       std::span<std::uint8_t, kCheckpointSlotBytes> out) {
  std::fill(out.begin(), out.end(), std::uint8_t{0});
  put_text(out.data(), kCheckpointMagic);
  put32(&out[8], checkpoint.closed ? kFlagClosed : 0);
  put64(&out[16], checkpoint.generation);
  put64(&out[24], checkpoint.last_sequence);
  put64(&out[32], checkpoint.segment_first);
  put64(&out[40], checkpoint.segment_bytes);
  std::copy(checkpoint.last_mac.begin(), checkpoint.last_mac.end(), &out[48]);
  mac.update(Bytes(out).first(kSlotMacAt));
  const MacValue value = mac.finish();
  std::copy(value.begin(), value.end(), &out[kSlotMacAt]);
}

std::optional<Checkpoint> decode_checkpoint(std::span<const std::uint8_t, kCheckpointSlotBytes> in,
                                            Mac& mac) {
  mac.update(Bytes(in).first(kSlotMacAt));
  if (!equal(mac.finish(), Bytes(in).subspan(kSlotMacAt)) || !starts_with(in, kCheckpointMagic))
    return std::nullopt;
  Checkpoint checkpoint;
  checkpoint.closed = (get32(&in[8]) & kFlagClosed) != 0;
  checkpoint.generation = get64(&in[16]);
  checkpoint.last_sequence = get64(&in[24]);
  checkpoint.segment_first = get64(&in[32]);
  checkpoint.segment_bytes = get64(&in[40]);
  std::copy_n(&in[48], kMacBytes, checkpoint.last_mac.begin());
  return checkpoint;
}

std::string segment_name(std::uint64_t first_sequence) {
  return fmt::format("segment-{:020}.writ", first_sequence);
}

std::optional<std::uint64_t> parse_segment_name(std::string_view name) {
  constexpr std::string_view kPrefix = "segment-";
  constexpr std::string_view kSuffix = ".writ";
  if (name.size() != kPrefix.size() + 20 + kSuffix.size() || !name.starts_with(kPrefix) ||
      !name.ends_with(kSuffix)) {
    return std::nullopt;
  }
  const std::string_view digits = name.substr(kPrefix.size(), 20);
  std::uint64_t value = 0;
  const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (code != std::errc() || end != digits.data() + digits.size() || value == 0 ||
      value > kMaxSequence) {
    return std::nullopt;
  }
  return value;
}

}  // namespace writ::audit
