#include "llm/prices.h"

#include <algorithm>
#include <set>

#include "policy/glob.h"
#include "util/yaml.h"

namespace writ::llm {
namespace {

constexpr std::uint64_t kMillion = 1'000'000;
constexpr std::size_t kMaxModelGlob = 128;

Rates read_rates(YamlMap& map) {
  const auto rate = [&](const char* key) -> std::optional<std::uint64_t> {
    const auto value = map.integer(key, 0, static_cast<std::int64_t>(kMaxRate));
    return value ? std::optional(static_cast<std::uint64_t>(*value)) : std::nullopt;
  };
  for (const char* key : {"input", "output"}) {
    if (!map.has(key)) {
      map.error(key, fmt::format("'{}' is missing", key),
                "micro-units for a million tokens: 3000000 is 3 units of the currency");
    }
  }
  Rates rates;
  rates.input = rate("input").value_or(0);
  rates.output = rate("output").value_or(0);
  rates.cached_input = rate("cached_input").value_or(rates.input);
  rates.cache_write = rate("cache_write").value_or(rates.input);
  rates.cache_write_1h = rate("cache_write_1h").value_or(rates.cache_write);
  return rates;
}

Price read_price(const YAML::Node& node, const std::string& file, Diagnostics& out) {
  YamlMap map(node, file, out);
  Price price{.models = map.strings("model")};
  if (price.models.empty()) map.error("model", "'model' is missing");
  for (const std::string& model : price.models) {
    if (model.empty() || model.size() > kMaxModelGlob)
      map.error("model", fmt::format("a model's name has 1 to {} bytes", kMaxModelGlob));
  }
  price.rates = read_rates(map);
  if (map.has("long")) {
    YamlMap longer(map.child("long"), file, out);
    const auto over = longer.integer("over", 1, static_cast<std::int64_t>(kMaxTokens));
    if (!longer.has("over"))
      longer.error("over", "'over' is missing", "the tokens of a prompt from which on it counts");
    price.long_over = static_cast<std::uint64_t>(over.value_or(1));
    price.long_rates = read_rates(longer);
    longer.finish();
  }
  map.finish();
  return price;
}

bool is_currency(std::string_view text) {
  return text.size() == 3 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

bool is_date(std::string_view text) {
  constexpr std::string_view kShape = "0000-00-00";
  return std::equal(text.begin(), text.end(), kShape.begin(), kShape.end(), [](char c, char like) {
    return like == '0' ? c >= '0' && c <= '9' : c == like;
  });
}

}  // namespace

std::optional<Prices> Prices::load(const std::string& path, Diagnostics& out) {
  const auto text = read_text_file(path);
  if (!text) {
    out.push_back({.file = path, .message = text.error().message});
    return std::nullopt;
  }
  return parse(*text, path, out);
}

std::optional<Prices> Prices::parse(const std::string& text, const std::string& file,
                                    Diagnostics& out) {
  const auto root = parse_yaml(text, file, out);
  if (!root) return std::nullopt;
  Prices prices;
  YamlMap map(*root, file, out);
  prices.currency_ = map.required_string("currency");
  if (map.has("currency") && !is_currency(prices.currency_)) {
    map.error("currency", fmt::format("'{}' is no currency", prices.currency_),
              "three capitals: USD, EUR");
  }
  const std::string as_of = map.required_string("as_of");
  if (map.has("as_of") && !is_date(as_of))
    map.error("as_of", fmt::format("'{}' is no date", as_of), "2026-01-31: when you checked them");
  if (!map.has("prices")) add_error(out, file, *root, "'prices' is missing", "prices: [...]");
  std::set<std::string> known;
  map.each("prices", [&](const YAML::Node& node) {
    Price price = read_price(node, file, out);
    for (const std::string& model : price.models) {
      if (!known.insert(model).second)
        add_error(out, file, node, fmt::format("'{}' has a price already", model));
    }
    prices.prices_.push_back(std::move(price));
  });
  map.finish();
  if (has_errors(out)) return std::nullopt;
  return prices;
}

const Price* Prices::find(std::string_view model) const {
  if (model.empty()) return nullptr;
  const auto found = std::find_if(prices_.begin(), prices_.end(), [&](const Price& price) {
    return std::any_of(price.models.begin(), price.models.end(),
                       [&](const std::string& glob) { return policy::glob_match(glob, model); });
  });
  return found == prices_.end() ? nullptr : &*found;
}

std::optional<std::uint64_t> cost_micro(const Price& price, const Usage& usage) {
  if (!usage.input && !usage.output) return std::nullopt;
  const std::uint64_t input = usage.input.value_or(0);
  const std::uint64_t cached = std::min(usage.cached, input);
  const std::uint64_t written = std::min(usage.cache_written, input - cached);
  const std::uint64_t written_1h = std::min(usage.cache_written_1h, written);
  const Rates& rates = input > price.long_over ? price.long_rates : price.rates;
  const std::uint64_t sum = (input - cached - written) * rates.input + cached * rates.cached_input +
                            (written - written_1h) * rates.cache_write +
                            written_1h * rates.cache_write_1h +
                            usage.output.value_or(0) * rates.output;
  return (sum + kMillion / 2) / kMillion;
}

}  // namespace writ::llm
