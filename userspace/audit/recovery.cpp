#include "audit/recovery.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <filesystem>

#include "audit/segment.h"

namespace writ::audit {
namespace {

using Step = SegmentScanner::Step;

// The first thing that is wrong, or where the record ends.
struct Walk {
  std::size_t segment = 0;  // index into the listing
  std::uint64_t offset = 0;
  std::uint64_t sequence = 0;  // the record that should stand there
  std::string problem;         // empty: all is well up to here, and here is the end
  bool other_chain = false;    // whole, but not what the checkpoint was written for
  // The end of what is good.
  MacValue last_mac{};
  bool header_good = false;  // of `segment`
};

Result<Walk> walk(const std::vector<SegmentFile>& segments, std::size_t begin,
                  const Checkpoint& checkpoint, const Key& key) {
  Walk at;
  at.last_mac = checkpoint.last_mac;
  at.sequence = segments[begin].first_sequence;
  bool passed = checkpoint.segment_bytes == 0;  // written before its segment was begun
  for (std::size_t i = begin; i < segments.size(); ++i) {
    at.segment = i;
    at.offset = 0;
    at.header_good = false;
    auto source = FileSource::open(segments[i].path);
    if (!source) return tl::unexpected(source.error());
    auto scanner = SegmentScanner::create(std::move(*source), key);
    if (!scanner) return tl::unexpected(scanner.error());
    auto step = scanner->start();
    if (!step) return tl::unexpected(step.error());
    const SegmentHeader& header = scanner->header();
    if (*step != Step::kGood) {
      at.problem =
          *step == Step::kIncomplete ? "the segment's header is not complete" : scanner->problem();
    } else if (header.first_sequence != segments[i].first_sequence) {
      at.problem = "the segment's name is not that of its first record";
    } else if (i > begin &&
               (header.first_sequence != at.sequence || header.previous_mac != at.last_mac)) {
      at.problem = "the segment does not continue the one before it";
    }
    if (!at.problem.empty()) return at;
    at.header_good = true;
    while (true) {
      at.offset = scanner->offset();
      at.sequence = scanner->next_sequence();
      at.last_mac = scanner->last_mac();
      if (!passed && at.offset >= checkpoint.segment_bytes) {
        passed = true;
        at.other_chain = at.offset != checkpoint.segment_bytes ||
                         at.last_mac != checkpoint.last_mac ||
                         at.sequence != checkpoint.last_sequence + 1;
        if (at.other_chain) {
          at.problem = "the record is not the one the checkpoint was written for";
          return at;
        }
      }
      step = scanner->next();
      if (!step) return tl::unexpected(step.error());
      if (*step == Step::kGood) continue;
      if (*step == Step::kEnd && passed) break;
      at.problem = *step == Step::kEnd ? fmt::format("the record ends at {}", at.sequence - 1)
                   : *step == Step::kIncomplete
                       ? fmt::format("record {} is not complete", at.sequence)
                       : scanner->problem();
      return at;
    }
  }
  return at;
}

// A number that no record has had yet, even if the last segment can no longer be trusted.
Result<std::uint64_t> unused_sequence(const std::vector<SegmentFile>& segments,
                                      const CheckpointFile& checkpoint, const Key& key) {
  std::uint64_t highest = checkpoint.newest ? checkpoint.newest->last_sequence : 0;
  if (segments.empty()) return highest + 1;
  highest = std::max(highest, segments.back().first_sequence);
  auto source = FileSource::open(segments.back().path);
  if (!source) return tl::unexpected(source.error());
  auto scanner = SegmentScanner::create(std::move(*source), key);
  if (!scanner) return tl::unexpected(scanner.error());
  auto step = scanner->start();
  if (!step) return tl::unexpected(step.error());
  if (*step != Step::kGood) return highest + 1;
  while (true) {
    step = scanner->next();
    if (!step) return tl::unexpected(step.error());
    highest = std::max(highest, scanner->next_sequence() - 1);
    if (*step == Step::kGood) continue;
    if (*step != Step::kDamaged || !scanner->step_over()) return highest + 1;
  }
}

long now_ns() {
  struct timespec now {};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec * 1'000'000'000L + now.tv_nsec;
}

std::string torn_name(std::uint64_t sequence, std::size_t index) {
  return fmt::format("torn-{:020}-{}-{}.bytes", sequence, now_ns(), index);
}

std::string evidence_name() { return fmt::format("broken-{}.checkpoint", now_ns()); }

// Copies what stands behind `offset` to `copy`, then cuts it off. Nothing is cut unless the copy is
// durable.
Result<std::uint64_t> cut(const std::string& path, std::uint64_t offset, const std::string& copy) {
  const UniqueFd from(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (!from) return fail_errno(errno, "open {} to cut its torn tail", path);
  const UniqueFd to(
      ::open(copy.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!to) return fail_errno(errno, "create {} for the torn tail of {}", copy, path);
  std::array<std::uint8_t, 16u << 10> buffer;
  std::uint64_t total = 0;
  while (true) {
    const ssize_t n =
        ::pread(from.get(), buffer.data(), buffer.size(), static_cast<off_t>(offset + total));
    if (n == 0) break;
    if (n < 0) return fail_errno(errno, "read the torn tail of {}", path);
    if (::write(to.get(), buffer.data(), static_cast<std::size_t>(n)) != n)
      return fail_errno(errno, "keep the torn tail of {} in {}", path, copy);
    total += static_cast<std::uint64_t>(n);
  }
  if (::fsync(to.get()) != 0) return fail_errno(errno, "sync {}", copy);
  if (::ftruncate(from.get(), static_cast<off_t>(offset)) != 0 || ::fdatasync(from.get()) != 0)
    return fail_errno(errno, "cut the torn tail of {}", path);
  return total;
}

Status set_torn_aside(const std::string& dir, const std::vector<SegmentFile>& segments,
                      const Walk& end, Recovery& found) {
  found.torn_sequence = end.sequence;
  std::size_t whole_from = end.segment;
  if (end.header_good) {
    const std::string name = torn_name(end.sequence, 0);
    auto bytes = cut(segments[end.segment].path, end.offset, dir + "/" + name);
    if (!bytes) return tl::unexpected(bytes.error());
    found.torn_bytes += *bytes;
    found.torn_files.push_back(name);
    ++whole_from;
  }
  // What was written behind the tear cannot be chained to anything any more. From the last to the
  // first, so that a crash in between leaves no hole.
  for (std::size_t i = segments.size(); i > whole_from; --i) {
    const std::string name = torn_name(segments[i - 1].first_sequence, i);
    std::error_code ignored;  // the size is for the report only
    const auto size = std::filesystem::file_size(segments[i - 1].path, ignored);
    if (::rename(segments[i - 1].path.c_str(), fmt::format("{}/{}", dir, name).c_str()) != 0)
      return fail_errno(errno, "set aside the torn segment {}", segments[i - 1].path);
    if (!ignored) found.torn_bytes += size;
    found.torn_files.push_back(name);
  }
  return sync_directory(dir);
}

}  // namespace

Result<ResumePoint> recover(const std::string& dir, const Key& key, Recovery& found) {
  auto listing = list_segments(dir);
  if (!listing) return tl::unexpected(listing.error());
  auto checkpoint = read_checkpoint(dir, key);
  if (!checkpoint) return tl::unexpected(checkpoint.error());
  auto id = key.id();
  if (!id) return tl::unexpected(id.error());
  const std::vector<SegmentFile>& segments = listing->segments;

  ResumePoint resume;
  resume.header.key_id = *id;
  if (!checkpoint->exists && segments.empty()) {
    resume.fresh = true;
    return resume;
  }

  const auto broken = [&](std::string file, std::uint64_t offset, std::uint64_t sequence,
                          std::string problem, std::uint64_t last_good,
                          const MacValue& last_mac) -> Result<ResumePoint> {
    found.broken = true;
    found.file = std::move(file);
    found.offset = offset;
    found.broken_sequence = sequence;
    found.problem = std::move(problem);
    if (checkpoint->exists) {
      // The new checkpoint goes over the old one, which is evidence.
      std::error_code error;
      std::filesystem::copy_file(checkpoint_path(dir), dir + "/" + evidence_name(), error);
      if (error) return fail_errno(error.value(), "keep a copy of {}", checkpoint_path(dir));
    }
    auto next = unused_sequence(segments, *checkpoint, key);
    if (!next) return tl::unexpected(next.error());
    resume.next_sequence = *next;
    resume.header.first_sequence = *next;
    resume.header.after_break = true;
    resume.header.last_good_sequence = last_good;
    resume.header.previous_mac = last_mac;
    return resume;
  };

  const std::optional<Checkpoint> known = checkpoint->newest;
  if (!known) {
    return broken(checkpoint_path(dir), checkpoint->offset, 0, checkpoint->problem, 0, MacValue{});
  }
  const Checkpoint& newest = *known;
  found.checkpoint_problem = checkpoint->problem;
  resume.generation = newest.generation + 1;

  const auto begin = std::find_if(segments.begin(), segments.end(), [&](const SegmentFile& s) {
    return s.first_sequence == newest.segment_first;
  });
  if (begin == segments.end()) {
    if (newest.segment_bytes == 0 && segments.empty())
      return resume;  // stopped before its first segment
    return broken(
        dir + "/" + segment_name(newest.segment_first), 0, newest.segment_first,
        fmt::format("the segment is missing, though the checkpoint says that {} records were "
                    "written",
                    newest.last_sequence),
        newest.segment_first - 1, MacValue{});
  }

  auto end = walk(segments, static_cast<std::size_t>(begin - segments.begin()), newest, key);
  if (!end) return tl::unexpected(end.error());
  const std::string& path = segments[end->segment].path;
  const bool behind_checkpoint = segments[end->segment].first_sequence != newest.segment_first ||
                                 end->offset >= newest.segment_bytes;
  if (!end->problem.empty() && (!behind_checkpoint || end->other_chain)) {
    return broken(path, end->offset, end->sequence,
                  fmt::format("{}, but the checkpoint says that {} records were written",
                              end->problem, newest.last_sequence),
                  end->sequence - 1, end->last_mac);
  }
  if (!end->problem.empty()) {
    if (auto done = set_torn_aside(dir, segments, *end, found); !done)
      return tl::unexpected(done.error());
  }
  resume.next_sequence = end->sequence;
  resume.last_mac = end->last_mac;
  if (end->header_good) {
    resume.path = path;
    resume.segment_first = segments[end->segment].first_sequence;
    resume.offset = end->offset;
  } else {
    resume.header.first_sequence = end->sequence;
    resume.header.previous_mac = end->last_mac;
  }
  return resume;
}

}  // namespace writ::audit
