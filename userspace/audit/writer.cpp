#include "audit/writer.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <filesystem>
#include <system_error>

namespace writ::audit {
namespace {

// The checkpoint itself reaches the disk at least so often. An older one that a power failure
// brings back only tells of fewer records; it is never wrong.
constexpr std::chrono::seconds kCheckpointSyncEvery{1};

std::uint64_t now_unix_ns() {
  struct timespec now {};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u +
         static_cast<std::uint64_t>(now.tv_nsec);
}

Status write_all(Disk& disk, int fd, Bytes bytes, std::uint64_t offset) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = disk.write_at(fd, bytes.data() + done, bytes.size() - done, offset + done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return fail_errno(n == 0 ? ENOSPC : errno, "write");
    done += static_cast<std::size_t>(n);
  }
  return {};
}

Status prepare_directory(const std::string& dir) {
  std::error_code error;
  if (std::filesystem::create_directories(dir, error)) {
    if (::chmod(dir.c_str(), 0700) != 0) return fail_errno(errno, "chmod 0700 {}", dir);
  }
  if (error) return fail_errno(error.value(), "create the audit directory {}", dir);
  struct stat info {};
  if (::stat(dir.c_str(), &info) != 0) return fail_errno(errno, "stat the audit directory {}", dir);
  if (info.st_uid != ::geteuid() || (info.st_mode & 022) != 0) {
    return fail(
        ErrorCode::kDenied,
        "the audit directory {} belongs to uid {} with mode {:04o}; it must be uid {}'s and "
        "writable by nobody else (chown, chmod 0700)",
        dir, info.st_uid, info.st_mode & 07777, ::geteuid());
  }
  return {};
}

Result<UniqueFd> take_lock(const std::string& dir) {
  const std::string path = dir + "/lock";
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return fail_errno(errno, "open the audit lock {}", path);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return fail_errno(errno, "lock {}", path);
    std::array<char, 32> owner{};
    const ssize_t n = ::pread(fd.get(), owner.data(), owner.size() - 1, 0);
    std::string pid(owner.data(), n > 0 ? static_cast<std::size_t>(n) : 0);
    if (!pid.empty() && pid.back() == '\n') pid.pop_back();
    return fail(
        ErrorCode::kUnavailable,
        "the audit record in {} is being written by process {}; one record has one writer (stop "
        "that one first)",
        dir, pid.empty() ? "?" : pid);
  }
  const std::string pid = fmt::format("{}\n", ::getpid());
  // Only for the message above: the lock itself is held either way.
  (void)!::ftruncate(fd.get(), 0);
  (void)!::pwrite(fd.get(), pid.data(), pid.size(), 0);
  return fd;
}

Result<Key> take_key(const std::string& dir, const std::string& path) {
  struct stat info {};
  auto listing = list_segments(dir);
  if (!listing) return tl::unexpected(listing.error());
  const bool empty = listing->segments.empty() && ::lstat(checkpoint_path(dir).c_str(), &info) != 0;
  if (empty && ::lstat(path.c_str(), &info) != 0 && errno == ENOENT) return Key::create(path);
  return Key::load(path);
}

}  // namespace

Result<std::unique_ptr<Writer>> Writer::open(const std::string& dir, WriterOptions options) {
  if (auto ready = prepare_directory(dir); !ready) return tl::unexpected(ready.error());
  auto lock = take_lock(dir);
  if (!lock) return tl::unexpected(lock.error());
  if (options.key_file.empty()) options.key_file = default_key_path(dir);
  auto key = take_key(dir, options.key_file);
  if (!key) return tl::unexpected(key.error());
  auto header = key->header_mac();
  auto record = key->record_mac();
  auto checkpoint = key->checkpoint_mac();
  if (!header) return tl::unexpected(header.error());
  if (!record) return tl::unexpected(record.error());
  if (!checkpoint) return tl::unexpected(checkpoint.error());
  std::unique_ptr<Writer> writer(new Writer(dir, std::move(options), *key, std::move(*header),
                                            std::move(*record), std::move(*checkpoint)));
  if (auto started = writer->start(std::move(*lock)); !started) {
    writer->closed_ = true;  // nothing was begun that could be ended in order
    return tl::unexpected(started.error());
  }
  return writer;
}

Writer::Writer(std::string dir, WriterOptions options, const Key& key, Mac header, Mac record,
               Mac checkpoint)
    : dir_(std::move(dir)),
      options_(std::move(options)),
      disk_(options_.disk != nullptr ? *options_.disk : real_disk()),
      key_(key),
      checkpoint_mac_(std::move(checkpoint)),
      header_mac_(std::move(header)),
      record_mac_(std::move(record)) {}

Status Writer::start(UniqueFd lock) {
  lock_ = std::move(lock);
  auto resume = recover(dir_, key_, recovery_);
  if (!resume) return tl::unexpected(resume.error());
  // No other thread knows this object yet, so no lock is needed before run().
  next_sequence_ = resume->next_sequence;
  generation_ = resume->generation;
  const std::string path = checkpoint_path(dir_);
  checkpoint_fd_.reset(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!checkpoint_fd_) return fail_errno(errno, "open the audit checkpoint {}", path);
  if (resume->fresh) {
    // Before the first segment, so that segments without a checkpoint are always a manipulation.
    for (int slot = 0; slot < 2; ++slot) {
      if (auto done = write_checkpoint({}); !done) return done;
    }
    if (disk_.sync(checkpoint_fd_.get()) != 0) return fail_errno(errno, "sync {}", path);
    if (auto done = sync_directory(dir_); !done) return done;
  }
  if (resume->path.empty()) {
    if (auto begun = begin_segment(resume->header); !begun) return begun;
  } else {
    segment_ =
        std::make_shared<UniqueFd>(::open(resume->path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
    if (!*segment_) return fail_errno(errno, "open the audit segment {}", resume->path);
    segment_path_ = resume->path;
    segment_first_ = resume->segment_first;
    offset_ = resume->offset;
    last_mac_ = resume->last_mac;
  }
  // Both slots anew: the one that may be damaged, and the one that may say "closed".
  for (int slot = 0; slot < 2; ++slot) {
    if (auto done = sync_once(false); !done) return done;
  }
  if (::ftruncate(checkpoint_fd_.get(), kCheckpointFileBytes) != 0)
    return fail_errno(errno, "set the length of {}", path);
  if (auto done = write_gaps(); !done) return done;
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error& error) {
    return fail(ErrorCode::kUnavailable, "start the audit's sync thread: {}", error.what());
  }
  return {};
}

Status Writer::write_gaps() {
  const auto gap = [this](const char* kind, std::uint64_t count, std::string detail) -> Status {
    v1::Record record;
    record.mutable_gap()->set_kind(kind);
    record.mutable_gap()->set_count(count);
    record.mutable_gap()->set_detail(std::move(detail));
    auto written = append(record);
    if (!written) return tl::unexpected(written.error());
    return {};
  };
  if (recovery_.broken) {
    auto done = gap("chain_broken", 1,
                    fmt::format("{} at byte {}: {}; the record goes on in a new segment",
                                recovery_.file, recovery_.offset, recovery_.problem));
    if (!done) return done;
  }
  if (recovery_.torn_bytes > 0 || !recovery_.torn_files.empty()) {
    std::string files;
    for (const std::string& file : recovery_.torn_files)
      files += (files.empty() ? "" : ", ") + file;
    auto done = gap(
        "torn_tail", recovery_.torn_bytes,
        fmt::format("the record was torn where record {} would begin; {} bytes that were not yet "
                    "durable were cut off and kept in {}",
                    recovery_.torn_sequence, recovery_.torn_bytes, files));
    if (!done) return done;
  }
  if (!recovery_.broken && !recovery_.checkpoint_problem.empty()) {
    auto done = gap("checkpoint_torn", 1, recovery_.checkpoint_problem);
    if (!done) return done;
  }
  return {};
}

Writer::~Writer() { (void)close(); }  // the caller who wants to know calls close()

Status Writer::broken_off() const {
  if (!failure_.empty()) {
    return fail(ErrorCode::kIo,
                "{}; what the disk has is not known, so nothing more is recorded until "
                "writd is started anew",
                failure_);
  }
  if (closed_) return fail(ErrorCode::kUnavailable, "the audit record in {} is closed", dir_);
  return {};
}

Status Writer::repair_tail() {
  if (!tail_dirty_) return {};
  if (disk_.truncate(segment_->get(), offset_) != 0)
    return fail_errno(errno, "cut a half-written record off {}", segment_path_);
  tail_dirty_ = false;
  return {};
}

Status Writer::begin_segment(const SegmentHeader& header) {
  const std::string path = dir_ + "/" + segment_name(header.first_sequence);
  auto fd = std::make_shared<UniqueFd>(
      ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!*fd) return fail_errno(errno, "begin the audit segment {}", path);
  std::array<std::uint8_t, kHeaderBytes> bytes;
  const MacValue mac = encode_header(header, header_mac_, bytes);
  if (auto written = write_all(disk_, fd->get(), bytes, 0); !written) {
    ::unlink(path.c_str());
    return context(written.error(), "begin the audit segment " + path);
  }
  if (segment_) unsynced_.push_back(std::move(segment_));
  segment_ = std::move(fd);
  segment_path_ = path;
  segment_first_ = header.first_sequence;
  offset_ = kHeaderBytes;
  last_mac_ = mac;
  directory_unsynced_ = true;
  return {};
}

Result<std::uint64_t> Writer::append(v1::Record& record) {
  const std::lock_guard guard(mutex_);
  if (auto fine = broken_off(); !fine) return tl::unexpected(fine.error());
  const auto refuse = [&record](const Error& error) {
    record.clear_sequence();
    return tl::unexpected(error);
  };
  record.set_sequence(next_sequence_);
  if (record.time_unix_ns() == 0) record.set_time_unix_ns(now_unix_ns());
  const std::size_t size = record.ByteSizeLong();
  if (size > kMaxRecordBytes) {
    record.clear_sequence();
    return fail(ErrorCode::kInvalid, "an audit record of {} bytes is over the limit of {}", size,
                kMaxRecordBytes);
  }
  if (auto repaired = repair_tail(); !repaired) return refuse(repaired.error());
  if (offset_ + kFrameOverhead + size > options_.segment_bytes && next_sequence_ > segment_first_) {
    auto id = key_.id();
    if (!id) return refuse(id.error());
    auto begun =
        begin_segment({.key_id = *id, .first_sequence = next_sequence_, .previous_mac = last_mac_});
    if (!begun) return refuse(begun.error());
  }
  frame_.resize(kFrameOverhead + size);
  put_length(frame_.data(), static_cast<std::uint32_t>(size));
  record.SerializeWithCachedSizesToArray(frame_.data() + kLengthBytes);
  const MacValue mac =
      record_mac(record_mac_, last_mac_, next_sequence_, Bytes(frame_).subspan(kLengthBytes, size));
  std::copy(mac.begin(), mac.end(), frame_.end() - kMacBytes);
  if (auto written = write_all(disk_, segment_->get(), frame_, offset_); !written) {
    tail_dirty_ = true;
    (void)repair_tail();  // what cannot be cut now is cut before the next record
    return refuse(context(written.error(), "append to " + segment_path_).value());
  }
  last_mac_ = mac;
  offset_ += frame_.size();
  if (!dirty_) {
    dirty_ = true;
    wake_.notify_one();
  }
  return next_sequence_++;
}

Status Writer::commit() {
  if (options_.durability == Durability::kStrict) return sync();
  const std::lock_guard guard(mutex_);
  return broken_off();
}

Status Writer::sync() { return sync_through(last_sequence()); }

Status Writer::sync_through(std::uint64_t sequence) {
  const std::lock_guard syncing(sync_mutex_);
  {
    const std::lock_guard guard(mutex_);
    if (auto fine = broken_off(); !fine) return fine;
    if (durable_sequence_ >= sequence) return {};  // somebody else's sync took it along
  }
  return sync_once(false);
}

Status Writer::write_checkpoint(Checkpoint checkpoint) {
  checkpoint.generation = generation_;
  std::array<std::uint8_t, kCheckpointSlotBytes> slot;
  encode_checkpoint(checkpoint, checkpoint_mac_, slot);
  auto written =
      write_all(disk_, checkpoint_fd_.get(), slot, (generation_ % 2) * kCheckpointSlotBytes);
  if (!written) return context(written.error(), "write the audit checkpoint");
  ++generation_;
  return {};
}

Status Writer::sync_once(bool closed) {
  std::vector<SharedFd> files;
  Checkpoint checkpoint{.closed = closed};
  bool directory = false;
  {
    const std::lock_guard guard(mutex_);
    if (!failure_.empty()) return broken_off();
    files.swap(unsynced_);
    files.push_back(segment_);
    checkpoint.last_sequence = next_sequence_ - 1;
    checkpoint.last_mac = last_mac_;
    checkpoint.segment_first = segment_first_;
    checkpoint.segment_bytes = offset_;
    directory = std::exchange(directory_unsynced_, false);
    dirty_ = false;
  }
  Status done;
  for (const SharedFd& file : files) {
    if (done && disk_.sync(file->get()) != 0)
      done = fail_errno(errno, "sync the audit record in {}", dir_);
  }
  if (done && directory) done = sync_directory(dir_);
  if (done) done = write_checkpoint(checkpoint);
  const auto now = std::chrono::steady_clock::now();
  if (done && (closed || now - checkpoint_synced_ >= kCheckpointSyncEvery)) {
    checkpoint_synced_ = now;
    if (disk_.sync(checkpoint_fd_.get()) != 0)
      done = fail_errno(errno, "sync the audit checkpoint in {}", dir_);
  }
  const std::lock_guard guard(mutex_);
  if (!done) {
    failure_ = done.error().message;
    return done;
  }
  durable_sequence_ = checkpoint.last_sequence;
  return {};
}

void Writer::run() {
  std::unique_lock guard(mutex_);
  while (true) {
    wake_.wait(guard, [this] { return dirty_ || stop_; });
    // One sync for all that is written within the interval.
    wake_.wait_for(guard, options_.sync_every, [this] { return stop_; });
    if (stop_) return;
    guard.unlock();
    {
      const std::lock_guard syncing(sync_mutex_);
      (void)sync_once(false);  // a failure is kept, and told to every append() and commit()
    }
    guard.lock();
    if (!failure_.empty()) return;
  }
}

Status Writer::close() {
  {
    const std::lock_guard guard(mutex_);
    if (closed_) return {};
    stop_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
  const std::lock_guard syncing(sync_mutex_);
  {
    const std::lock_guard guard(mutex_);
    (void)repair_tail();  // if it fails, the next open() cuts the tail
    closed_ = true;       // no append() comes between the last sync and the lock's end
  }
  auto done = sync_once(true);
  lock_.reset();
  return done;
}

std::uint64_t Writer::last_sequence() const {
  const std::lock_guard guard(mutex_);
  return next_sequence_ - 1;
}

std::uint64_t Writer::durable_sequence() const {
  const std::lock_guard guard(mutex_);
  return durable_sequence_;
}

}  // namespace writ::audit
