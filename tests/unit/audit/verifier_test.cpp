#include "audit/verifier.h"

#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "audit/fixture.h"

namespace writ::audit {
namespace {

using testing::HasSubstr;

class VerifierTest : public AuditTest {
 protected:
  // Nine records in several segments, ended in order.
  void make_store() {
    fill(9, {.segment_bytes = 600});
    files_ = segments();
    ASSERT_GE(files_.size(), 3u);
    ASSERT_TRUE(report().intact);
  }

  std::vector<std::string> files_;
};

TEST_F(VerifierTest, EachChangedByteIsFoundWhereItIs) {
  make_store();
  const auto all = entries();
  for (const std::string& path : files_) {
    const std::string whole = read_bytes(path);
    for (std::size_t at = 0; at < whole.size(); ++at) {
      SCOPED_TRACE(path + " " + std::to_string(at));
      std::string changed = whole;
      changed[at] = static_cast<char>(changed[at] ^ (1 << (at % 8)));
      write_bytes(path, changed);
      const Report found = report();
      ASSERT_FALSE(found.intact);
      // The frame that holds the byte is the one that is named.
      std::uint64_t offset = 0;
      std::uint64_t sequence = 0;
      for (const Entry& entry : all) {
        if (dir_ + "/" + segment_name(entry.position.segment) != path) continue;
        if (sequence == 0) sequence = entry.position.sequence;
        if (entry.position.offset > at) break;
        offset = entry.position.offset;
        sequence = entry.position.sequence;
      }
      ASSERT_EQ(found.problems.size(), 1u);
      EXPECT_EQ(found.problems[0].file, path);
      EXPECT_EQ(found.problems[0].offset, offset);
      EXPECT_EQ(found.problems[0].sequence, sequence);
    }
    write_bytes(path, whole);
  }
  EXPECT_TRUE(report().intact);
}

TEST_F(VerifierTest, EachChangedByteOfTheCheckpointIsFound) {
  make_store();
  const std::string path = checkpoint_path(dir_);
  const std::string whole = read_bytes(path);
  ASSERT_EQ(whole.size(), kCheckpointFileBytes);
  // Each look at a damaged checkpoint is repeated with pauses, so not each byte has its turn here;
  // the MAC knows no difference between them.
  for (std::size_t at = 0; at < whole.size(); at += at % 512 < 96 || at % 512 >= 480 ? 1 : 37) {
    std::string changed = whole;
    changed[at] ^= 4;
    write_bytes(path, changed);
    const Report found = report();
    ASSERT_FALSE(found.intact) << at;
    EXPECT_EQ(found.problems[0].file, path);
    EXPECT_EQ(found.problems[0].offset, at / 512 * 512);
  }
  for (const std::string& other :
       {whole + "x", whole.substr(1), whole.substr(0, 512),
        whole.substr(512) + whole.substr(0, 512), whole.substr(0, 512) + whole.substr(0, 512)}) {
    write_bytes(path, other);
    EXPECT_FALSE(report().intact);
  }
}

TEST_F(VerifierTest, EachCutIsFound) {
  make_store();
  for (const std::string& path : {files_[1], files_.back()}) {
    const std::string whole = read_bytes(path);
    for (std::size_t size = 0; size < whole.size(); ++size) {
      write_bytes(path, whole.substr(0, size));
      const Report found = report();
      ASSERT_FALSE(found.intact) << path << " " << size;
    }
    write_bytes(path, whole);
  }
}

TEST_F(VerifierTest, ATailThatWasDurableAndIsGoneIsFound) {
  fill(57);
  const auto all = entries();
  std::filesystem::resize_file(segments()[0], all[41].position.offset);
  const Report found = report();
  ASSERT_EQ(found.problems.size(), 1u);
  EXPECT_EQ(found.problems[0].message,
            "the record ends at 41, but the checkpoint says that 57 were written");
  EXPECT_EQ(found.problems[0].sequence, 42u);
  EXPECT_EQ(found.problems[0].offset, all[41].position.offset);
  EXPECT_EQ(found.records, 41u);
}

TEST_F(VerifierTest, BytesBehindAnOrderlyEndAreFound) {
  make_store();
  for (const std::string& path : {files_[0], files_.back()}) {
    const std::string whole = read_bytes(path);
    for (const std::string& more : {std::string("\x01"), std::string(3, '\0'),
                                    std::string(200, 'x'), std::string("\x10\0\0\0abc", 7)}) {
      write_bytes(path, whole + more);
      const Report found = report();
      ASSERT_FALSE(found.intact);
      EXPECT_EQ(found.problems[0].offset, whole.size());
    }
    write_bytes(path, whole);
  }
}

TEST_F(VerifierTest, ARemovedSegmentIsFound) {
  make_store();
  for (std::size_t i = 0; i < files_.size(); ++i) {
    SCOPED_TRACE(i);
    std::filesystem::rename(files_[i], root_ + "/away");
    const Report found = report();
    EXPECT_FALSE(found.intact);
    ASSERT_EQ(found.problems.size(), 1u);
    EXPECT_GT(found.problems[0].sequence, 0u);
    std::filesystem::rename(root_ + "/away", files_[i]);
  }
  for (const std::string& path : files_) std::filesystem::remove(path);
  EXPECT_FALSE(report().intact);
}

TEST_F(VerifierTest, ExchangedSegmentsAreFound) {
  make_store();
  const std::string one = read_bytes(files_[0]);
  const std::string two = read_bytes(files_[1]);
  write_bytes(files_[0], two);
  write_bytes(files_[1], one);
  EXPECT_FALSE(report().intact);
  write_bytes(files_[0], one);
  EXPECT_FALSE(report().intact);  // a copy of the first in the second's place
}

TEST_F(VerifierTest, RepeatedAndReorderedRecordsAreFound) {
  fill(5);
  const auto all = entries();
  const std::string path = segments()[0];
  const std::string whole = read_bytes(path);
  const auto frame = [&](std::size_t i) {
    const std::size_t end = i + 1 < all.size() ? all[i + 1].position.offset : whole.size();
    return whole.substr(all[i].position.offset, end - all[i].position.offset);
  };
  const std::string header = whole.substr(0, kHeaderBytes);
  write_bytes(path, header + frame(0) + frame(1) + frame(1) + frame(2) + frame(3) + frame(4));
  EXPECT_EQ(report().problems.at(0).sequence, 3u);
  write_bytes(path, header + frame(0) + frame(2) + frame(1) + frame(3) + frame(4));
  EXPECT_EQ(report().problems.at(0).sequence, 2u);
  write_bytes(path, header + frame(0) + frame(2) + frame(3) + frame(4));
  EXPECT_EQ(report().problems.at(0).sequence, 2u);
  write_bytes(path, whole + frame(4));
  EXPECT_EQ(report().problems.at(0).sequence, 6u);
}

TEST_F(VerifierTest, ASegmentOfAnotherChainIsFound) {
  make_store();
  const std::string mine = dir_;
  dir_ = root_ + "/other";
  fill(9, {.segment_bytes = 600});
  const auto others = segments();
  dir_ = mine;
  for (std::size_t i = 0; i < files_.size(); ++i) {
    const std::string whole = read_bytes(files_[i]);
    write_bytes(files_[i], read_bytes(others[i]));
    const Report found = report();
    ASSERT_FALSE(found.intact);
    EXPECT_THAT(found.problems[0].message, HasSubstr("another key"));
    write_bytes(files_[i], whole);
  }
}

TEST_F(VerifierTest, ASegmentOfAnotherChainWithTheSameKeyIsFound) {
  make_store();
  const std::string mine = dir_;
  dir_ = root_ + "/other";
  std::filesystem::create_directory(dir_);
  std::filesystem::permissions(dir_, std::filesystem::perms::owner_all);
  std::filesystem::copy(default_key_path(mine), default_key_path(dir_));
  {
    auto writer = open({.segment_bytes = 600});
    for (int i = 0; i < 9; ++i) {
      auto record = decision("evil-" + std::to_string(i));
      ASSERT_TRUE(writer->append(record).has_value());
    }
  }
  const auto others = segments();
  ASSERT_TRUE(report().intact);
  dir_ = mine;
  ASSERT_EQ(others.size(), files_.size());
  for (std::size_t i = 0; i < files_.size(); ++i) {
    SCOPED_TRACE(i);
    const std::string whole = read_bytes(files_[i]);
    write_bytes(files_[i], read_bytes(others[i]));
    EXPECT_FALSE(report().intact);
    write_bytes(files_[i], whole);
  }
  for (std::size_t i = 0; i < files_.size(); ++i) write_bytes(files_[i], read_bytes(others[i]));
  EXPECT_FALSE(report().intact);  // all of them: the checkpoint is not theirs
  EXPECT_THAT(first_problem(report()), HasSubstr("checkpoint"));
}

TEST_F(VerifierTest, AFileThatOnlyLooksLikeASegmentIsFound) {
  make_store();
  write_bytes(dir_ + "/segment-1.writ", "x");
  EXPECT_FALSE(report().intact);
  std::filesystem::remove(dir_ + "/segment-1.writ");
  std::filesystem::copy(files_[0], dir_ + "/" + segment_name(1'000'000));
  EXPECT_FALSE(report().intact);
}

TEST_F(VerifierTest, ReadsOnBehindABrokenSegment) {
  make_store();
  std::string changed = read_bytes(files_[0]);
  changed[kHeaderBytes + 10] ^= 1;
  write_bytes(files_[0], changed);
  changed = read_bytes(files_[2]);
  changed[kHeaderBytes + 10] ^= 1;
  write_bytes(files_[2], changed);
  const Report found = report();
  ASSERT_EQ(found.problems.size(), 2u);
  EXPECT_EQ(found.problems[0].file, files_[0]);
  EXPECT_EQ(found.problems[1].file, files_[2]);
  EXPECT_EQ(found.segments, files_.size());
  EXPECT_GT(found.records, 0u);
}

TEST_F(VerifierTest, NoRecordIsNotAnIntactOne) {
  fill(0);
  std::filesystem::create_directory(root_ + "/empty");
  auto verified = verify(root_ + "/empty", key());
  ASSERT_FALSE(verified.has_value());
  EXPECT_EQ(verified.error().code, ErrorCode::kNotFound);
}

TEST_F(VerifierTest, BesideALiveWriterItFindsNothingWrong) {
  auto writer = open({.sync_every = std::chrono::milliseconds(1), .segment_bytes = 30'000});
  std::atomic<bool> stop = false;
  std::thread busy([&] {
    while (!stop) {
      auto record = decision("call");
      if (!writer->append(record)) return;
    }
  });
  std::uint64_t last = 0;
  for (int i = 0; last < 2000 && i < 5000; ++i) {
    const Report found = report();
    EXPECT_TRUE(found.intact) << first_problem(found);
    EXPECT_GE(found.records, last);
    last = found.records;
  }
  stop = true;
  busy.join();
  EXPECT_GE(last, 2000u);
}

}  // namespace
}  // namespace writ::audit
