#include "figures.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>

namespace writ::bench {

std::uint64_t now_ns() {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                        std::chrono::steady_clock::now().time_since_epoch())
                                        .count());
}

double clock_cost_ns() {
  Samples samples;
  for (int i = 0; i < 10'000; ++i) {
    const std::uint64_t start = now_ns();
    samples.add(now_ns() - start);
  }
  return samples.percentile(50);
}

void Samples::add_all(const Samples& other) {
  ns_.insert(ns_.end(), other.ns_.begin(), other.ns_.end());
}

double Samples::percentile(double percent) const {
  std::vector<std::uint64_t> sorted = ns_;
  std::sort(sorted.begin(), sorted.end());
  const double at = percent / 100 * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(std::floor(at));
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  const double low = static_cast<double>(sorted[below]);
  return low + (at - static_cast<double>(below)) * (static_cast<double>(sorted[above]) - low);
}

void Figures::add(const std::string& metric, const std::string& unit, const std::string& column,
                  double value) {
  auto row =
      std::find_if(rows_.begin(), rows_.end(), [&](const Row& r) { return r.metric == metric; });
  if (row == rows_.end()) row = rows_.insert(rows_.end(), {metric, unit, {}});
  row->columns[column] = value;
}

void Figures::add_percentiles(const std::string& name, const std::string& unit,
                              const std::string& column, const Samples& samples) {
  const double in = unit == "ns" ? 1 : 1000;
  add(name + "_p50", unit, column, samples.percentile(50) / in);
  add(name + "_p99", unit, column, samples.percentile(99) / in);
}

// Names are ours: letters, digits and underscores, so nothing needs to be escaped.
void Figures::print() const {
  std::string text = "{";
  for (const Row& row : rows_) {
    text += (text.size() > 1 ? ", \"" : "\"") + row.metric + R"(": {"unit": ")" + row.unit + '"';
    for (const auto& [column, value] : row.columns)
      text += ", \"" + column + "\": " + std::to_string(value);
    text += '}';
  }
  std::puts((text + "}").c_str());
}

std::size_t count_argument(const char* text) {
  std::size_t count = 0;
  const char* end = text + std::strlen(text);
  const auto [rest, error] = std::from_chars(text, end, count);
  return error == std::errc() && rest == end ? count : 0;
}

}  // namespace writ::bench
