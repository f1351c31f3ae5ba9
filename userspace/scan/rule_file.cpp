#include "scan/rule_file.h"

#include <algorithm>
#include <string_view>

#include "scan/chars.h"
#include "util/yaml.h"

namespace writ::scan {
namespace {

constexpr std::size_t kMaxExpression = 4096;
constexpr std::size_t kMaxId = 64;
constexpr std::int64_t kMaxShow = 60;
constexpr std::int64_t kShowSecret = 4;

bool well_formed(const std::string& id) {
  return !id.empty() && id.size() <= kMaxId && std::all_of(id.begin(), id.end(), [](char c) {
    return is_lower(c) || is_digit(c) || c == '.' || c == '_';
  });
}

void read_expression(YamlMap& map, Rule& rule, Diagnostics& out) {
  const auto pattern = map.string("pattern");
  const auto phrase = map.string("phrase");
  if (pattern.has_value() == phrase.has_value()) {
    add_error(out, map.file(), map.node(), "a rule has one of 'pattern' and 'phrase'",
              "a phrase is a pattern whose blanks match any run of whitespace");
    return;
  }
  const std::string key = pattern ? "pattern" : "phrase";
  rule.expression = pattern ? *pattern : expand_phrase(*phrase);
  const YAML::Node at = map.child(key);
  rule.line = at.Mark().line + 1;
  rule.column = at.Mark().column + 1;
  if (rule.expression.empty()) map.error(key, "the " + key + " is empty");
  if (rule.expression.size() > kMaxExpression)
    map.error(key, fmt::format("the {} is longer than {} bytes", key, kMaxExpression));

  if (const auto anchor = map.string("anchor")) {
    rule.anchor = *anchor;
    if (anchor->empty() || anchor->size() > kMaxExpression)
      map.error("anchor", fmt::format("an anchor has 1 to {} bytes", kMaxExpression));
    if (map.has("validate"))
      map.error("anchor", "a validated pattern has no anchor: it is one", "remove 'anchor'");
  }

  const bool is_phrase = phrase.has_value();
  rule.caseless = map.boolean("caseless").value_or(is_phrase);
  const bool has_edges = map.has("edges");
  rule.word_edges =
      map.one_of("edges", {"word", "none"}).value_or(is_phrase ? "word" : "none") == "word";
  if (const auto name = map.string("validate")) {
    rule.validator = find_validator(*name);
    if (rule.validator == nullptr) {
      map.error("validate", fmt::format("there is no validator '{}'", *name),
                "it is one of: " + validator_names());
    }
    if (is_phrase) map.error("validate", "a phrase cannot be validated", "write it as a pattern");
    if (has_edges) map.error("edges", "a validator finds the edges itself", "remove 'edges'");
  }
}

Rule read_rule(const YAML::Node& node, const std::string& file, Diagnostics& out) {
  YamlMap map(node, file, out);
  Rule rule{.file = file};
  rule.id = map.required_string("id");
  if (map.has("id") && !rule.id.empty() && !well_formed(rule.id)) {
    map.error("id", fmt::format("'{}' is not a rule id", rule.id),
              "lower-case letters, digits, '_' and '.', at most 64 of them");
  }
  if (!map.has("category")) add_error(out, file, map.node(), "'category' is missing");
  rule.category = map.one_of("category", {"pii", "secret", "injection"}).value_or("");
  rule.description = map.required_string("description");
  read_expression(map, rule, out);
  const bool has_show = map.has("show");
  const std::int64_t usual = rule.category == "injection" ? kMaxShow : kShowSecret;
  rule.show = static_cast<std::size_t>(map.integer("show", 0, kMaxShow).value_or(usual));
  if (has_show && rule.validator != nullptr)
    map.error("show", "a validated match is masked by its validator", "remove 'show'");
  map.finish();
  return rule;
}

}  // namespace

std::string expand_phrase(const std::string& phrase) {
  constexpr std::string_view kBlank = R"((?:(?:[\s+]|\\+[nrt]|\xc2\xa0)+))";
  std::string text;
  bool in_class = false;
  for (std::size_t i = 0; i < phrase.size(); ++i) {
    const char c = phrase[i];
    if (c == '\\' && i + 1 < phrase.size()) {
      text += c;
      text += phrase[++i];
    } else if (c == ' ' && !in_class) {
      while (i + 1 < phrase.size() && phrase[i + 1] == ' ') ++i;
      text += kBlank;
    } else {
      in_class = in_class ? c != ']' : c == '[';
      text += c;
    }
  }
  return text;
}

std::vector<Rule> parse_rules(const std::string& text, const std::string& file, Diagnostics& out) {
  std::vector<Rule> rules;
  const auto root = parse_yaml(text, file, out);
  if (!root) return rules;
  YamlMap map(*root, file, out);
  if (!map.has("rules")) add_error(out, file, *root, "'rules' is missing", "rules: [...]");
  map.each("rules", [&](const YAML::Node& node) { rules.push_back(read_rule(node, file, out)); });
  map.finish();
  return rules;
}

}  // namespace writ::scan
