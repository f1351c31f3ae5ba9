// Readers of the values that conditions take, shared by rules, settings and test cases.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "identity/standing.h"
#include "policy/keys.h"
#include "policy/rule.h"

namespace writ::policy {

bool valid_glob(std::string_view glob);

// A list of names, or of globs; sorted, unique. An empty one would hold for everyone, which nobody
// who writes one means: it is an error. With `unnamed`, "?" is fine too.
enum class Values { kNames, kGlobs, kToolGlobs };
std::vector<std::string> read_condition(YamlMap& map, const std::string& key, Values values);

std::vector<identity::Tier> read_tiers(YamlMap& map, const std::string& key);
std::optional<NumberRange> read_range(YamlMap& map, const std::string& key, Diagnostics& out);
std::vector<FindingCondition> read_findings(YamlMap& map, const std::string& key, Diagnostics& out);
std::vector<TimeWindow> read_windows(YamlMap& map, const std::string& key, Diagnostics& out);
std::vector<DestinationCondition> read_destinations(YamlMap& map, const std::string& key);
std::optional<AfterCondition> read_after(YamlMap& map, const std::string& key, Diagnostics& out);
std::optional<TaintCondition> read_tainted(YamlMap& map, const std::string& key);
std::optional<std::int64_t> read_repeat(YamlMap& map, const std::string& key, Diagnostics& out);

// `args:` and `captures:` (whose names stand for "path:name").
std::vector<ArgumentTest> read_arguments(YamlMap& map, const std::string& key, bool captures,
                                         Diagnostics& out);

// Calls `each` for a value that is not a list, or for each of its elements. An empty list is an
// error.
void each_of(YamlMap& map, const std::string& key,
             const std::function<void(const YAML::Node&)>& each);

}  // namespace writ::policy
