// Prices are read strictly, and costs are exact.
#include "llm/prices.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "util/yaml.h"

namespace writ::llm {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kHead = "currency: USD\nas_of: 2026-01-31\nprices:\n";

Prices read(const std::string& prices) {
  Diagnostics out;
  auto read = Prices::parse(kHead + prices, "prices.yaml", out);
  for (const Diagnostic& d : out) ADD_FAILURE() << to_string(d);
  return read.value_or(Prices());
}

std::string problem(const std::string& text) {
  Diagnostics out;
  EXPECT_FALSE(Prices::parse(text, "prices.yaml", out)) << text;
  return out.empty() ? "" : to_string(out.front());
}

TEST(LlmPrices, TheShippedOnesAreReadAndSayWhatTheyAreFor) {
  const std::string path = WRIT_SOURCE_DIR "/policies/prices.yaml";
  Diagnostics out;
  const auto prices = Prices::load(path, out);
  EXPECT_THAT(out, IsEmpty());
  ASSERT_TRUE(prices);
  for (const char* model :
       {"claude-sonnet-4-5-20250929", "gpt-4.1-2025-04-14", "gpt-5", "gemini-2.5-flash"})
    EXPECT_NE(prices->find(model), nullptr) << model;
  EXPECT_NE(prices->find("gpt-4.1-mini")->rates.input, prices->find("gpt-4.1")->rates.input);
  const auto text = read_text_file(path);
  EXPECT_TRUE(text->starts_with("# Protects: "));
  EXPECT_THAT(*text, HasSubstr("\n# Try it: "));
}

TEST(LlmPrices, TheFirstThatMatchesCounts) {
  const Prices prices = read(
      "  - {model: [a, b-mini*], input: 1, output: 2}\n"
      "  - {model: \"b*\", input: 3, output: 4}\n");
  EXPECT_EQ(prices.find("a")->rates.input, 1u);
  EXPECT_EQ(prices.find("b-mini-1")->rates.input, 1u);
  EXPECT_EQ(prices.find("b-1")->rates.input, 3u);
  EXPECT_EQ(prices.find("a-1"), nullptr);
  EXPECT_EQ(prices.find(""), nullptr);
}

TEST(LlmPrices, EachKindOfTokenHasItsPrice) {
  const Prices prices = read(
      "  - {model: m, input: 3000000, output: 15000000, cached_input: 300000, cache_write: 3750000,"
      " cache_write_1h: 6000000}\n");
  const Usage usage{.input = 365,
                    .cached = 300,
                    .cache_written = 40,
                    .cache_written_1h = 10,
                    .output = 89,
                    .reasoning = 20};
  // 25·3 + 300·0.3 + 30·3.75 + 10·6 + 89·15 = 1672.5 micro-units, to the nearest whole one.
  EXPECT_EQ(cost_micro(*prices.find("m"), usage), 1673u);
  EXPECT_EQ(cost_micro(*prices.find("m"), Usage{}), std::nullopt);
  EXPECT_EQ(cost_micro(*prices.find("m"), Usage{.output = 2}), 30u);
}

TEST(LlmPrices, WhatIsNotSaidCostsAsInput) {
  const Prices prices = read("  - {model: m, input: 2000000, output: 0}\n");
  EXPECT_EQ(cost_micro(*prices.find("m"), {.input = 10, .cached = 4, .cache_written = 5}), 20u);
}

TEST(LlmPrices, ALongPromptHasPricesOfItsOwn) {
  const Prices prices = read(
      "  - {model: m, input: 1000000, output: 0, long: {over: 100, input: 2000000, output: 0}}\n");
  EXPECT_EQ(cost_micro(*prices.find("m"), {.input = 100}), 100u);
  EXPECT_EQ(cost_micro(*prices.find("m"), {.input = 101}), 202u);
}

// As many tokens as are believed at the highest price: the sum still fits.
TEST(LlmPrices, NothingOverflows) {
  const Prices prices = read("  - {model: m, input: 1000000000, output: 1000000000}\n");
  const Usage most{.input = 3 * kMaxTokens, .output = 2 * kMaxTokens};
  EXPECT_EQ(cost_micro(*prices.find("m"), most), 5 * kMaxTokens * 1000);
  const Usage parts_over_the_whole{.input = 10,
                                   .cached = UINT64_MAX,
                                   .cache_written = UINT64_MAX,
                                   .cache_written_1h = UINT64_MAX};
  EXPECT_EQ(cost_micro(*prices.find("m"), parts_over_the_whole), 10'000u);
}

TEST(LlmPrices, WhatIsWrongIsSaid) {
  EXPECT_THAT(problem("as_of: 2026-01-31\nprices: []\n"), HasSubstr("currency"));
  EXPECT_THAT(problem("currency: usd\nas_of: 2026-01-31\nprices: []\n"), HasSubstr("no currency"));
  EXPECT_THAT(problem("currency: USD\nprices: []\n"), HasSubstr("as_of"));
  EXPECT_THAT(problem("currency: USD\nas_of: today\nprices: []\n"), HasSubstr("no date"));
  EXPECT_THAT(problem("currency: USD\nas_of: 2026-01-31\n"), HasSubstr("'prices' is missing"));
  const std::string head = kHead;
  EXPECT_THAT(problem(head + "  - {input: 1, output: 1}\n"), HasSubstr("'model' is missing"));
  EXPECT_THAT(problem(head + "  - {model: m, output: 1}\n"), HasSubstr("'input' is missing"));
  EXPECT_THAT(problem(head + "  - {model: m, input: 0.5, output: 1}\n"), HasSubstr("input"));
  EXPECT_THAT(problem(head + "  - {model: m, input: -1, output: 1}\n"), HasSubstr("input"));
  EXPECT_THAT(problem(head + "  - {model: m, input: 1, output: 1000000001}\n"),
              HasSubstr("output"));
  EXPECT_THAT(problem(head + "  - {model: m, input: 1, output: 1, cached: 1}\n"),
              HasSubstr("unknown key 'cached'"));
  EXPECT_THAT(problem(head + "  - {model: m, input: 1, output: 1, long: {input: 1, output: 1}}\n"),
              HasSubstr("'over' is missing"));
  EXPECT_THAT(problem(head + "  - {model: m, input: 1, output: 1}\n"
                             "  - {model: [m], input: 1, output: 1}\n"),
              HasSubstr("has a price already"));
}

}  // namespace
}  // namespace writ::llm
