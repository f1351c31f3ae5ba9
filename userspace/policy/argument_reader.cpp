// `args:` and `captures:` of a rule → argument tests.
#include <re2/re2.h>

#include <array>

#include "policy/condition_reader.h"
#include "policy/number_text.h"

namespace writ::policy {
namespace {

constexpr const char* kOperatorHint =
    "write eq, in, ne, prefix, suffix, glob, regex, lt, le, gt, ge, size, exists, all, any, none "
    "or not";

// yaml-cpp tags what stands without quotes "?" and with quotes "!".
bool quoted(const YAML::Node& node) { return node.Tag() != "?" && !node.Tag().empty(); }

std::optional<Literal> read_literal(const YAML::Node& node) {
  if (node.IsNull()) return std::monostate();
  if (!node.IsScalar()) return std::nullopt;
  const std::string& text = node.Scalar();
  if (!quoted(node)) {
    if (text == "true" || text == "false") return text == "true";
    if (const auto number = parse_number(text)) return *number;
  }
  return text;
}

// A value or a list of values.
std::vector<Literal> read_literals(YamlMap& map, const std::string& key, const YAML::Node& node) {
  std::vector<Literal> all;
  const auto add = [&](const YAML::Node& one) {
    if (auto literal = read_literal(one)) {
      all.push_back(std::move(*literal));
    } else {
      map.error(key, fmt::format("'{}' must hold plain values", key));
    }
  };
  if (node.IsSequence()) {
    for (const auto& one : node) add(one);
    if (node.size() == 0) map.error(key, fmt::format("'{}' is empty", key));
  } else {
    add(node);
  }
  return all;
}

template <ArgumentOperator kOp>
void read_values(YamlMap& map, const std::string& key, ArgumentTest& test, Diagnostics&) {
  const YAML::Node node = map.child(key);
  if (!node.IsDefined()) return;
  test.checks.push_back({.op = kOp, .literals = read_literals(map, key, node)});
}

// prefix, suffix, glob: text whatever the quotes.
template <ArgumentOperator kOp>
void read_texts(YamlMap& map, const std::string& key, ArgumentTest& test, Diagnostics&) {
  if (!map.has(key)) {
    (void)map.strings(key);  // the key is known
    return;
  }
  ArgumentCheck check{.op = kOp};
  for (std::string& text : map.strings(key)) {
    if (text.empty() || text.size() > 1000)
      map.error(key, fmt::format("'{}' is empty, or over 1000 bytes", key));
    check.literals.emplace_back(std::move(text));
  }
  if (check.literals.empty()) map.error(key, fmt::format("'{}' is empty", key));
  test.checks.push_back(std::move(check));
}

void read_patterns(YamlMap& map, const std::string& key, ArgumentTest& test, Diagnostics&) {
  const std::vector<std::string> texts = map.strings(key);
  if (!map.has(key)) return;
  ArgumentCheck check{.op = ArgumentOperator::kRegex};
  for (const std::string& text : texts) {
    auto pattern = compile_pattern(text);
    if (!pattern) {
      map.error(key, fmt::format("'{}' is no pattern: {}", text, pattern.error().message),
                "RE2 syntax; the whole value must match");
      continue;
    }
    check.patterns.push_back(std::move(*pattern));
    check.pattern_texts.push_back(text);
  }
  if (texts.empty()) map.error(key, "'regex' is empty");
  test.checks.push_back(std::move(check));
}

template <ArgumentOperator kOp>
void read_bound(YamlMap& map, const std::string& key, ArgumentTest& test, Diagnostics&) {
  const auto text = map.string(key);
  if (!text) return;
  ArgumentCheck check{.op = kOp};
  if (const auto number = parse_number(*text)) {
    check.bound = *number;
  } else if (const auto instant = parse_instant(*text)) {
    check.bound = *instant;
  } else {
    map.error(key, fmt::format("'{}' compares numbers and dates, and '{}' is neither", key, *text),
              "write 500, 2026-01-31 or 2026-01-31T08:00:00Z");
  }
  test.checks.push_back(std::move(check));
}

void read_size(YamlMap& map, const std::string& key, ArgumentTest& test, Diagnostics& out) {
  const YAML::Node node = map.child(key);
  if (!node.IsDefined()) return;
  ArgumentCheck check{.op = ArgumentOperator::kSize};
  if (node.IsScalar()) {
    check.size.eq = map.integer(key, 0, 1'000'000'000);
  } else {
    check.size = read_range(map, key, out).value_or(NumberRange{});
  }
  test.checks.push_back(std::move(check));
}

void read_exists(YamlMap& map, const std::string& key, ArgumentTest& test, Diagnostics&) {
  if (const auto exists = map.boolean(key))
    test.checks.push_back({.op = ArgumentOperator::kExists, .exists = *exists});
}

void read_test(const YAML::Node& node, const std::string& file, ArgumentTest& test,
               Diagnostics& out);

template <ArgumentOperator kOp>
void read_elements(YamlMap& map, const std::string& key, ArgumentTest& test, Diagnostics& out) {
  const YAML::Node node = map.child(key);
  if (!node.IsDefined()) return;
  auto element = std::make_shared<ArgumentTest>();
  read_test(node, map.file(), *element, out);
  if (element->path.source != ArgumentPath::Source::kAny &&
      element->path.source != ArgumentPath::Source::kBody)
    map.error(key, "the path within an element has no source", "write path: name");
  test.checks.push_back({.op = kOp, .element = std::move(element)});
}

void read_path(YamlMap& map, const std::string& key, ArgumentTest& test, Diagnostics&) {
  const auto text = map.string(key);
  if (!text) return;
  if (!test.path.text.empty()) {
    map.error(key, "the path is said twice");
    return;
  }
  auto path = parse_argument_path(*text);
  if (path) {
    test.path = std::move(*path);
  } else {
    map.error(key, fmt::format("'{}': {}", *text, path.error().message),
              "write amount, order.items[0].price, query:limit or path:id");
  }
}

constexpr std::string_view kLiteralsSchema = R"({"$ref":"#/$defs/literals"})";
constexpr std::string_view kBoundSchema = R"({"type":["number","string"]})";
constexpr std::string_view kElementSchema =
    R"({"anyOf":[{"$ref":"#/$defs/literals"},{"$ref":"#/$defs/test"}]})";
constexpr std::string_view kSizeSchema =
    R"({"anyOf":[{"type":"integer","minimum":0},{"$ref":"#/$defs/range"}]})";

using Op = ArgumentOperator;
constexpr std::array<Key<ArgumentTest>, 18> kTestKeys = {{
    {{"path", kTextSchema, "Where it stands: below the element, or in a list of tests."},
     read_path},
    {{"eq", kLiteralsSchema, "Equal to one of these, of the same type."}, read_values<Op::kEq>},
    {{"in", kLiteralsSchema, "The same as eq."}, read_values<Op::kEq>},
    {{"ne", kLiteralsSchema, "Equal to none of these."}, read_values<Op::kNe>},
    {{"prefix", kNamesSchema, "A text that begins with one of these."}, read_texts<Op::kPrefix>},
    {{"suffix", kNamesSchema, "A text that ends with one of these."}, read_texts<Op::kSuffix>},
    {{"glob", kNamesSchema, "A text that one of these matches; * is any run of characters."},
     read_texts<Op::kGlob>},
    {{"regex", kNamesSchema, "A text that one of these RE2 patterns matches as a whole."},
     read_patterns},
    {{"lt", kBoundSchema, "A number or RFC 3339 date before this."}, read_bound<Op::kLt>},
    {{"le", kBoundSchema, "A number or RFC 3339 date up to this."}, read_bound<Op::kLe>},
    {{"gt", kBoundSchema, "A number or RFC 3339 date behind this."}, read_bound<Op::kGt>},
    {{"ge", kBoundSchema, "A number or RFC 3339 date from this on."}, read_bound<Op::kGe>},
    {{"size", kSizeSchema, "Characters of a text, elements of an array, members of an object."},
     read_size},
    {{"exists", R"({"type":"boolean"})", "Whether it is there."}, read_exists},
    {{"all", kElementSchema, "Every element of an array."}, read_elements<Op::kAll>},
    {{"any", kElementSchema, "One element of an array at least."}, read_elements<Op::kAny>},
    {{"none", kElementSchema, "No element of an array."}, read_elements<Op::kNone>},
    {{"not", kElementSchema, "The value does not hold this test."}, read_elements<Op::kNot>},
}};

// A value is short for eq, a list for in.
void read_test(const YAML::Node& node, const std::string& file, ArgumentTest& test,
               Diagnostics& out) {
  if (node.IsMap()) {
    YamlMap keys(node, file, out);
    read_keys<ArgumentTest>(kTestKeys, keys, test, out);
    if (test.checks.empty()) add_error(out, file, node, "it tests nothing", kOperatorHint);
    return;
  }
  ArgumentCheck check{.op = ArgumentOperator::kEq};
  const auto add = [&](const YAML::Node& one) {
    if (auto literal = read_literal(one)) {
      check.literals.push_back(std::move(*literal));
    } else {
      add_error(out, file, one, "expected a plain value", kOperatorHint);
    }
  };
  if (node.IsSequence()) {
    for (const auto& one : node) add(one);
    if (node.size() == 0) add_error(out, file, node, "the list is empty", kOperatorHint);
  } else {
    add(node);
  }
  test.checks.push_back(std::move(check));
}

}  // namespace

std::vector<ArgumentTest> read_arguments(YamlMap& map, const std::string& key, bool captures,
                                         Diagnostics& out) {
  std::vector<ArgumentTest> all;
  const YAML::Node value = map.child(key);
  if (!value.IsDefined()) return all;
  const std::string source = captures ? "path:" : "";
  if (value.IsMap()) {
    for (const auto& entry : value) {
      ArgumentTest& test = all.emplace_back();
      const std::string text = source + entry.first.Scalar();
      if (auto path = parse_argument_path(text)) {
        test.path = std::move(*path);
      } else {
        add_error(out, map.file(), entry.first,
                  fmt::format("'{}': {}", entry.first.Scalar(), path.error().message),
                  "write amount, order.items[0].price, query:limit or path:id");
      }
      if (test.path.text.empty()) test.path.text = text;
      read_test(entry.second, map.file(), test, out);
    }
  } else if (value.IsSequence() && !captures) {
    for (const auto& one : value) {
      ArgumentTest& test = all.emplace_back();
      read_test(one, map.file(), test, out);
      if (test.path.text.empty()) add_error(out, map.file(), one, "'path' is missing");
    }
  } else {
    map.error(key, fmt::format("'{}' must be a mapping of {}", key,
                               captures ? "captures" : "paths, or a list"));
  }
  if (all.empty()) map.error(key, fmt::format("'{}' is empty", key), "leave the key out");
  return all;
}

KeyTable argument_keys() {
  return table_of<ArgumentTest>("test", "A test of one argument; all that is said must hold.",
                                kTestKeys);
}

}  // namespace writ::policy
