// What the programs of scripts/bench share: the time, percentiles, and how figures are printed.
//
// A program prints one JSON object on one line: metric → {"unit": …, column: figure, …}.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace writ::bench {

std::uint64_t now_ns();  // steady

// Nanoseconds that a span of nothing seems to take: what each sample has too much.
double clock_cost_ns();

// Of samples in nanoseconds. REQUIRES: some.
class Samples {
 public:
  void add(std::uint64_t ns) { ns_.push_back(ns); }
  void add_all(const Samples& other);
  [[nodiscard]] std::size_t size() const { return ns_.size(); }
  // Linear between neighbours; `percent` of 0 to 100.
  [[nodiscard]] double percentile(double percent) const;

 private:
  std::vector<std::uint64_t> ns_;
};

class Figures {
 public:
  void add(const std::string& metric, const std::string& unit, const std::string& column,
           double value);
  // `name`_p50 and `name`_p99, in "us" or "ns".
  void add_percentiles(const std::string& name, const std::string& unit, const std::string& column,
                       const Samples& samples);
  void print() const;

 private:
  struct Row {
    std::string metric;
    std::string unit;
    std::map<std::string, double> columns;
  };
  std::vector<Row> rows_;
};

// The compiler must not find out that nobody needs `value`.
template <class T>
void keep(const T& value) {
  asm volatile("" : : "r"(&value) : "memory");
}

// A positive count of the command line; 0: it is none.
std::size_t count_argument(const char* text);

}  // namespace writ::bench
