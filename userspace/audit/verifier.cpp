#include "audit/verifier.h"

#include <algorithm>

#include "audit/store.h"
#include "record.pb.h"

namespace writ::audit {
namespace {

using Step = SegmentScanner::Step;

// Carries what must hold from one segment to the next.
class Verification {
 public:
  Verification(const CheckpointFile& checkpoint, std::string dir)
      : dir_(std::move(dir)), checkpoint_(checkpoint.newest) {}

  Status segment(const SegmentFile& file, const Key& key, bool last);
  void end();
  void problem(std::string message, std::string file, std::uint64_t offset,
               std::uint64_t sequence) {
    report_.intact = false;
    if (report_.problems.size() < kMaxProblems)
      report_.problems.push_back({std::move(message), std::move(file), offset, sequence});
  }
  Report take() { return std::move(report_); }

 private:
  // Whether `header` continues what came before; otherwise a problem.
  void link(const SegmentHeader& header, const SegmentFile& file);

  std::string dir_;
  std::optional<Checkpoint> checkpoint_;
  Report report_;
  std::uint64_t next_sequence_ = 1;
  MacValue last_mac_{};
  std::uint64_t last_offset_ = 0;
  std::string last_path_;
  bool linked_ = true;  // the state above is proven; not so behind a problem
};

void Verification::link(const SegmentHeader& header, const SegmentFile& file) {
  if (header.first_sequence != file.first_sequence) {
    problem(fmt::format("the segment begins at record {}, but is named as if it began at {}",
                        header.first_sequence, file.first_sequence),
            file.path, 0, header.first_sequence);
  } else if (header.after_break) {
    problem(fmt::format(
                "the record was found broken behind record {} when it was opened, and goes on here "
                "at {}",
                header.last_good_sequence, header.first_sequence),
            file.path, 0, header.last_good_sequence + 1);
  } else if (linked_ && header.first_sequence > next_sequence_) {
    problem(fmt::format("records {} to {} are missing: the segment before this one is gone or cut",
                        next_sequence_, header.first_sequence - 1),
            file.path, 0, next_sequence_);
  } else if (linked_ &&
             (header.first_sequence < next_sequence_ || header.previous_mac != last_mac_)) {
    problem("the segment does not continue the one before it (one of them was exchanged)",
            file.path, 0, header.first_sequence);
  }
}

Status Verification::segment(const SegmentFile& file, const Key& key, bool last) {
  auto source = FileSource::open(file.path);
  if (!source) return tl::unexpected(source.error());
  auto scanner = SegmentScanner::create(std::move(*source), key);
  if (!scanner) return tl::unexpected(scanner.error());
  const Expectation expected = checkpoint_ && checkpoint_->segment_first == file.first_sequence
                                   ? Expectation{checkpoint_->last_sequence, checkpoint_->last_mac}
                                   : Expectation{};
  auto found = verify_segment(*scanner, expected);
  if (!found) return tl::unexpected(found.error());
  ++report_.segments;
  report_.records += found->records;
  if (found->header_good) link(found->header, file);
  // Behind the checkpoint a record that is not finished was not acknowledged, unless the writer has
  // ended in order: then nothing at all can stand there.
  const std::uint64_t next = found->header_good ? found->next_sequence : file.first_sequence;
  const bool behind_checkpoint =
      checkpoint_ && !checkpoint_->closed && next > checkpoint_->last_sequence;
  linked_ = true;
  if (!found->problem.empty()) {
    problem(found->problem, file.path, found->end_offset, next);
    linked_ = false;
  } else if (found->incomplete_bytes > 0 || !found->header_good) {
    if (last && behind_checkpoint) {
      report_.unfinished_bytes = found->incomplete_bytes;
    } else {
      problem(found->header_good ? fmt::format("record {} is cut off", next)
                                 : std::string("the segment's header is cut off"),
              file.path, found->end_offset, next);
      linked_ = false;
    }
  }
  next_sequence_ = next;
  last_mac_ = found->last_mac;
  last_offset_ = found->end_offset;
  last_path_ = file.path;
  return {};
}

void Verification::end() {
  report_.last_sequence = next_sequence_ - 1;
  if (!checkpoint_ || !linked_ || next_sequence_ > checkpoint_->last_sequence) return;
  problem(fmt::format("the record ends at {}, but the checkpoint says that {} were written",
                      next_sequence_ - 1, checkpoint_->last_sequence),
          last_path_.empty() ? dir_ + "/" + segment_name(checkpoint_->segment_first) : last_path_,
          last_offset_, next_sequence_);
}

}  // namespace

Result<SegmentReport> verify_segment(SegmentScanner& scanner, const Expectation& expected) {
  SegmentReport report;
  auto step = scanner.start();
  if (!step) return tl::unexpected(step.error());
  if (*step != Step::kGood) {
    if (*step == Step::kDamaged) report.problem = scanner.problem();
    if (*step == Step::kIncomplete) report.incomplete_bytes = scanner.incomplete_bytes();
    return report;
  }
  report.header = scanner.header();
  report.header_good = true;
  v1::Record record;
  while (true) {
    report.next_sequence = scanner.next_sequence();
    report.last_mac = scanner.last_mac();
    report.end_offset = scanner.offset();
    if (expected.sequence != 0 && report.next_sequence == expected.sequence + 1 &&
        report.last_mac != expected.mac) {
      report.problem = "the record is not the one the checkpoint was written for";
      return report;
    }
    step = scanner.next();
    if (!step) return tl::unexpected(step.error());
    if (*step == Step::kGood) {
      const Bytes payload = scanner.payload();
      if (!record.ParseFromArray(payload.data(), static_cast<int>(payload.size())) ||
          record.sequence() != scanner.sequence()) {
        report.problem = fmt::format("record {} cannot be read", scanner.sequence());
        return report;
      }
      ++report.records;
      continue;
    }
    if (*step == Step::kDamaged) report.problem = scanner.problem();
    if (*step == Step::kIncomplete) report.incomplete_bytes = scanner.incomplete_bytes();
    return report;
  }
}

Result<Report> verify(const std::string& dir, const Key& key) {
  // First, so that a live writer can only have written more by the time the segments are read.
  auto checkpoint = read_checkpoint(dir, key);
  if (!checkpoint) return tl::unexpected(checkpoint.error());
  auto listing = list_segments(dir);
  if (!listing) return tl::unexpected(listing.error());
  if (!checkpoint->exists && listing->segments.empty())
    return fail(ErrorCode::kNotFound, "{} holds no audit record", dir);

  Verification verification(*checkpoint, dir);
  for (std::size_t i = 0; i < listing->segments.size(); ++i) {
    // A live writer may have begun another segment since; that one is for the next time.
    auto done = verification.segment(listing->segments[i], key, i + 1 == listing->segments.size());
    if (!done) return tl::unexpected(done.error());
  }
  verification.end();
  if (!checkpoint->problem.empty())
    verification.problem(checkpoint->problem, checkpoint_path(dir), checkpoint->offset, 0);
  for (const std::string& name : listing->strangers) {
    verification.problem("the file is named like a segment, but is not one",
                         fmt::format("{}/{}", dir, name), 0, 0);
  }
  return verification.take();
}

}  // namespace writ::audit
