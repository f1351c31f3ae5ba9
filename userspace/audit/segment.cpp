#include "audit/segment.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace writ::audit {
namespace {
constexpr std::size_t kReadBytes = 64u << 10;
}

Result<std::unique_ptr<ByteSource>> FileSource::open(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd) return fail_errno(errno, "open the audit segment {}", path);
  return std::unique_ptr<ByteSource>(new FileSource(std::move(fd), path));
}

Result<std::size_t> FileSource::read_at(std::uint64_t offset, std::span<std::uint8_t> out) {
  std::size_t done = 0;
  while (done < out.size()) {
    const ssize_t n =
        ::pread(fd_.get(), out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
    if (n == 0) break;
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno(errno, "read the audit segment {}", path_);
    done += static_cast<std::size_t>(n);
  }
  return done;
}

Result<std::size_t> MemorySource::read_at(std::uint64_t offset, std::span<std::uint8_t> out) {
  if (offset >= bytes_.size()) return std::size_t{0};
  const std::size_t count = std::min<std::size_t>(out.size(), bytes_.size() - offset);
  if (count > 0) std::memcpy(out.data(), bytes_.data() + offset, count);
  return count;
}

Result<SegmentScanner> SegmentScanner::create(std::unique_ptr<ByteSource> source, const Key& key) {
  auto id = key.id();
  auto header = key.header_mac();
  auto record = key.record_mac();
  if (!id) return tl::unexpected(id.error());
  if (!header) return tl::unexpected(header.error());
  if (!record) return tl::unexpected(record.error());
  return SegmentScanner(std::move(source), *id, std::move(*header), std::move(*record));
}

SegmentScanner::SegmentScanner(std::unique_ptr<ByteSource> source, Key::Id key_id, Mac header,
                               Mac record)
    : source_(std::move(source)),
      key_id_(key_id),
      header_mac_(std::move(header)),
      record_mac_(std::move(record)),
      buffer_(kReadBytes) {}

Result<std::size_t> SegmentScanner::fill(std::size_t count) {
  const std::size_t consumed = static_cast<std::size_t>(offset_ - buffer_offset_);
  if (consumed + count <= buffered_) return count;
  buffered_ -= consumed;
  std::memmove(buffer_.data(), buffer_.data() + consumed, buffered_);
  buffer_offset_ = offset_;
  if (buffer_.size() < count) buffer_.resize(count);
  auto got = source_->read_at(buffer_offset_ + buffered_, std::span(buffer_).subspan(buffered_));
  if (!got) return got;
  buffered_ += *got;
  return std::min(count, buffered_);
}

Result<SegmentScanner::Step> SegmentScanner::start() {
  offset_ = 0;
  buffer_offset_ = 0;
  buffered_ = 0;
  auto have = fill(kHeaderBytes);
  if (!have) return tl::unexpected(have.error());
  if (*have < kHeaderBytes) {
    incomplete_bytes_ = *have;
    return Step::kIncomplete;
  }
  auto header =
      decode_header(std::span<const std::uint8_t, kHeaderBytes>(at_offset(), kHeaderBytes),
                    header_mac_, key_id_, last_mac_);
  if (!header) {
    problem_ = header.error().message;
    return Step::kDamaged;
  }
  if (header->first_sequence == 0 || header->first_sequence > kMaxSequence) {
    problem_ = "the segment's header names an impossible first record";
    return Step::kDamaged;
  }
  header_ = *header;
  next_sequence_ = header_.first_sequence;
  offset_ = kHeaderBytes;
  return Step::kGood;
}

Result<SegmentScanner::Step> SegmentScanner::next() {
  auto step = try_next();
  if (step && *step == Step::kDamaged) {
    // A writer whose last write failed half-way cuts it off and writes again: what was buffered may
    // be neither the one nor the other. Only what the file says twice is damage.
    buffer_offset_ = offset_;
    buffered_ = 0;
    step = try_next();
  }
  return step;
}

Result<SegmentScanner::Step> SegmentScanner::try_next() {
  auto have = fill(kLengthBytes);
  if (!have) return tl::unexpected(have.error());
  incomplete_bytes_ = *have;
  if (*have == 0) return Step::kEnd;
  if (*have < kLengthBytes) return Step::kIncomplete;
  const std::uint32_t length = get_length(at_offset());
  if (length == 0 || length > kMaxRecordBytes) {
    problem_ = fmt::format("record {} has the impossible length {}", next_sequence_, length);
    return Step::kDamaged;
  }
  have = fill(kFrameOverhead + length);
  if (!have) return tl::unexpected(have.error());
  if (*have < kFrameOverhead + length) {
    incomplete_bytes_ = *have;
    return Step::kIncomplete;
  }
  const Bytes payload(at_offset() + kLengthBytes, length);
  const MacValue mac = record_mac(record_mac_, last_mac_, next_sequence_, payload);
  if (!equal(mac, Bytes(at_offset() + kLengthBytes + length, kMacBytes))) {
    problem_ =
        fmt::format("record {} is not what was written, or not in its place", next_sequence_);
    return Step::kDamaged;
  }
  payload_ = payload;
  record_offset_ = offset_;
  last_mac_ = mac;
  offset_ += kFrameOverhead + length;
  ++next_sequence_;
  return Step::kGood;
}

bool SegmentScanner::step_over() {
  auto have = fill(kLengthBytes);
  if (!have || *have < kLengthBytes) return false;
  const std::uint32_t length = get_length(at_offset());
  if (length == 0 || length > kMaxRecordBytes) return false;
  have = fill(kFrameOverhead + length);
  if (!have || *have < kFrameOverhead + length) return false;
  std::copy_n(at_offset() + kLengthBytes + length, kMacBytes, last_mac_.begin());
  offset_ += kFrameOverhead + length;
  ++next_sequence_;
  return true;
}

}  // namespace writ::audit
