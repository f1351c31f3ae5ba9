#include "audit/reader.h"

#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "audit/fixture.h"

namespace writ::audit {
namespace {

using ReaderTest = AuditTest;

// The sequences a cursor returns until its end; each error counts as 0.
std::vector<std::uint64_t> drain(Cursor& cursor) {
  std::vector<std::uint64_t> sequences;
  while (sequences.size() < 10'000) {
    auto entry = cursor.next();
    if (entry && !*entry) break;
    sequences.push_back(entry ? (*entry)->record.sequence() : 0);
  }
  return sequences;
}

TEST_F(ReaderTest, FollowsAWriterAcrossSegments) {
  auto writer = open({.segment_bytes = 600});
  auto cursor = Cursor::open(dir_, key());
  ASSERT_TRUE(cursor.has_value());
  EXPECT_TRUE(drain(*cursor).empty());
  for (std::uint64_t n = 1; n <= 20; ++n) {
    append(*writer, 1);
    EXPECT_EQ(drain(*cursor), std::vector<std::uint64_t>{n});
  }
  EXPECT_GT(segments().size(), 4u);
}

TEST_F(ReaderTest, BeginsWhereItIsAsked) {
  fill(20, {.segment_bytes = 600});
  for (std::uint64_t from = 1; from <= 21; ++from) {
    auto cursor = Cursor::open(dir_, key(), from);
    ASSERT_TRUE(cursor.has_value());
    const auto got = drain(*cursor);
    ASSERT_EQ(got.size(), 21 - from);
    if (!got.empty()) {
      EXPECT_EQ(got[0], from);
    }
  }
}

TEST_F(ReaderTest, SeesEveryRecordOfABusyWriterOnce) {
  auto writer = open({.segment_bytes = 5'000});
  std::thread busy([&] {
    for (int i = 0; i < 3000; ++i) {
      auto record = decision("call");
      if (!writer->append(record)) return;
    }
  });
  auto cursor = Cursor::open(dir_, key());
  std::uint64_t expected = 1;
  for (int idle = 0; expected <= 3000 && idle < 5000;) {
    auto entry = cursor->next();
    ASSERT_TRUE(entry.has_value()) << entry.error().message;
    if (!*entry) {
      ++idle;
      ::usleep(1000);
      continue;
    }
    ASSERT_EQ((*entry)->record.sequence(), expected++);
  }
  busy.join();
  EXPECT_EQ(expected, 3001u);
}

TEST_F(ReaderTest, ReadsOnBehindDamageAndSaysSo) {
  fill(9, {.segment_bytes = 600});
  const auto all = entries();
  const auto files = segments();
  const std::string path = files[0];
  const std::string whole = read_bytes(path);
  const std::size_t in_first = static_cast<std::size_t>(std::count_if(
      all.begin(), all.end(), [](const Entry& e) { return e.position.segment == 1; }));
  ASSERT_GE(in_first, 3u);

  std::string changed = whole;
  changed[all[1].position.offset + 9] ^= 1;  // in the second record's payload
  write_bytes(path, changed);
  auto cursor = Cursor::open(dir_, key());
  EXPECT_EQ(drain(*cursor), (std::vector<std::uint64_t>{1, 0, 3, 4, 5, 6, 7, 8, 9}));

  changed = whole;
  changed[all[1].position.offset + 3] = '\x7f';  // its length
  write_bytes(path, changed);
  cursor = Cursor::open(dir_, key());
  std::vector<std::uint64_t> expected = {1, 0};
  for (std::size_t n = in_first + 1; n <= 9; ++n) expected.push_back(n);
  EXPECT_EQ(drain(*cursor), expected);

  changed = whole;
  changed[0] = 'x';  // the header
  write_bytes(path, changed);
  cursor = Cursor::open(dir_, key());
  EXPECT_EQ(drain(*cursor).at(0), 0u);
  EXPECT_EQ(drain(*cursor).size(), 0u);

  write_bytes(path, whole.substr(0, whole.size() - 3));  // cut, though others follow
  cursor = Cursor::open(dir_, key());
  const auto got = drain(*cursor);
  ASSERT_EQ(got.size(), 9u);
  EXPECT_EQ(got[in_first - 1], 0u);
  EXPECT_EQ(got[in_first], in_first + 1);
}

TEST_F(ReaderTest, ReadsOneRecordByItsPlaceAndProvesIt) {
  fill(9, {.segment_bytes = 600});
  for (const Entry& entry : entries()) {
    auto record = read_record(dir_, key(), entry.position);
    ASSERT_TRUE(record.has_value()) << record.error().message;
    EXPECT_EQ(record->SerializeAsString(), entry.record.SerializeAsString());
    for (const Position wrong :
         {Position{entry.position.segment, entry.position.offset + 1, entry.position.sequence},
          Position{entry.position.segment, entry.position.offset, entry.position.sequence + 1},
          Position{entry.position.segment, 1u << 20, entry.position.sequence},
          Position{entry.position.segment, 0, entry.position.sequence}}) {
      EXPECT_FALSE(read_record(dir_, key(), wrong).has_value());
    }
  }
}

TEST_F(ReaderTest, OfNoDirectoryIsAnError) {
  fill(0);
  EXPECT_FALSE(Cursor::open(root_ + "/none", key()).has_value());
}

}  // namespace
}  // namespace writ::audit
