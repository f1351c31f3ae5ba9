#include "policy/condition_reader.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "identity/name.h"

namespace writ::policy {
namespace {

constexpr std::int64_t kMaxCount = 1'000'000'000'000'000;

template <std::optional<std::int64_t> NumberRange::*kMember>
void read_bound(YamlMap& map, const std::string& key, NumberRange& range, Diagnostics&) {
  range.*kMember = map.integer(key, -kMaxCount, kMaxCount);
}

constexpr std::string_view kNumberSchema = R"({"type":"integer"})";
constexpr std::array<Key<NumberRange>, 6> kRangeKeys = {{
    {{"eq", kNumberSchema, "Equal to."}, read_bound<&NumberRange::eq>},
    {{"ne", kNumberSchema, "Not equal to."}, read_bound<&NumberRange::ne>},
    {{"lt", kNumberSchema, "Less than."}, read_bound<&NumberRange::lt>},
    {{"le", kNumberSchema, "At most."}, read_bound<&NumberRange::le>},
    {{"gt", kNumberSchema, "More than."}, read_bound<&NumberRange::gt>},
    {{"ge", kNumberSchema, "At least."}, read_bound<&NumberRange::ge>},
}};

constexpr std::array<Key<FindingCondition>, 3> kFindingKeys = {{
    {{"kind", kTextSchema, "A glob over finding rules, or a category.", true},
     [](YamlMap& map, const std::string& key, FindingCondition& into, Diagnostics&) {
       into.kind = map.required_string(key);
       if (!into.kind.empty() && !valid_glob(into.kind))
         map.error(key, "'kind' cannot match anything", "names, with '*' for any characters");
     }},
    {{"at_least", kWholeSchema, "How many, over all findings of the kind; 1 when not said."},
     [](YamlMap& map, const std::string& key, FindingCondition& into, Diagnostics&) {
       into.at_least = static_cast<std::uint32_t>(map.integer(key, 1, 1'000'000).value_or(1));
     }},
    {{"where", kNamesSchema, "Only there: body, query, path, header."},
     [](YamlMap& map, const std::string& key, FindingCondition& into, Diagnostics&) {
       into.where = read_condition(map, key, Values::kNames);
     }},
}};

constexpr std::array<Key<TimeWindow>, 4> kWindowKeys = {{
    {{"days", kNamesSchema, "mon, tue and so on, or mon-fri: the days on which it begins."},
     [](YamlMap& map, const std::string& key, TimeWindow& into, Diagnostics&) {
       const std::vector<std::string> texts = map.strings(key);
       if (!map.has(key)) return;
       into.days = 0;
       for (const std::string& text : texts) {
         const auto days = parse_days(text);
         if (!days)
           map.error(key, fmt::format("'{}' is no day", text), "write mon, tue or mon-fri");
         into.days |= days.value_or(0);
       }
       if (texts.empty()) map.error(key, "'days' is empty", "leave it out for all days");
     }},
    {{"from", kTextSchema, "HH:MM; 00:00 when not said."},
     [](YamlMap& map, const std::string& key, TimeWindow& into, Diagnostics&) {
       if (const auto text = map.string(key)) {
         const auto clock = parse_clock(*text);
         if (!clock || *clock == 24 * 60) map.error(key, "'from' is no time", "write 08:30");
         into.from = clock.value_or(0);
       }
     }},
    {{"to", kTextSchema, "HH:MM, no longer part of it; 24:00 when not said."},
     [](YamlMap& map, const std::string& key, TimeWindow& into, Diagnostics&) {
       if (const auto text = map.string(key)) {
         const auto clock = parse_clock(*text);
         if (!clock) map.error(key, "'to' is no time", "write 18:00 or 24:00");
         into.to = clock.value_or(0);
       }
     }},
    {{"tz", kTextSchema, "UTC, or a fixed offset as +02:00; UTC when not said."},
     [](YamlMap& map, const std::string& key, TimeWindow& into, Diagnostics&) {
       if (const auto text = map.string(key)) {
         const auto offset = parse_offset(*text);
         if (!offset) {
           map.error(key, fmt::format("'{}' is no offset", *text),
                     "write UTC or +02:00; names of zones are not read");
         }
         into.offset = offset.value_or(0);
       }
     }},
}};

constexpr std::array<Key<AfterCondition>, 3> kAfterKeys = {{
    {{"tools", kNamesSchema, "Globs: it was a result of one of these tools."},
     [](YamlMap& map, const std::string& key, AfterCondition& into, Diagnostics&) {
       into.tools = read_condition(map, key, Values::kToolGlobs);
     }},
    {{"findings", kNamesSchema, "Kinds: one of these was found in it."},
     [](YamlMap& map, const std::string& key, AfterCondition& into, Diagnostics&) {
       into.findings = read_condition(map, key, Values::kGlobs);
     }},
    {{"untrusted", R"({"const":true})", "Its tool is marked untrusted."},
     [](YamlMap& map, const std::string& key, AfterCondition& into, Diagnostics&) {
       into.untrusted = map.boolean(key).value_or(false);
     }},
}};

constexpr std::array<Key<std::int64_t>, 1> kRepeatKeys = {{
    {{"more_than", kWholeSchema, "Identical calls in a row, with this one.", true},
     [](YamlMap& map, const std::string& key, std::int64_t& into, Diagnostics&) {
       if (!map.has(key)) map.error(key, "'more_than' is missing", "write repeat: {more_than: 3}");
       into = map.integer(key, 1, kMaxCount).value_or(1);
     }},
}};

std::optional<DestinationCondition> parse_destination(std::string_view text) {
  DestinationCondition condition;
  const bool bracket = text.starts_with('[');
  std::string_view range = text;
  const std::size_t close = bracket ? text.find(']') : 0;
  if (close == std::string_view::npos) return std::nullopt;
  const std::size_t colon = text.find(':', close);
  // An address of version 6 without brackets holds more than one.
  if (colon != std::string_view::npos && (bracket || text.find(':', colon + 1) == text.npos)) {
    const std::string_view digits = text.substr(colon + 1);
    const auto [end, code] =
        std::from_chars(digits.data(), digits.data() + digits.size(), condition.port);
    if (code != std::errc() || end != digits.data() + digits.size() || condition.port == 0)
      return std::nullopt;
    range = text.substr(0, colon);
  }
  if (bracket) {
    if (range.back() != ']') return std::nullopt;
    range = range.substr(1, range.size() - 2);
  }
  if (range == "*") {
    if (condition.port == 0) return std::nullopt;  // anything
    return condition;
  }
  const auto parsed = parse_range(range);
  if (!parsed) return std::nullopt;
  condition.range = *parsed;
  return condition;
}

}  // namespace

bool valid_glob(std::string_view glob) {
  return !glob.empty() && glob.size() <= 256 && std::all_of(glob.begin(), glob.end(), [](char c) {
    return c == '*' || identity::valid_name(std::string_view(&c, 1)) || c == '.' || c == '@' ||
           c == ':' || c == '-';
  });
}

std::vector<std::string> read_condition(YamlMap& map, const std::string& key, Values kind) {
  std::vector<std::string> values = map.strings(key);
  if (map.has(key) && values.empty())
    map.error(key, fmt::format("'{}' is empty", key), "leave the key out if any will do");
  const bool globs = kind != Values::kNames;
  for (const std::string& value : values) {
    if (globs ? valid_glob(value) || (kind == Values::kToolGlobs && value == "?")
              : identity::valid_name(value))
      continue;
    map.error(
        key, fmt::format("'{}' holds a value that cannot match anything", key),
        globs ? "names, with '*' for any characters" : "plain ids; wildcards do not work here");
  }
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  return values;
}

void each_of(YamlMap& map, const std::string& key,
             const std::function<void(const YAML::Node&)>& each) {
  const YAML::Node value = map.child(key);
  if (!value.IsDefined()) return;
  if (value.IsNull() || (value.IsSequence() && value.size() == 0)) {
    map.error(key, fmt::format("'{}' is empty", key), "leave the key out if any will do");
  } else if (value.IsSequence()) {
    for (const auto& one : value) each(one);
  } else {
    each(value);
  }
}

std::vector<identity::Tier> read_tiers(YamlMap& map, const std::string& key) {
  std::vector<identity::Tier> tiers;
  for (const std::string& text : read_condition(map, key, Values::kNames)) {
    if (const auto tier = identity::tier_from_text(text)) {
      tiers.push_back(*tier);
    } else {
      map.error(key, fmt::format("'{}' is no tier", text),
                "interactive, subagent, background or api");
    }
  }
  return tiers;
}

std::optional<NumberRange> read_range(YamlMap& map, const std::string& key, Diagnostics& out) {
  const YAML::Node value = map.child(key);
  if (!value.IsDefined()) return std::nullopt;
  NumberRange range;
  YamlMap bounds(value, map.file(), out);
  read_keys<NumberRange>(kRangeKeys, bounds, range, out);
  if (range == NumberRange{})
    map.error(key, fmt::format("'{}' compares with nothing", key), "write {le: 5} or {gt: 5}");
  return range;
}

std::vector<FindingCondition> read_findings(YamlMap& map, const std::string& key,
                                            Diagnostics& out) {
  std::vector<FindingCondition> all;
  each_of(map, key, [&](const YAML::Node& node) {
    FindingCondition condition;
    if (node.IsMap()) {
      YamlMap keys(node, map.file(), out);
      read_keys<FindingCondition>(kFindingKeys, keys, condition, out);
    } else if (node.IsScalar() && valid_glob(node.Scalar())) {
      condition.kind = node.Scalar();
    } else {
      map.error(key, fmt::format("'{}' holds a value that cannot match anything", key),
                "names, with '*' for any characters");
    }
    if (std::find(all.begin(), all.end(), condition) == all.end())
      all.push_back(std::move(condition));
  });
  return all;
}

std::vector<TimeWindow> read_windows(YamlMap& map, const std::string& key, Diagnostics& out) {
  std::vector<TimeWindow> all;
  each_of(map, key, [&](const YAML::Node& node) {
    YamlMap keys(node, map.file(), out);
    read_keys<TimeWindow>(kWindowKeys, keys, all.emplace_back(), out);
  });
  return all;
}

std::vector<DestinationCondition> read_destinations(YamlMap& map, const std::string& key) {
  std::vector<DestinationCondition> all;
  each_of(map, key, [&](const YAML::Node& node) {
    const auto one =
        node.IsScalar() ? parse_destination(node.Scalar()) : std::optional<DestinationCondition>();
    if (one) {
      all.push_back(*one);
    } else {
      map.error(key, fmt::format("'{}' holds a value that is no destination", key),
                "write 10.0.0.0/8, 10.0.0.1:443, [2001:db8::/32]:443 or *:443");
    }
  });
  return all;
}

std::optional<AfterCondition> read_after(YamlMap& map, const std::string& key, Diagnostics& out) {
  const YAML::Node value = map.child(key);
  if (!value.IsDefined()) return std::nullopt;
  AfterCondition after;
  YamlMap keys(value, map.file(), out);
  read_keys<AfterCondition>(kAfterKeys, keys, after, out);
  if (after == AfterCondition{}) {
    map.error(key, "'after' says nothing",
              "write {tools: [web.*]}, {findings: [injection]} or {untrusted: true}");
  }
  return after;
}

std::optional<TaintCondition> read_tainted(YamlMap& map, const std::string& key) {
  const YAML::Node value = map.child(key);
  if (!value.IsDefined()) return std::nullopt;
  if (value.IsScalar() && (value.Scalar() == "true" || value.Scalar() == "false"))
    return TaintCondition{.tainted = value.Scalar() == "true", .by = {}};
  return TaintCondition{.by = read_condition(map, key, Values::kToolGlobs)};
}

std::optional<std::int64_t> read_repeat(YamlMap& map, const std::string& key, Diagnostics& out) {
  const YAML::Node value = map.child(key);
  if (!value.IsDefined()) return std::nullopt;
  std::int64_t more_than = 1;
  YamlMap keys(value, map.file(), out);
  read_keys<std::int64_t>(kRepeatKeys, keys, more_than, out);
  return more_than;
}

std::vector<KeyTable> condition_keys() {
  return {table_of<NumberRange>("range", "A whole number; all that is said must hold.", kRangeKeys),
          table_of<FindingCondition>("finding", "Findings of one kind.", kFindingKeys),
          table_of<TimeWindow>("window", "A part of the week.", kWindowKeys),
          table_of<AfterCondition>("after", "An earlier result of the session.", kAfterKeys),
          table_of<std::int64_t>("repeat", "Identical calls in a row.", kRepeatKeys)};
}

}  // namespace writ::policy
