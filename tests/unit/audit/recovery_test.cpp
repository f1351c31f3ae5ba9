#include "audit/recovery.h"

#include <fcntl.h>
#include <gmock/gmock.h>

#include <csignal>
#include <random>

#include "audit/fixture.h"

namespace writ::audit {
namespace {

using testing::HasSubstr;

class RecoveryTest : public AuditTest {
 protected:
  // Three durable records, then two that no checkpoint knows; the process dies.
  void crash_with_tail() {
    crash([](Writer& writer) {
      append(writer, 3);
      ASSERT_TRUE(writer.sync().has_value());
      append(writer, 2);
    });
    segment_ = segments().at(0);
    whole_ = read_bytes(segment_);
    offsets_.clear();
    for (const Entry& entry : entries()) offsets_.push_back(entry.position.offset);
    ASSERT_EQ(offsets_.size(), 5u);
    pristine_ = root_ + "/pristine";
    std::filesystem::remove_all(pristine_);
    std::filesystem::copy(dir_, pristine_);
  }

  void restore() {
    std::filesystem::remove_all(dir_);
    std::filesystem::copy(pristine_, dir_);
  }

  std::vector<std::string> gaps() {
    std::vector<std::string> kinds;
    for (const Entry& entry : entries()) {
      if (entry.record.has_gap()) kinds.push_back(entry.record.gap().kind());
    }
    return kinds;
  }

  std::string segment_;
  std::string whole_;
  std::string pristine_;
  std::vector<std::uint64_t> offsets_;
};

TEST_F(RecoveryTest, ACrashAloneLosesNothing) {
  crash_with_tail();
  EXPECT_TRUE(report().intact);
  {
    auto writer = open();
    EXPECT_TRUE(writer->recovery().clean());
    EXPECT_EQ(writer->last_sequence(), 5u);
    append(*writer, 1);
  }
  EXPECT_TRUE(report().intact);
  EXPECT_EQ(entries().size(), 6u);
}

TEST_F(RecoveryTest, ATornTailIsCutAtEveryByte) {
  crash_with_tail();
  for (std::size_t size = offsets_[4] + 1; size < whole_.size(); ++size) {
    SCOPED_TRACE(size);
    restore();
    std::filesystem::resize_file(segment_, size);
    const Report before = report();
    EXPECT_TRUE(before.intact) << first_problem(before);
    EXPECT_EQ(before.unfinished_bytes, size - offsets_[4]);
    {
      auto writer = open();
      const Recovery& found = writer->recovery();
      EXPECT_FALSE(found.broken);
      EXPECT_EQ(found.torn_bytes, size - offsets_[4]);
      EXPECT_EQ(found.torn_sequence, 5u);
      ASSERT_EQ(found.torn_files.size(), 1u);
      EXPECT_EQ(read_bytes(dir_ + "/" + found.torn_files[0]),
                whole_.substr(offsets_[4], size - offsets_[4]));
      append(*writer, 1);
    }
    const Report after = report();
    EXPECT_TRUE(after.intact) << first_problem(after);
    EXPECT_EQ(after.records, 6u);  // four, the gap, the new one
    EXPECT_EQ(gaps(), std::vector<std::string>{"torn_tail"});
  }
}

TEST_F(RecoveryTest, APowerFailureCanLeaveAnythingBehindTheCheckpoint) {
  crash_with_tail();
  // The fourth record's pages did not arrive, the fifth's did.
  std::string holed = whole_;
  std::fill(holed.begin() + static_cast<long>(offsets_[3]),
            holed.begin() + static_cast<long>(offsets_[4]), '\0');
  write_bytes(segment_, holed);
  EXPECT_FALSE(report().intact);  // before a restart this cannot be told from a manipulation
  {
    auto writer = open();
    EXPECT_FALSE(writer->recovery().broken);
    EXPECT_EQ(writer->recovery().torn_sequence, 4u);
    EXPECT_EQ(writer->last_sequence(), 4u);  // three and the gap
  }
  EXPECT_TRUE(report().intact);
  EXPECT_EQ(gaps(), std::vector<std::string>{"torn_tail"});
}

TEST_F(RecoveryTest, SegmentsBehindATearAreSetAside) {
  crash(
      [](Writer& writer) {
        append(writer, 1);
        ASSERT_TRUE(writer.sync().has_value());
        append(writer, 9);
      },
      {.sync_every = kNever, .segment_bytes = 600});
  ASSERT_GE(segments().size(), 3u);
  const std::string first = segments()[0];
  std::filesystem::resize_file(first, std::filesystem::file_size(first) - 5);
  {
    auto writer = open();
    EXPECT_FALSE(writer->recovery().broken);
    EXPECT_GE(writer->recovery().torn_files.size(), 3u);
    append(*writer, 3);
  }
  const Report found = report();
  EXPECT_TRUE(found.intact) << first_problem(found);
  EXPECT_EQ(gaps(), std::vector<std::string>{"torn_tail"});
}

TEST_F(RecoveryTest, ATornHeaderIsSetAside) {
  for (const std::size_t left : {0u, 1u, 127u}) {
    SCOPED_TRACE(left);
    std::filesystem::remove_all(dir_);
    crash(
        [](Writer& writer) {
          append(writer, 2);
          ASSERT_TRUE(writer.sync().has_value());
          append(writer, 1);
        },
        {.sync_every = kNever, .segment_bytes = 450});
    ASSERT_EQ(segments().size(), 2u);
    std::filesystem::resize_file(segments()[1], left);
    EXPECT_TRUE(report().intact);
    {
      auto writer = open();
      EXPECT_FALSE(writer->recovery().broken);
      EXPECT_EQ(writer->recovery().torn_files.size(), 1u);
      EXPECT_EQ(writer->last_sequence(), 3u);
    }
    const Report found = report();
    EXPECT_TRUE(found.intact) << first_problem(found);
    EXPECT_EQ(gaps(), std::vector<std::string>{"torn_tail"});
  }
}

TEST_F(RecoveryTest, ACrashDuringTheVeryFirstStartIsNoManipulation) {
  fill(0);
  for (const bool header : {true, false}) {
    std::filesystem::remove_all(dir_);
    crash([](Writer&) {});
    const std::string path = segments()[0];
    // As the disk was before the segment was there: both slots as the first start writes them.
    Mac mac = *key().checkpoint_mac();
    std::string bytes(kCheckpointFileBytes, '\0');
    for (std::uint64_t slot = 0; slot < 2; ++slot) {
      encode_checkpoint({.generation = slot}, mac,
                        std::span<std::uint8_t, kCheckpointSlotBytes>(
                            reinterpret_cast<std::uint8_t*>(&bytes[slot * kCheckpointSlotBytes]),
                            kCheckpointSlotBytes));
    }
    write_bytes(checkpoint_path(dir_), bytes);
    if (header)
      std::filesystem::resize_file(path, 50);
    else
      std::filesystem::remove(path);
    auto writer = open();
    EXPECT_FALSE(writer->recovery().broken) << writer->recovery().problem;
    append(*writer, 1);
    ASSERT_TRUE(writer->close().has_value());
    const Report found = report();
    EXPECT_TRUE(found.intact) << first_problem(found);
  }
}

TEST_F(RecoveryTest, ATailCutBehindTheCheckpointIsABreakAndStaysOne) {
  crash_with_tail();
  for (const std::size_t size :
       {offsets_[2], offsets_[2] + 7, std::uint64_t{kHeaderBytes}, std::uint64_t{0}}) {
    SCOPED_TRACE(size);
    restore();
    std::filesystem::resize_file(segment_, size);
    EXPECT_FALSE(report().intact);
    {
      auto writer = open();
      const Recovery& found = writer->recovery();
      EXPECT_TRUE(found.broken);
      EXPECT_EQ(found.torn_bytes, 0u);
      EXPECT_EQ(found.file, segment_);
      EXPECT_THAT(found.problem, HasSubstr("the checkpoint says that 3 records were written"));
      EXPECT_EQ(std::filesystem::file_size(segment_), size);  // evidence is not touched
      EXPECT_GT(writer->last_sequence(), 3u);
      append(*writer, 2);
    }
    for (int again = 0; again < 2; ++again) {
      const Report after = report();
      EXPECT_FALSE(after.intact);
      EXPECT_EQ(after.segments, 2u);
      auto writer = open();
      EXPECT_TRUE(writer->recovery().clean())
          << writer->recovery().problem;  // said once, shown for ever
    }
  }
}

TEST_F(RecoveryTest, AChangedDurableRecordIsABreak) {
  crash_with_tail();
  std::string changed = whole_;
  changed[offsets_[1] + 20] ^= 1;
  write_bytes(segment_, changed);
  {
    auto writer = open();
    EXPECT_TRUE(writer->recovery().broken);
    EXPECT_EQ(writer->recovery().broken_sequence, 2u);
    EXPECT_EQ(writer->recovery().offset, offsets_[1]);
    EXPECT_EQ(writer->last_sequence(),
              6u);  // no number is given twice: five are there, then the gap
  }
  EXPECT_EQ(read_bytes(segment_), changed);
  const Report found = report();
  EXPECT_FALSE(found.intact);
  ASSERT_EQ(found.problems.size(), 2u);
  EXPECT_EQ(found.problems[0].sequence, 2u);
  EXPECT_THAT(found.problems[1].message, HasSubstr("found broken behind record 1"));
}

TEST_F(RecoveryTest, ADamagedCheckpointSlotIsMadeAnewAndSaid) {
  crash_with_tail();
  for (const std::size_t at : {std::size_t{3}, kCheckpointSlotBytes + 100}) {
    restore();
    std::string bytes = read_bytes(checkpoint_path(dir_));
    bytes[at] ^= 1;
    write_bytes(checkpoint_path(dir_), bytes);
    EXPECT_FALSE(report().intact);
    {
      auto writer = open();
      EXPECT_FALSE(writer->recovery().broken);
      EXPECT_FALSE(writer->recovery().clean());
    }
    EXPECT_TRUE(report().intact) << first_problem(report());
    EXPECT_EQ(gaps(), std::vector<std::string>{"checkpoint_torn"});
  }
}

TEST_F(RecoveryTest, WithoutACheckpointTheRecordIsBroken) {
  for (const bool removed : {true, false}) {
    std::filesystem::remove_all(dir_);
    fill(4);
    if (removed)
      std::filesystem::remove(checkpoint_path(dir_));
    else
      write_bytes(checkpoint_path(dir_), "nonsense");
    EXPECT_FALSE(report().intact);
    {
      auto writer = open();
      EXPECT_TRUE(writer->recovery().broken);
      EXPECT_EQ(writer->last_sequence(), 5u);
    }
    const Report found = report();
    EXPECT_FALSE(found.intact);
    EXPECT_EQ(found.records, 5u);
    ASSERT_EQ(found.problems.size(), 1u);
    EXPECT_EQ(gaps(), std::vector<std::string>{"chain_broken"});
  }
}

TEST_F(RecoveryTest, WithoutItsLastSegmentTheRecordIsBroken) {
  fill(10, {.segment_bytes = 600});
  const auto before = segments();
  std::filesystem::remove(before.back());
  {
    auto writer = open();
    EXPECT_TRUE(writer->recovery().broken);
    EXPECT_EQ(writer->recovery().file, before.back());
    EXPECT_EQ(writer->last_sequence(), 11u);
  }
  EXPECT_FALSE(report().intact);
}

// A child writes, and tells each sequence that was acknowledged; it is killed at some time.
TEST_F(RecoveryTest, KillLosesNothingThatWasAcknowledged) {
  std::mt19937 random(42);
  std::uint64_t least = 0;  // everything up to here was acknowledged
  for (int round = 0; round < 50; ++round) {
    SCOPED_TRACE(round);
    int pipe[2];
    ASSERT_EQ(::pipe2(pipe, O_CLOEXEC), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      auto writer =
          Writer::open(dir_, {.sync_every = std::chrono::milliseconds(1), .segment_bytes = 50'000});
      if (!writer || (*writer)->recovery().broken) ::_exit(1);
      while (true) {
        auto record = decision("call");
        auto sequence = (*writer)->append(record);
        if (!sequence || !(*writer)->commit()) ::_exit(2);
        if (::write(pipe[1], &*sequence, sizeof *sequence) != sizeof *sequence) ::_exit(3);
      }
    }
    ::close(pipe[1]);
    // The first acknowledgement, so that every round gets somewhere, then some more.
    const std::uint64_t before = least;
    ASSERT_EQ(::read(pipe[0], &least, sizeof least), static_cast<ssize_t>(sizeof least));
    EXPECT_GT(least, before);
    ::usleep(static_cast<useconds_t>(random() % 10'000));
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    std::uint64_t sequence = 0;
    while (::read(pipe[0], &sequence, sizeof sequence) == sizeof sequence) {
      ASSERT_EQ(sequence, least + 1);
      least = sequence;
    }
    ::close(pipe[0]);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "exit " << WEXITSTATUS(status);
    if (round % 10 != 9) continue;
    const Report found = report();
    EXPECT_TRUE(found.intact) << first_problem(found);
    EXPECT_GE(found.last_sequence, least);
  }
  auto writer = open();
  EXPECT_FALSE(writer->recovery().broken);
  EXPECT_GE(writer->last_sequence(), least);
  const Report found = report();
  EXPECT_TRUE(found.intact) << first_problem(found);
  EXPECT_EQ(found.records, writer->last_sequence());
}

}  // namespace
}  // namespace writ::audit
