// Arbitrary bytes as a segment and as a checkpoint: the scanner, the verifier and the decoder must
// take them, and must not take a byte for proven that was not written.
//
// The input's first byte says how it is used. As nobody guesses a MAC, half of the inputs are edits
// of a whole segment, so that what lies behind the first check is reached too.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "audit/segment.h"
#include "audit/verifier.h"
#include "record.pb.h"

namespace {

using namespace writ::audit;  // NOLINT(google-build-using-namespace)

constexpr int kRecords = 6;

const Key& key() {
  static const Key fixed = Key::from_bytes({1, 2, 3});
  return fixed;
}

const std::vector<std::uint8_t>& whole_segment() {
  static const std::vector<std::uint8_t> bytes = [] {
    Mac header_mac = *key().header_mac();
    Mac mac = *key().record_mac();
    std::array<std::uint8_t, kHeaderBytes> header;
    MacValue last = encode_header({.key_id = *key().id()}, header_mac, header);
    std::vector<std::uint8_t> out(header.begin(), header.end());
    for (std::uint64_t sequence = 1; sequence <= kRecords; ++sequence) {
      writ::v1::Record record;
      record.set_sequence(sequence);
      record.mutable_decision()->set_call_id(std::string(sequence * 7, 'c'));
      const std::string payload = record.SerializeAsString();
      last = record_mac(mac, last, sequence, as_bytes(payload));
      std::uint8_t length[kLengthBytes];
      put_length(length, static_cast<std::uint32_t>(payload.size()));
      out.insert(out.end(), length, length + kLengthBytes);
      out.insert(out.end(), payload.begin(), payload.end());
      out.insert(out.end(), last.begin(), last.end());
    }
    return out;
  }();
  return bytes;
}

SegmentScanner scanner(Bytes bytes) {
  auto made = SegmentScanner::create(std::make_unique<MemorySource>(bytes), key());
  if (!made) std::abort();
  return std::move(*made);
}

// Reads on behind damage, as the queries do. Every good frame must be one that was written, in its
// place.
void read_through(Bytes bytes) {
  SegmentScanner scan = scanner(bytes);
  auto step = scan.start();
  if (!step || *step != SegmentScanner::Step::kGood) return;
  while (true) {
    step = scan.next();
    if (!step) std::abort();
    if (*step == SegmentScanner::Step::kDamaged && scan.step_over()) continue;
    if (*step != SegmentScanner::Step::kGood) return;
    writ::v1::Record record;
    if (scan.sequence() > kRecords ||
        !record.ParseFromArray(scan.payload().data(), static_cast<int>(scan.payload().size())) ||
        record.sequence() != scan.sequence()) {
      std::abort();
    }
  }
}

void check(Bytes bytes) {
  SegmentScanner scan = scanner(bytes);
  auto report = verify_segment(scan);
  if (!report) std::abort();
  // What was proven is a prefix of what was written.
  const auto& whole = whole_segment();
  if (report->end_offset > bytes.size() || report->end_offset > whole.size() ||
      (report->end_offset > 0 &&
       std::memcmp(bytes.data(), whole.data(), report->end_offset) != 0)) {
    std::abort();
  }
  read_through(bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::uint8_t use = data[0] % 4;
  const Bytes input(data + 1, size - 1);
  if (use == 0) {
    check(input);
  } else if (use == 1 && input.size() >= kCheckpointSlotBytes) {
    Mac mac = *key().checkpoint_mac();
    if (decode_checkpoint(input.first<kCheckpointSlotBytes>(), mac)) std::abort();
  } else if (use == 2 && input.size() >= 2) {
    // Replace: position, then what stands there.
    std::vector<std::uint8_t> edited = whole_segment();
    const std::size_t at = (input[0] | input[1] << 8) % edited.size();
    for (std::size_t i = 2; i < input.size() && at + i - 2 < edited.size(); ++i)
      edited[at + i - 2] = input[i];
    check(edited);
  } else if (use == 3 && input.size() >= 4) {
    // Cut out, and put something else in its place.
    std::vector<std::uint8_t> edited = whole_segment();
    const std::size_t at = (input[0] | input[1] << 8) % edited.size();
    const std::size_t count = std::min<std::size_t>(input[2] | input[3] << 8, edited.size() - at);
    const auto begin = edited.begin() + static_cast<std::ptrdiff_t>(at);
    edited.erase(begin, begin + static_cast<std::ptrdiff_t>(count));
    edited.insert(edited.begin() + static_cast<std::ptrdiff_t>(at), input.begin() + 4, input.end());
    check(edited);
  }
  return 0;
}
