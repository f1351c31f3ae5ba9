// What models cost: prices.yaml → the price of a model, and the cost of an answer. Whole numbers
// throughout: micro-units (millionths) of one currency.
//
//   currency: USD
//   as_of: 2026-06-30
//   prices:                               # the first that matches a model counts
//     - model: [gpt-5, "gpt-5-20*"]       # or one; '*' is any run of characters
//       input: 1250000                    # micro-units for a million tokens
//       output: 10000000
//       cached_input: 125000              # read from a cache; not said: as input
//       cache_write: 1250000              # written to a cache; not said: as input
//       cache_write_1h: 1250000           # to be kept for an hour; not said: as cache_write
//       long: {over: 200000, input: ...}  # the same for a prompt of more tokens than that
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "llm/answer.h"
#include "util/diagnostic.h"

namespace writ::llm {

// For a million tokens: 1000 units of the currency a token would be 10^15 times what is paid.
inline constexpr std::uint64_t kMaxRate = 1'000'000'000;

struct Rates {
  std::uint64_t input = 0;
  std::uint64_t output = 0;
  std::uint64_t cached_input = 0;
  std::uint64_t cache_write = 0;
  std::uint64_t cache_write_1h = 0;
};

struct Price {
  std::vector<std::string> models;  // globs
  Rates rates;
  std::uint64_t long_over = UINT64_MAX;  // tokens of input
  Rates long_rates;
};

class Prices {
 public:
  // nullopt with errors in `out`.
  static std::optional<Prices> load(const std::string& path, Diagnostics& out);
  static std::optional<Prices> parse(const std::string& text, const std::string& file,
                                     Diagnostics& out);

  // nullptr: nobody has said what it costs.
  [[nodiscard]] const Price* find(std::string_view model) const;
  [[nodiscard]] const std::string& currency() const { return currency_; }

 private:
  std::string currency_;
  std::vector<Price> prices_;
};

// In micro-units, to the nearest one. nullopt: the answer does not count its tokens.
// REQUIRES: rates up to kMaxRate and counts as AnswerBuilder believes them; then nothing overflows.
std::optional<std::uint64_t> cost_micro(const Price& price, const Usage& usage);

}  // namespace writ::llm
