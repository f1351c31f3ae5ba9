// Events of arrivals: held back, handed to whoever claimed them, or told as orphans.
#include "kernel/audience.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

namespace writ::kernel {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::uint64_t kArrival = WRIT_ARRIVAL | 77;
constexpr std::uint64_t kSession = 5;

class Told : public EventSink, public ArrivalSink {
 public:
  void on_data(const writ_event_data& event, std::string_view bytes) override {
    lines.push_back("data " + std::to_string(event.head.session) + " " + std::string(bytes));
  }
  void on_flow(const writ_event_flow& event) override {
    lines.push_back("flow " + std::to_string(event.head.session));
  }
  void on_exec(const writ_event& event, std::string_view path) override {
    lines.push_back("exec " + std::to_string(event.session) + " " + std::string(path));
  }
  void on_dns(const writ_event_dns& event, std::string_view message) override {
    lines.push_back("dns " + std::to_string(event.length) + " " + std::string(message));
  }
  void on_program(std::uint64_t arrival, pid_t pid, std::string_view path) override {
    lines.push_back("program " + std::to_string(arrival == kArrival) + " " + std::to_string(pid) +
                    " " + std::string(path));
  }
  void on_cgroup(std::string_view path) override { lines.push_back("cgroup " + std::string(path)); }
  void on_orphan(const writ_event_flow& event) override {
    lines.push_back("orphan " + std::to_string(event.cookie));
  }
  void on_moved(pid_t pid, std::string_view path) override {
    lines.push_back("moved " + std::to_string(pid) + " " + std::string(path));
  }
  std::vector<std::string> lines;
};

std::string data_event(std::uint64_t session, const std::string& bytes) {
  writ_event_data event{};
  event.head.type = WRIT_EVENT_DATA_OUT;
  event.head.session = session;
  event.head.size = static_cast<std::uint32_t>(bytes.size());
  return std::string(reinterpret_cast<const char*>(&event), sizeof event) + bytes;
}

std::string flow_event(std::uint64_t session, std::uint32_t type, std::uint64_t cookie = 9) {
  writ_event_flow event{};
  event.head.type = type;
  event.head.session = session;
  event.cookie = cookie;
  return {reinterpret_cast<const char*>(&event), sizeof event};
}

std::string path_event(std::uint64_t session, std::uint32_t type, const std::string& path) {
  writ_event event{};
  event.type = type;
  event.session = session;
  event.pid = 3;
  event.size = static_cast<std::uint32_t>(path.size());
  return std::string(reinterpret_cast<const char*>(&event), sizeof event) + path;
}

std::string dns_event(const std::string& message) {
  writ_event_dns event{};
  event.head.type = WRIT_EVENT_DNS;
  event.head.session = kSession;
  event.head.size = static_cast<std::uint32_t>(message.size());
  event.length = 600;
  return std::string(reinterpret_cast<const char*>(&event), sizeof event) + message;
}

class AudienceTest : public testing::Test {
 protected:
  AudienceTest() {
    audience_.use(told_, -1);
    EXPECT_FALSE(audience_.use(static_cast<ArrivalSink&>(told_)));
    EXPECT_TRUE(audience_.use(static_cast<ArrivalSink&>(told_))) << "there was one before";
  }
  void tell(const std::string& event) { audience_.tell(event.data(), event.size()); }
  Told told_;
  Audience audience_;
};

TEST_F(AudienceTest, SessionsAndArrivalsToTheirSinks) {
  tell(data_event(kSession, "GET"));
  tell(flow_event(kSession, WRIT_EVENT_FLOW));
  tell(path_event(kSession, WRIT_EVENT_EXEC, "/bin/sh"));
  tell(dns_event("an answer"));
  tell(path_event(kArrival, WRIT_EVENT_PROGRAM, std::string("/bin/a\0\0", 8)));
  tell(path_event(kSession, WRIT_EVENT_CGROUP, "/a.slice"));
  tell(path_event(kSession, WRIT_EVENT_MOVED, "/b.slice"));
  EXPECT_THAT(told_.lines,
              ElementsAre("data 5 GET", "flow 5", "exec 5 /bin/sh", "dns 600 an answer",
                          "program 1 3 /bin/a", "cgroup /a.slice", "moved 3 /b.slice"));
}

TEST_F(AudienceTest, OfAnArrivalNothingIsToldUntilItIsClaimed) {
  tell(data_event(kArrival, "secret"));
  tell(flow_event(kArrival, WRIT_EVENT_CONNECT));
  EXPECT_THAT(told_.lines, IsEmpty());
  audience_.claim(kArrival, kSession, WRIT_MODE_ENFORCE);
  tell(data_event(kArrival, "GET"));
  tell(flow_event(kArrival, WRIT_EVENT_CLOSED));
  EXPECT_THAT(told_.lines, ElementsAre("data 5 GET", "flow 5"));
  audience_.forget_session(kSession);
  tell(data_event(kArrival, "late"));
  EXPECT_THAT(told_.lines, testing::SizeIs(2));
}

TEST_F(AudienceTest, ConnectionsOfOneThatIsGoneAreOrphans) {
  audience_.abandon(kArrival);
  tell(data_event(kArrival, "secret"));
  tell(flow_event(kArrival, WRIT_EVENT_FLOW, 42));
  tell(flow_event(kArrival, WRIT_EVENT_CLOSED, 42));
  EXPECT_THAT(told_.lines, ElementsAre("orphan 42"));
}

TEST_F(AudienceTest, RemembersAsManyThatAreGoneAsItSays) {
  for (std::uint64_t i = 0; i <= 4096; ++i) audience_.abandon(WRIT_ARRIVAL | i);
  tell(flow_event(WRIT_ARRIVAL | 0, WRIT_EVENT_FLOW, 1));
  EXPECT_THAT(told_.lines, IsEmpty()) << "the oldest is forgotten";
  tell(flow_event(WRIT_ARRIVAL | 4096, WRIT_EVENT_FLOW, 2));
  EXPECT_THAT(told_.lines, ElementsAre("orphan 2"));
}

TEST_F(AudienceTest, WhatIsShorterThanItSaysIsPassedOver) {
  audience_.claim(kArrival, kSession, WRIT_MODE_ENFORCE);
  for (const std::uint64_t session : {kSession, kArrival}) {
    for (const std::string& whole :
         {data_event(session, "GET"), flow_event(session, WRIT_EVENT_FLOW),
          path_event(session, WRIT_EVENT_EXEC, "/bin/sh"), dns_event("answer")}) {
      for (std::size_t size = 0; size < whole.size(); ++size) {
        // On the heap and of that size, so that a sanitizer sees a read beyond it.
        const std::vector<char> cut(whole.begin(),
                                    whole.begin() + static_cast<std::ptrdiff_t>(size));
        audience_.tell(cut.data(), cut.size());
      }
    }
  }
  EXPECT_THAT(told_.lines, IsEmpty());
}

}  // namespace
}  // namespace writ::kernel
