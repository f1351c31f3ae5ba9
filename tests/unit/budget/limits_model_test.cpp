// Random operations against a model that keeps everything and counts from scratch each time.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <vector>

#include "budget/limits.h"

namespace writ::budget {
namespace {

using namespace std::chrono_literals;

class Model {
 public:
  struct Session {
    std::string user;
    SessionLimits limits;
    TimePoint started;
    bool open = true;
  };
  struct Call {
    std::string session;
    TimePoint at;
    bool committed = false;
  };

  void expire(TimePoint now) {
    std::erase_if(calls,
                  [&](const auto& c) { return !c.second.committed && now - c.second.at >= 10min; });
  }
  std::string reserve(const std::string& session, const std::string& call, TimePoint now) {
    const Session& s = sessions.at(session);
    if (!s.open) return "no_session";
    if (calls.contains(call)) return calls.at(call).session == session ? "" : "no_session";
    if (s.limits.max_duration && now - s.started >= *s.limits.max_duration) return "limit_duration";
    std::uint64_t in_session = 0;
    std::uint64_t in_minute = 0;
    for (const auto& [id, c] : calls) {
      in_session += c.session == session;
      if (sessions.at(c.session).user != s.user) continue;
      in_minute += !c.committed || now - c.at < 60s;
    }
    if (s.limits.max_tool_calls && in_session >= *s.limits.max_tool_calls)
      return "limit_tool_calls";
    if (in_minute >= *s.limits.calls_per_minute) return "limit_calls_per_minute";
    calls[call] = {.session = session, .at = now};
    return "";
  }
  bool commit(const std::string& call, TimePoint now) {
    const auto found = calls.find(call);
    if (found == calls.end() || !sessions.at(found->second.session).open) return false;
    if (found->second.committed) return now - found->second.at < 10min;  // remembered that long
    found->second = {found->second.session, now, true};
    return true;
  }
  void release(const std::string& call) {
    const auto found = calls.find(call);
    if (found != calls.end() && !found->second.committed) calls.erase(found);
  }
  void close(const std::string& session) {
    sessions.at(session).open = false;
    std::erase_if(
        calls, [&](const auto& c) { return !c.second.committed && c.second.session == session; });
  }

  std::map<std::string, Session> sessions;
  std::map<std::string, Call> calls;
};

TEST(LimitBookModel, AgreesOverRandomHistories) {
  std::mt19937 random(7);  // NOLINT(cert-msc51-cpp): the same histories in every run
  std::map<std::string, int> answers;
  for (int history = 0; history < 150; ++history) {
    LimitBook book;
    Model model;
    TimePoint now = TimePoint(100h);
    int next_call = 0;
    const auto some_call = [&] {
      return std::to_string(std::max(0, next_call - 1 - static_cast<int>(random() % 6)));
    };
    for (int step = 0; step < 200; ++step) {
      now += std::chrono::milliseconds(random() % (random() % 20 == 0 ? 400'000u : 6'000u));
      model.expire(now);
      if (model.sessions.empty() || random() % 25 == 0) {
        const std::string id = "s" + std::to_string(model.sessions.size());
        SessionLimits limits{.calls_per_minute = 4};
        if (random() % 2 == 0) limits.max_tool_calls = random() % 12;
        if (random() % 2 == 0) limits.max_duration = std::chrono::seconds(random() % 900);
        const std::string user = "u" + std::to_string(random() % 2);
        ASSERT_TRUE(book.open_session(id, user, limits, now));
        model.sessions[id] = {.user = user, .limits = limits, .started = now};
      }
      const std::string session = "s" + std::to_string(random() % model.sessions.size());
      switch (random() % 12) {
        case 0:
          if (random() % 5 != 0) break;
          book.close_session(session, now);
          model.close(session);
          break;
        case 1:
        case 2:
        case 3: {
          const std::string call = some_call();
          book.release(call, now);
          model.release(call);
          break;
        }
        case 4:
        case 5:
        case 6:
        case 7: {
          const std::string call = some_call();
          ASSERT_EQ(book.commit(call, now), model.commit(call, now)) << history << "/" << step;
          break;
        }
        default: {
          const std::string call = std::to_string(next_call++);
          const auto refusal = book.reserve(session, call, now);
          const std::string code = refusal ? refusal->code : "";
          ASSERT_EQ(code, model.reserve(session, call, now)) << history << "/" << step;
          ++answers[code];
        }
      }
      // What the limit is for: in no 60 seconds more than 4 of one user's calls.
      std::map<std::string, int> last_minute;
      for (const auto& [id, call] : model.calls) {
        if (call.committed && now - call.at < 60s)
          ++last_minute[model.sessions.at(call.session).user];
      }
      for (const auto& [user, count] : last_minute) ASSERT_LE(count, 4);
    }
  }
  // Each answer came up, so the histories do test something.
  for (const char* code :
       {"", "no_session", "limit_duration", "limit_tool_calls", "limit_calls_per_minute"})
    EXPECT_GT(answers[code], 50) << code;
}

}  // namespace
}  // namespace writ::budget
