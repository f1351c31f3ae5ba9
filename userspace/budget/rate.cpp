#include "budget/rate.h"

#include <iterator>

namespace writ::budget {
namespace {

constexpr std::chrono::minutes kWindow{1};

}  // namespace

void RateBook::slide(Window& window, TimePoint now) {
  while (!window.empty() && now - window.front() >= kWindow) window.pop_front();
}

void RateBook::sweep(TimePoint now) {
  for (auto it = windows_.begin(); it != windows_.end();) {
    slide(it->second, now);
    it = it->second.empty() ? windows_.erase(it) : std::next(it);
  }
}

bool RateBook::take(const std::string& key, std::uint32_t limit, TimePoint now) {
  if (!windows_.contains(key) && windows_.size() >= kMaxKeys) {
    sweep(now);
    if (windows_.size() >= kMaxKeys) return false;
  }
  Window& window = windows_[key];
  slide(window, now);
  if (window.size() >= limit) return false;
  window.push_back(now);
  return true;
}

}  // namespace writ::budget
