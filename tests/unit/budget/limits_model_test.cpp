// Random operations against a model that keeps everything and counts from scratch each time.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <vector>

#include "budget/limits.h"

namespace writ::budget {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kOfUser = 4;

class Model {
 public:
  struct Writ {
    std::string parent;
    std::string user;
    WritLimits limits;
    TimePoint started;
    bool open = true;
  };
  struct Call {
    std::string writ;
    TimePoint at;
    bool committed = false;
  };

  void expire(TimePoint now) {
    std::erase_if(calls,
                  [&](const auto& c) { return !c.second.committed && now - c.second.at >= 10min; });
  }
  std::string reserve(const std::string& writ, const std::string& call, TimePoint now) {
    if (!writs.at(writ).open) return "no_writ";
    if (calls.contains(call)) return calls.at(call).writ == writ ? "" : "no_writ";
    for (std::string one = writ; !one.empty(); one = writs.at(one).parent) {
      const Writ& w = writs.at(one);
      if (w.limits.max_duration && now - w.started >= *w.limits.max_duration)
        return "limit_duration";
      std::uint64_t used = 0;
      std::uint64_t in_minute = 0;
      for (const auto& [id, c] : calls) {
        if (!below(c.writ, one)) continue;
        ++used;
        in_minute += !c.committed || now - c.at < 60s;
      }
      if (w.limits.max_tool_calls && used >= *w.limits.max_tool_calls) return "limit_tool_calls";
      if (w.limits.calls_per_minute && in_minute >= *w.limits.calls_per_minute)
        return "limit_calls_per_minute";
    }
    std::uint64_t of_user = 0;
    for (const auto& [id, c] : calls) {
      if (writs.at(c.writ).user != writs.at(writ).user) continue;
      of_user += !c.committed || now - c.at < 60s;
    }
    if (of_user >= kOfUser) return "limit_calls_per_minute";
    calls[call] = {.writ = writ, .at = now};
    return "";
  }
  bool below(std::string writ, const std::string& ancestor) const {
    while (!writ.empty() && writ != ancestor) writ = writs.at(writ).parent;
    return !writ.empty();
  }
  bool commit(const std::string& call, TimePoint now) {
    const auto found = calls.find(call);
    if (found == calls.end() || !writs.at(found->second.writ).open) return false;
    if (found->second.committed) return now - found->second.at < 10min;  // remembered that long
    found->second = {found->second.writ, now, true};
    return true;
  }
  void release(const std::string& call) {
    const auto found = calls.find(call);
    if (found != calls.end() && !found->second.committed) calls.erase(found);
  }
  void close(const std::string& writ) {
    writs.at(writ).open = false;
    std::erase_if(calls,
                  [&](const auto& c) { return !c.second.committed && c.second.writ == writ; });
  }

  std::map<std::string, Writ> writs;
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
      if (model.writs.empty() || random() % 25 == 0) {
        const std::string id = "w" + std::to_string(model.writs.size());
        WritLimits limits{.user_calls_per_minute = kOfUser};
        if (random() % 2 == 0) limits.max_tool_calls = random() % 12;
        if (random() % 2 == 0) limits.max_duration = std::chrono::seconds(random() % 900);
        if (random() % 3 == 0) limits.calls_per_minute = 1 + random() % 4;
        std::string parent;
        std::string user = "u" + std::to_string(random() % 2);
        if (!model.writs.empty() && random() % 2 == 0) {
          parent = "w" + std::to_string(random() % model.writs.size());
          user = model.writs.at(parent).user;
        }
        // A closed writ takes no new child, unless one of its others still keeps it.
        const bool may = parent.empty() || model.writs.at(parent).open;
        if (may) {
          ASSERT_TRUE(book.open_writ(id, parent, user, limits, now));
          model.writs[id] = {.parent = parent, .user = user, .limits = limits, .started = now};
        } else {
          ASSERT_FALSE(book.open_writ(id, parent, user, limits, now));
        }
      }
      const std::string writ = "w" + std::to_string(random() % model.writs.size());
      switch (random() % 12) {
        case 0:
          if (random() % 5 != 0) break;
          book.close_writ(writ, now);
          model.close(writ);
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
          const auto refusal = book.reserve(writ, call, now);
          const std::string code = refusal ? refusal->code : "";
          ASSERT_EQ(code, model.reserve(writ, call, now)) << history << "/" << step;
          ++answers[code];
        }
      }
      // What the limit is for: in no 60 seconds more than 4 of one user's calls.
      std::map<std::string, int> last_minute;
      for (const auto& [id, call] : model.calls) {
        if (call.committed && now - call.at < 60s) ++last_minute[model.writs.at(call.writ).user];
      }
      for (const auto& [user, count] : last_minute) ASSERT_LE(count, static_cast<int>(kOfUser));
    }
  }
  // Each answer came up, so the histories do test something.
  for (const char* code :
       {"", "no_writ", "limit_duration", "limit_tool_calls", "limit_calls_per_minute"})
    EXPECT_GT(answers[code], 50) << code;
}

}  // namespace
}  // namespace writ::budget
