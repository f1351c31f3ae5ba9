// A directory of its own for each test, records to put into it, and ways to hurt it.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "audit/reader.h"
#include "audit/store.h"
#include "audit/verifier.h"
#include "audit/writer.h"

namespace writ::audit {

// Long enough that the background thread does not come by during a test.
inline constexpr std::chrono::milliseconds kNever = std::chrono::hours(1);

inline v1::Record decision(const std::string& call, v1::Verdict verdict = v1::VERDICT_ALLOW,
                           const std::string& session = "s1", std::uint64_t time = 1000) {
  v1::Record record;
  record.set_time_unix_ns(time);
  record.set_trace_id("0123456789abcdef0123456789abcdef");
  v1::Decision& body = *record.mutable_decision();
  body.set_call_id(call);
  body.set_session_id(session);
  body.set_verdict(verdict);
  body.set_reason("because the rule says so");
  return record;
}

inline v1::Record outcome(const std::string& call, const std::string& result = "completed") {
  v1::Record record;
  record.set_time_unix_ns(2000);
  record.mutable_outcome()->set_call_id(call);
  record.mutable_outcome()->set_result(result);
  return record;
}

inline std::string read_bytes(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

inline void write_bytes(const std::string& path, std::string_view bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  ASSERT_TRUE(out.good());
}

class AuditTest : public testing::Test {
 protected:
  AuditTest() {
    std::string name = (std::filesystem::temp_directory_path() / "writ-audit-XXXXXX").string();
    root_ = ::mkdtemp(name.data());
    dir_ = root_ + "/audit";
  }
  ~AuditTest() override {
    std::error_code ignored;  // what is left in /tmp harms nobody
    std::filesystem::remove_all(root_, ignored);
  }

  std::unique_ptr<Writer> open(WriterOptions options = {}) {
    auto writer = Writer::open(dir_, std::move(options));
    EXPECT_TRUE(writer.has_value()) << writer.error().message;
    return writer ? std::move(*writer) : nullptr;
  }

  // Appends decisions "call-<n>", n being each record's sequence, and ends in order.
  void fill(int count, WriterOptions options = {}) {
    auto writer = open(std::move(options));
    ASSERT_NE(writer, nullptr);
    append(*writer, count);
    const auto closed = writer->close();
    ASSERT_TRUE(closed.has_value()) << closed.error().message;
  }

  static void append(Writer& writer, int count) {
    for (int i = 0; i < count; ++i) {
      auto record = decision("call-" + std::to_string(writer.last_sequence() + 1));
      auto sequence = writer.append(record);
      ASSERT_TRUE(sequence.has_value()) << sequence.error().message;
    }
  }

  // Runs `body` with a writer in a process of its own that then dies without closing it.
  void crash(const std::function<void(Writer&)>& body,
             WriterOptions options = {.sync_every = kNever}) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      auto writer = Writer::open(dir_, std::move(options));
      if (!writer) ::_exit(1);
      body(**writer);
      ::_exit(testing::Test::HasFailure() ? 2 : 0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_EQ(status, 0);
  }

  Key key() {
    auto loaded = Key::load(default_key_path(dir_));
    EXPECT_TRUE(loaded.has_value()) << loaded.error().message;
    return loaded ? *loaded : Key::from_bytes({});
  }

  Report report() {
    auto verified = verify(dir_, key());
    EXPECT_TRUE(verified.has_value()) << verified.error().message;
    return verified ? *verified : Report{.intact = false};
  }

  // Every record, in order; damage fails the test.
  std::vector<Entry> entries() {
    std::vector<Entry> all;
    auto cursor = Cursor::open(dir_, key());
    EXPECT_TRUE(cursor.has_value());
    while (cursor) {
      auto entry = cursor->next();
      EXPECT_TRUE(entry.has_value()) << entry.error().message;
      if (!entry || !*entry) break;
      all.push_back(std::move(**entry));
    }
    return all;
  }

  std::vector<std::string> segments() {
    std::vector<std::string> paths;
    auto listing = list_segments(dir_);
    EXPECT_TRUE(listing.has_value());
    if (listing) {
      for (const SegmentFile& file : listing->segments) paths.push_back(file.path);
    }
    return paths;
  }

  std::string root_;
  std::string dir_;
};

inline std::string first_problem(const Report& report) {
  return report.problems.empty() ? "" : report.problems[0].message;
}

}  // namespace writ::audit
