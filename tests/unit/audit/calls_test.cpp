#include "audit/calls.h"

#include <gmock/gmock.h>

#include "audit/fixture.h"

namespace writ::audit {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string id(const v1::Call& call) {
  return call.decision().decision().call_id() + (call.has_outcome() ? "+" : "-");
}

class CallsTest : public AuditTest {
 protected:
  void write(std::vector<v1::Record> records, WriterOptions options = {}) {
    auto writer = open(std::move(options));
    for (v1::Record& record : records) ASSERT_TRUE(writer->append(record).has_value());
    ASSERT_TRUE(writer->close().has_value());
  }

  std::vector<std::string> each(const CallFilter& filter = {}) {
    std::vector<std::string> ids;
    auto done = each_call(dir_, key(), filter, [&](v1::Call&& call) { ids.push_back(id(call)); });
    EXPECT_TRUE(done.has_value()) << done.error().message;
    return ids;
  }

  std::vector<std::string> newest(std::uint32_t count, const CallFilter& filter = {}) {
    std::vector<std::string> ids;
    auto found = newest_calls(dir_, key(), filter, count);
    EXPECT_TRUE(found.has_value()) << found.error().message;
    if (found) {
      for (const v1::Call& call : found->calls) ids.push_back(id(call));
    }
    return ids;
  }
};

TEST_F(CallsTest, DecisionAndOutcomeAreOneCall) {
  v1::Record other;
  other.mutable_daemon()->set_what("started");
  write({other, decision("a"), decision("b"), outcome("b"), decision("c"), outcome("a"),
         outcome("x")});
  EXPECT_THAT(each(), ElementsAre("a+", "b+", "c-"));
  EXPECT_THAT(newest(2), ElementsAre("b+", "c-"));
  EXPECT_THAT(newest(100), ElementsAre("a+", "b+", "c-"));
}

TEST_F(CallsTest, AreFiltered) {
  write({decision("a", v1::VERDICT_ALLOW, "s1", 10), decision("b", v1::VERDICT_DENY, "s1", 20),
         outcome("b"), decision("c", v1::VERDICT_DENY, "s2", 30), outcome("a")});
  EXPECT_THAT(each({.session = "s1"}), ElementsAre("a+", "b+"));
  EXPECT_THAT(each({.verdict = v1::VERDICT_DENY}), ElementsAre("b+", "c-"));
  EXPECT_THAT(each({.since_unix_ns = 20}), ElementsAre("b+", "c-"));
  EXPECT_THAT(each({.session = "s1", .verdict = v1::VERDICT_DENY, .since_unix_ns = 21}),
              ElementsAre());
  EXPECT_THAT(each({.visible = [](const v1::Decision& d) { return d.call_id() != "b"; }}),
              ElementsAre("a+", "c-"));
  EXPECT_THAT(newest(1, {.session = "s1"}), ElementsAre("b+"));
}

TEST_F(CallsTest, NewestReadBackOverSegments) {
  std::vector<v1::Record> records;
  for (int i = 10; i < 70; ++i) {
    records.push_back(
        decision(std::to_string(i), i % 10 == 0 ? v1::VERDICT_DENY : v1::VERDICT_ALLOW));
    if (i > 12) records.push_back(outcome(std::to_string(i - 3)));  // in a later segment, at times
  }
  write(records, {.segment_bytes = 500});
  EXPECT_GT(segments().size(), 10u);
  EXPECT_THAT(newest(5), ElementsAre("65+", "66+", "67-", "68-", "69-"));
  EXPECT_THAT(newest(4, {.verdict = v1::VERDICT_DENY}), ElementsAre("30+", "40+", "50+", "60+"));
  EXPECT_EQ(newest(kMaxNewest).size(), 60u);
  EXPECT_FALSE(newest_calls(dir_, key(), {}, 0).has_value());
  EXPECT_FALSE(newest_calls(dir_, key(), {}, kMaxNewest + 1).has_value());
}

TEST(CallJoinerTest, AnOpenCallDoesNotKeepTheOthersForEver) {
  std::vector<std::string> ids;
  CallJoiner joiner({}, [&](v1::Call&& call) { ids.push_back(id(call)); });
  std::uint64_t sequence = 0;
  const auto add = [&](v1::Record record) {
    record.set_sequence(++sequence);
    joiner.add(std::move(record));
  };
  add(decision("long"));
  add(decision("never"));
  for (std::size_t i = 0; i < CallJoiner::kReorderWindow; ++i) {
    add(decision(std::to_string(i)));
    add(outcome(std::to_string(i)));
  }
  EXPECT_TRUE(ids.empty());
  add(decision("one more"));
  add(outcome("one more"));
  EXPECT_EQ(ids.size(), CallJoiner::kReorderWindow + 1);
  ids.clear();
  add(outcome("long"));  // late, but not left out
  EXPECT_THAT(ids, ElementsAre("long+"));
  add(decision("last"));
  add(outcome("last"));
  joiner.finish();
  EXPECT_THAT(ids, ElementsAre("long+", "never-", "last+"));
}

TEST_F(CallsTest, OneIsFoundByItsBeginning) {
  write({decision("abc1"), decision("abd2"), outcome("abd2"), decision("abd23")});
  auto found = find_call(dir_, key(), "abc");
  ASSERT_TRUE(found.has_value()) << found.error().message;
  EXPECT_EQ(id(found->call), "abc1-");
  EXPECT_EQ(found->decision.sequence, 1u);
  EXPECT_EQ(found->outcome.sequence, 0u);
  EXPECT_TRUE(found->intact);
  EXPECT_THAT(found->integrity, HasSubstr("no outcome"));

  found = find_call(dir_, key(), "abd2");  // exactly, though another begins with it
  ASSERT_TRUE(found.has_value()) << found.error().message;
  EXPECT_EQ(id(found->call), "abd2+");
  EXPECT_EQ(found->outcome.sequence, 3u);
  EXPECT_EQ(read_record(dir_, key(), found->outcome)->outcome().call_id(), "abd2");

  found = find_call(dir_, key(), "abd");
  ASSERT_FALSE(found.has_value());
  EXPECT_EQ(found.error().code, ErrorCode::kInvalid);
  EXPECT_THAT(found.error().message, HasSubstr("abd2, abd23"));
  EXPECT_EQ(find_call(dir_, key(), "x").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(find_call(dir_, key(), "").error().code, ErrorCode::kInvalid);
  EXPECT_EQ(find_call(dir_, key(), "abc", [](const v1::Decision&) { return false; }).error().code,
            ErrorCode::kNotFound);
}

TEST_F(CallsTest, AmbiguityAmongManyIsStillFoundExactly) {
  std::vector<v1::Record> records;
  for (int i = 100; i < 150; ++i) records.push_back(decision("c" + std::to_string(i)));
  records.push_back(decision("c"));
  records.push_back(outcome("c"));
  write(records);
  auto found = find_call(dir_, key(), "c");
  ASSERT_TRUE(found.has_value()) << found.error().message;
  EXPECT_EQ(id(found->call), "c+");
  EXPECT_THAT(find_call(dir_, key(), "c1").error().message, HasSubstr("…"));
}

TEST_F(CallsTest, InADamagedSegmentItIsNotIntact) {
  write({decision("first"), decision("second"), outcome("second"), decision("third")});
  const auto all = entries();
  const std::string path = segments()[0];
  std::string changed = read_bytes(path);
  changed[all[0].position.offset + 12] ^= 1;
  write_bytes(path, changed);
  auto found = find_call(dir_, key(), "second");
  ASSERT_TRUE(found.has_value()) << found.error().message;
  EXPECT_EQ(id(found->call), "second+");
  EXPECT_FALSE(found->intact);
  EXPECT_THAT(found->integrity, HasSubstr("record 1"));
  found = find_call(dir_, key(), "first");
  ASSERT_FALSE(found.has_value());  // what is not proven is not shown
  EXPECT_THAT(found.error().message, HasSubstr("writ audit verify"));
  auto calls = newest_calls(dir_, key(), {}, 10);
  ASSERT_TRUE(calls.has_value());
  EXPECT_EQ(calls->calls.size(), 2u);
  EXPECT_EQ(calls->damage.size(), 1u);
}

}  // namespace
}  // namespace writ::audit
