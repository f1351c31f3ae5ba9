// Reads one segment front to back, checking each byte against the chain.
//
// The scanner is the only reader of the format: the verifier, the queries and the recovery after a
// crash are all built on it. It holds one record at a time, whatever the file says.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "audit/format.h"
#include "util/unique_fd.h"

namespace writ::audit {

// Where the bytes of a segment come from; tests and fuzzers hand in memory.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // Fills `out` from `offset`; fewer bytes (or none) only at the end.
  virtual Result<std::size_t> read_at(std::uint64_t offset, std::span<std::uint8_t> out) = 0;
};

class FileSource final : public ByteSource {
 public:
  static Result<std::unique_ptr<ByteSource>> open(const std::string& path);
  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::uint8_t> out) override;

 private:
  FileSource(UniqueFd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}
  UniqueFd fd_;
  std::string path_;
};

class MemorySource final : public ByteSource {
 public:
  explicit MemorySource(Bytes bytes) : bytes_(bytes) {}
  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::uint8_t> out) override;

 private:
  Bytes bytes_;  // must outlive the source
};

class SegmentScanner {
 public:
  enum class Step {
    kGood,        // header() or payload() is there, and proven
    kEnd,         // the file ends here, behind a whole record
    kIncomplete,  // the file ends within the header or the record: torn, or being written just now
    kDamaged,     // the bytes are not what was written; problem() says how
  };

  static Result<SegmentScanner> create(std::unique_ptr<ByteSource> source, const Key& key);

  // Reads the header; REQUIRES: kGood from here before next(). May be called again after
  // kIncomplete.
  Result<Step> start();
  // Reads the next record. After kEnd or kIncomplete it can be asked again: the file may have
  // grown.
  Result<Step> next();
  // After kDamaged: takes the damaged record's own MAC for true and steps over it, so that the
  // records behind it can still be read, each proven against the one before it. False: its length
  // is nonsense.
  bool step_over();

  [[nodiscard]] const SegmentHeader& header() const { return header_; }
  [[nodiscard]] Bytes payload() const { return payload_; }  // valid until the next call
  [[nodiscard]] std::uint64_t sequence() const { return next_sequence_ - 1; }   // of payload()
  [[nodiscard]] std::uint64_t record_offset() const { return record_offset_; }  // of payload()
  [[nodiscard]] std::uint64_t next_sequence() const { return next_sequence_; }
  // Where the next record begins: behind the last good one.
  [[nodiscard]] std::uint64_t offset() const { return offset_; }
  // The chain's state at offset().
  [[nodiscard]] const MacValue& last_mac() const { return last_mac_; }
  // After kIncomplete: how many bytes stand behind offset().
  [[nodiscard]] std::uint64_t incomplete_bytes() const { return incomplete_bytes_; }
  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  SegmentScanner(std::unique_ptr<ByteSource> source, Key::Id key_id, Mac header, Mac record);
  // Makes up to `count` bytes from offset_ available; returns how many there are.
  Result<std::size_t> fill(std::size_t count);
  Result<Step> try_next();
  [[nodiscard]] const std::uint8_t* at_offset() const {
    return buffer_.data() + (offset_ - buffer_offset_);
  }

  std::unique_ptr<ByteSource> source_;
  Key::Id key_id_;
  Mac header_mac_;
  Mac record_mac_;
  SegmentHeader header_;
  std::uint64_t next_sequence_ = 0;
  std::uint64_t offset_ = 0;
  std::uint64_t record_offset_ = 0;
  std::uint64_t incomplete_bytes_ = 0;
  MacValue last_mac_{};
  Bytes payload_;
  std::string problem_;
  std::vector<std::uint8_t> buffer_;
  std::uint64_t buffer_offset_ = 0;  // in the file, of buffer_[0]
  std::size_t buffered_ = 0;
};

}  // namespace writ::audit
