#include "audit/writer.h"

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <set>
#include <thread>

#include "audit/fixture.h"

namespace writ::audit {
namespace {

using testing::HasSubstr;

using WriterTest = AuditTest;

// The real disk, but for the calls that a test lets fail.
class FaultyDisk final : public Disk {
 public:
  ssize_t write_at(int fd, const void* bytes, std::size_t count, std::uint64_t offset) override {
    if (!fail_write) return real_disk().write_at(fd, bytes, count, offset);
    // The first half of it arrives, then the disk is full.
    if (written_half) {
      errno = ENOSPC;
      return -1;
    }
    written_half = true;
    return real_disk().write_at(fd, bytes, count / 2, offset);
  }
  int truncate(int fd, std::uint64_t size) override {
    if (!fail_truncate) return real_disk().truncate(fd, size);
    errno = EIO;
    return -1;
  }
  int sync(int fd) override {
    ++syncs;
    if (!fail_sync) return real_disk().sync(fd);
    errno = EIO;
    return -1;
  }

  std::atomic<bool> fail_write = false;
  std::atomic<bool> written_half = false;
  std::atomic<bool> fail_truncate = false;
  std::atomic<bool> fail_sync = false;
  std::atomic<int> syncs = 0;
};

TEST_F(WriterTest, WhatIsWrittenIsReadBack) {
  auto writer = open();
  auto first = decision("a", v1::VERDICT_DENY);
  first.set_time_unix_ns(0);
  auto second = outcome("a", "refused");
  EXPECT_EQ(*writer->append(first), 1u);
  EXPECT_EQ(*writer->append(second), 2u);
  EXPECT_GT(first.time_unix_ns(), 1'600'000'000'000'000'000u);
  ASSERT_TRUE(writer->commit().has_value());
  const auto all = entries();  // beside the writer
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].record.SerializeAsString(), first.SerializeAsString());
  EXPECT_EQ(all[1].record.SerializeAsString(), second.SerializeAsString());
  EXPECT_EQ(all[1].record.sequence(), 2u);
  EXPECT_TRUE(report().intact);
}

TEST_F(WriterTest, GoesOnWhereItEnded) {
  for (int round = 0; round < 3; ++round) {
    auto writer = open();
    EXPECT_TRUE(writer->recovery().clean());
    EXPECT_EQ(writer->last_sequence(), 4u * round);
    append(*writer, 4);
  }
  const Report found = report();
  EXPECT_TRUE(found.intact) << first_problem(found);
  EXPECT_EQ(found.records, 12u);
  EXPECT_EQ(found.last_sequence, 12u);
  EXPECT_EQ(found.segments, 1u);
  EXPECT_EQ(entries().size(), 12u);
}

TEST_F(WriterTest, OpenedAndClosedWithoutARecord) {
  fill(0);
  fill(0);
  EXPECT_TRUE(report().intact);
  fill(1);
  EXPECT_TRUE(report().intact);
  EXPECT_EQ(entries().size(), 1u);
}

TEST_F(WriterTest, BeginsNewSegments) {
  fill(40, {.segment_bytes = 1000});
  EXPECT_GT(segments().size(), 5u);
  for (const std::string& path : segments()) EXPECT_LE(std::filesystem::file_size(path), 1000u);
  Report found = report();
  EXPECT_TRUE(found.intact) << first_problem(found);
  EXPECT_EQ(found.records, 40u);
  EXPECT_EQ(found.segments, segments().size());
  fill(40, {.segment_bytes = 1000});
  found = report();
  EXPECT_TRUE(found.intact) << first_problem(found);
  EXPECT_EQ(found.records, 80u);
  std::uint64_t expected = 1;
  for (const Entry& entry : entries()) EXPECT_EQ(entry.record.sequence(), expected++);
}

TEST_F(WriterTest, ARecordLargerThanASegmentHasOneToItself) {
  auto writer = open({.segment_bytes = 1000});
  for (int i = 0; i < 3; ++i) {
    auto record = decision(std::string(5000, 'x'));
    ASSERT_TRUE(writer->append(record).has_value());
  }
  ASSERT_TRUE(writer->close().has_value());
  EXPECT_EQ(segments().size(), 3u);
  EXPECT_TRUE(report().intact);
}

TEST_F(WriterTest, ARecordOverTheLimitIsRefusedAndLeavesNoHole) {
  auto writer = open();
  append(*writer, 1);
  auto huge = decision(std::string(kMaxRecordBytes, 'x'));
  auto refused = writer->append(huge);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalid);
  EXPECT_EQ(huge.sequence(), 0u);
  auto large = decision(std::string(kMaxRecordBytes - 200, 'x'));
  EXPECT_EQ(*writer->append(large), 2u);
  ASSERT_TRUE(writer->close().has_value());
  const Report found = report();
  EXPECT_TRUE(found.intact) << first_problem(found);
  EXPECT_EQ(found.records, 2u);
}

TEST_F(WriterTest, HasOneWriter) {
  auto writer = open();
  auto second = Writer::open(dir_);
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(second.error().message, HasSubstr(std::to_string(::getpid())));
  append(*writer, 1);  // the loser has harmed nothing
  ASSERT_TRUE(writer->close().has_value());
  EXPECT_TRUE(Writer::open(dir_).has_value());
  EXPECT_TRUE(report().intact);
}

TEST_F(WriterTest, IsRefusedWhereOthersCanWrite) {
  fill(1);
  ASSERT_EQ(::chmod(dir_.c_str(), 0777), 0);
  auto opened = Writer::open(dir_);
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().code, ErrorCode::kDenied);
  ASSERT_EQ(::chmod(dir_.c_str(), 0700), 0);
  ASSERT_EQ(::chmod(default_key_path(dir_).c_str(), 0644), 0);
  opened = Writer::open(dir_);
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().code, ErrorCode::kDenied);
}

TEST_F(WriterTest, WithoutItsKeyARecordIsNotContinued) {
  fill(3);
  std::filesystem::remove(default_key_path(dir_));
  auto opened = Writer::open(dir_);
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().code, ErrorCode::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(default_key_path(dir_)));
}

TEST_F(WriterTest, FilesAreTheirOwnersOnly) {
  fill(1);
  struct stat info {};
  ASSERT_EQ(::stat(dir_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
  for (const auto& file : std::filesystem::directory_iterator(dir_)) {
    ASSERT_EQ(::stat(file.path().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600u) << file.path();
  }
}

TEST_F(WriterTest, AFullDiskRefusesTheRecordAndLosesNoOther) {
  FaultyDisk disk;
  auto writer = open({.disk = &disk});
  append(*writer, 3);
  for (const bool cut_fails : {false, true}) {
    disk.written_half = false;
    disk.fail_write = true;
    disk.fail_truncate = cut_fails;
    auto record = decision("lost");
    auto refused = writer->append(record);
    ASSERT_FALSE(refused.has_value());
    EXPECT_THAT(refused.error().message, HasSubstr("No space left"));
    EXPECT_EQ(record.sequence(), 0u);
    if (cut_fails) {
      disk.fail_write = false;  // the half record is still there: nothing is written over it
      EXPECT_FALSE(writer->append(record).has_value());
    }
    disk.fail_write = false;
    disk.fail_truncate = false;
    append(*writer, 2);
  }
  EXPECT_EQ(writer->last_sequence(), 7u);
  ASSERT_TRUE(writer->close().has_value());
  const Report found = report();
  EXPECT_TRUE(found.intact) << first_problem(found);
  EXPECT_EQ(found.records, 7u);
}

TEST_F(WriterTest, AFullDiskAtTheStartOfASegmentDoesToo) {
  FaultyDisk disk;
  auto writer = open({.segment_bytes = 300, .disk = &disk});
  append(*writer, 1);
  auto record = decision("lost");
  disk.fail_write = true;
  EXPECT_FALSE(writer->append(record).has_value());
  EXPECT_EQ(segments().size(), 1u);
  disk.fail_write = false;
  append(*writer, 3);
  ASSERT_TRUE(writer->close().has_value());
  EXPECT_TRUE(report().intact);
  EXPECT_EQ(entries().size(), 4u);
}

TEST_F(WriterTest, TheKernelsOwnLimitRefusesTheRecord) {
  crash([this](Writer& writer) {
    append(writer, 3);
    std::signal(SIGXFSZ, SIG_IGN);
    const auto size = std::filesystem::file_size(segments()[0]);
    struct rlimit limit {
      size + 10, RLIM_INFINITY
    };
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
    auto record = decision("lost");
    EXPECT_FALSE(writer.append(record).has_value());
    EXPECT_EQ(std::filesystem::file_size(segments()[0]), size);
    limit.rlim_cur = RLIM_INFINITY;
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
    append(writer, 1);
    EXPECT_TRUE(writer.close().has_value());
  });
  EXPECT_TRUE(report().intact);
  EXPECT_EQ(entries().size(), 4u);
}

TEST_F(WriterTest, AfterAFailedSyncNothingIsPromisedAnyMore) {
  FaultyDisk disk;
  auto writer = open({.durability = Durability::kStrict, .sync_every = kNever, .disk = &disk});
  append(*writer, 1);
  ASSERT_TRUE(writer->commit().has_value());
  append(*writer, 1);
  disk.fail_sync = true;
  EXPECT_FALSE(writer->commit().has_value());
  disk.fail_sync = false;
  EXPECT_FALSE(writer->commit().has_value());
  auto record = decision("lost");
  auto refused = writer->append(record);
  ASSERT_FALSE(refused.has_value());
  EXPECT_THAT(refused.error().message, HasSubstr("started anew"));
  EXPECT_EQ(writer->durable_sequence(), 1u);
  EXPECT_FALSE(writer->close().has_value());
  writer.reset();
  EXPECT_TRUE(open()->recovery().clean());
  EXPECT_TRUE(report().intact);
}

TEST_F(WriterTest, TheBackgroundSyncsInGroups) {
  FaultyDisk disk;
  auto writer = open({.sync_every = std::chrono::milliseconds(2), .disk = &disk});
  const int before = disk.syncs;
  append(*writer, 50);
  for (int i = 0; i < 2000 && writer->durable_sequence() < 50; ++i) ::usleep(1000);
  EXPECT_EQ(writer->durable_sequence(), 50u);
  EXPECT_LT(disk.syncs - before, 50);
  disk.fail_sync = true;
  append(*writer, 1);
  for (int i = 0; i < 2000 && writer->commit(); ++i) ::usleep(1000);
  EXPECT_FALSE(writer->commit().has_value());
}

TEST_F(WriterTest, StrictIsDurableWhenCommitReturns) {
  auto writer = open({.durability = Durability::kStrict, .sync_every = kNever});
  for (std::uint64_t n = 1; n <= 5; ++n) {
    append(*writer, 1);
    ASSERT_TRUE(writer->commit().has_value());
    EXPECT_EQ(writer->durable_sequence(), n);
    EXPECT_EQ(read_checkpoint(dir_, key())->newest->last_sequence, n);
  }
}

TEST_F(WriterTest, EightThreadsOneChain) {
  constexpr int kThreads = 8;
  constexpr int kEach = 250;
  auto writer = open({.durability = Durability::kStrict, .segment_bytes = 20'000});
  std::vector<std::vector<std::uint64_t>> sequences(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        auto record = decision(std::to_string(t) + "-" + std::to_string(i));
        auto sequence = writer->append(record);
        if (!sequence || (i % 10 == 0 && !writer->commit())) return;
        sequences[t].push_back(*sequence);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  ASSERT_TRUE(writer->close().has_value());
  std::set<std::uint64_t> distinct;
  for (const auto& of_thread : sequences) {
    EXPECT_EQ(of_thread.size(), static_cast<std::size_t>(kEach));
    EXPECT_TRUE(std::is_sorted(of_thread.begin(), of_thread.end()));
    distinct.insert(of_thread.begin(), of_thread.end());
  }
  EXPECT_EQ(distinct.size(), static_cast<std::size_t>(kThreads * kEach));
  EXPECT_EQ(*distinct.rbegin(), static_cast<std::uint64_t>(kThreads * kEach));
  const Report found = report();
  EXPECT_TRUE(found.intact) << first_problem(found);
  EXPECT_EQ(found.records, static_cast<std::uint64_t>(kThreads * kEach));
}

TEST_F(WriterTest, AClosedWriterRefuses) {
  auto writer = open();
  ASSERT_TRUE(writer->close().has_value());
  EXPECT_TRUE(writer->close().has_value());
  auto record = decision("late");
  EXPECT_FALSE(writer->append(record).has_value());
}

}  // namespace
}  // namespace writ::audit
