#include "audit/reader.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "audit/store.h"

namespace writ::audit {

using Step = SegmentScanner::Step;

Result<Cursor> Cursor::open(const std::string& dir, const Key& key, std::uint64_t from_sequence) {
  Cursor cursor(dir, key, from_sequence);
  auto listing = list_segments(dir);
  if (!listing) return tl::unexpected(listing.error());
  // The last segment that begins at or before the wanted record.
  for (const SegmentFile& file : listing->segments) {
    if (file.first_sequence > from_sequence) break;
    cursor.segment_ = file.first_sequence - 1;  // next_segment() opens the first one behind this
  }
  return cursor;
}

Result<bool> Cursor::next_segment() {
  auto listing = list_segments(dir_);
  if (!listing) return tl::unexpected(listing.error());
  const auto& all = listing->segments;
  const auto found = std::find_if(all.begin(), all.end(), [this](const SegmentFile& file) {
    return file.first_sequence > segment_;
  });
  if (found == all.end()) return false;
  // The segment before may have got its last records between our last look and the listing.
  if (scanner_ && !given_up_ && !looked_again_) {
    looked_again_ = true;
    return true;
  }
  if (scanner_ && std::exchange(torn_, false)) {
    given_up_ = true;
    return fail(ErrorCode::kCorrupt, "{} at byte {}: the segment is cut off", path_,
                scanner_->offset());
  }
  auto source = FileSource::open(found->path);
  if (!source) return tl::unexpected(source.error());
  auto scanner = SegmentScanner::create(std::move(*source), key_);
  if (!scanner) return tl::unexpected(scanner.error());
  scanner_.emplace(std::move(*scanner));
  segment_ = found->first_sequence;
  path_ = found->path;
  started_ = false;
  given_up_ = false;
  looked_again_ = false;
  return true;
}

Result<std::optional<Entry>> Cursor::read_one() {
  if (!scanner_ || given_up_) return std::optional<Entry>();
  const auto damaged = [this](std::uint64_t offset) {
    return fail(ErrorCode::kCorrupt, "{} at byte {}: {}", path_, offset, scanner_->problem());
  };
  if (!started_) {
    auto step = scanner_->start();
    if (!step) return tl::unexpected(step.error());
    if (*step == Step::kDamaged) {
      given_up_ = true;
      return damaged(0);
    }
    torn_ = *step == Step::kIncomplete;
    if (torn_) return std::optional<Entry>();
    started_ = true;
  }
  while (true) {
    auto step = scanner_->next();
    if (!step) return tl::unexpected(step.error());
    if (*step == Step::kDamaged) {
      const std::uint64_t offset = scanner_->offset();
      given_up_ = !scanner_->step_over();
      return damaged(offset);
    }
    torn_ = *step == Step::kIncomplete;
    if (*step != Step::kGood) return std::optional<Entry>();
    if (scanner_->sequence() < from_sequence_) continue;
    Entry entry;
    entry.position = {segment_, scanner_->record_offset(), scanner_->sequence()};
    const Bytes payload = scanner_->payload();
    if (!entry.record.ParseFromArray(payload.data(), static_cast<int>(payload.size()))) {
      return fail(ErrorCode::kCorrupt, "{} at byte {}: record {} cannot be read", path_,
                  entry.position.offset, entry.position.sequence);
    }
    return std::optional<Entry>(std::move(entry));
  }
}

Result<std::optional<Entry>> Cursor::next() {
  while (true) {
    auto entry = read_one();
    if (!entry || *entry) return entry;
    auto more = next_segment();
    if (!more) return tl::unexpected(more.error());
    if (!*more) return std::optional<Entry>();
  }
}

Result<v1::Record> read_record(const std::string& dir, const Key& key, const Position& position) {
  const std::string path = dir + "/" + segment_name(position.segment);
  auto source = FileSource::open(path);
  if (!source) return tl::unexpected(source.error());
  auto mac = key.record_mac();
  if (!mac) return tl::unexpected(mac.error());
  const auto damaged = [&] {
    return fail(ErrorCode::kCorrupt, "{} at byte {}: record {} is not what was written", path,
                position.offset, position.sequence);
  };
  if (position.offset < kHeaderBytes) return damaged();
  // The MAC before the record stands directly before it: the last record's, or the header's.
  std::array<std::uint8_t, kMacBytes + kLengthBytes> head;
  auto got = (*source)->read_at(position.offset - kMacBytes, head);
  if (!got) return tl::unexpected(got.error());
  const std::uint32_t length = get_length(&head[kMacBytes]);
  if (*got < head.size() || length == 0 || length > kMaxRecordBytes) return damaged();
  std::vector<std::uint8_t> rest(length + kMacBytes);
  got = (*source)->read_at(position.offset + kLengthBytes, rest);
  if (!got) return tl::unexpected(got.error());
  MacValue previous;
  std::copy_n(head.begin(), kMacBytes, previous.begin());
  const Bytes payload = Bytes(rest).first(length);
  const MacValue expected = record_mac(*mac, previous, position.sequence, payload);
  v1::Record record;
  if (*got < rest.size() || !equal(expected, Bytes(rest).subspan(length)) ||
      !record.ParseFromArray(payload.data(), static_cast<int>(length))) {
    return damaged();
  }
  return record;
}

}  // namespace writ::audit
