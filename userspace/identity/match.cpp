#include "identity/match.h"

#include <fnmatch.h>

#include <algorithm>
#include <array>

#include "identity/name.h"

namespace writ::identity {
namespace {

struct SourceName {
  std::string_view text;
  PersonSource source;
};
constexpr std::array kSources = {
    SourceName{"token", PersonSource::kToken}, SourceName{"unit", PersonSource::kUnit},
    SourceName{"login", PersonSource::kLogin}, SourceName{"account", PersonSource::kAccount}};

constexpr std::size_t kMaxPattern = 512;

// fnmatch(3) wants strings that end, and takes its time over many stars.
bool fits(const std::string& pattern, std::string_view text) {
  return fnmatch(pattern.c_str(), std::string(text).c_str(), FNM_PATHNAME) == 0;
}

bool is_unit(std::string_view name) {
  return !name.starts_with('.') && (name.ends_with(".service") || name.ends_with(".scope"));
}

std::string_view last_part(std::string_view path) { return path.substr(path.rfind('/') + 1); }

// Calls each(prefix) for "/a", "/a/b", ... of a path until it returns true.
template <class Each>
bool any_prefix(std::string_view path, Each each) {
  for (std::size_t end = 0; end != std::string_view::npos && end < path.size();) {
    end = path.find('/', end + 1);
    const std::string_view prefix = path.substr(0, end);
    if (prefix.size() > 1 && each(prefix)) return true;
  }
  return false;
}

bool environment_fits(const std::string& wanted, std::string_view environment) {
  const auto equals = wanted.find('=');
  const std::string name = wanted.substr(0, equals) + "=";
  while (!environment.empty()) {
    const auto end = environment.find('\0');
    const std::string_view entry = environment.substr(0, end);
    if (entry.starts_with(name) &&
        (equals == std::string::npos ||
         fnmatch(wanted.c_str() + equals + 1, std::string(entry.substr(name.size())).c_str(), 0) ==
             0)) {
      return true;
    }
    if (end == std::string_view::npos) break;
    environment.remove_prefix(end + 1);
  }
  return false;
}

std::optional<std::string> cgroup_that_fits(const MatchRule& rule, std::string_view cgroup) {
  const std::string_view unit = unit_cgroup(cgroup);
  if (!rule.unit.empty() && (unit.empty() || !fits(rule.unit, unit_name(cgroup)))) {
    return std::nullopt;
  }
  if (rule.cgroup.empty()) return std::string(unit);
  std::optional<std::string> found;
  any_prefix(cgroup, [&](std::string_view prefix) {
    if (!fits(rule.cgroup, prefix)) return false;
    found = prefix;
    return true;
  });
  // Both are asked for: the session is what lies deeper.
  if (found && !rule.unit.empty() && unit.size() > found->size()) found = unit;
  return found;
}

std::string read_pattern(YamlMap& map, const std::string& key, bool absolute) {
  std::string pattern = map.string(key).value_or("");
  if (!map.has(key)) return pattern;
  if (pattern.empty() || pattern.size() > kMaxPattern || pattern.find('\0') != std::string::npos) {
    map.error(key, fmt::format("'{}' must be 1 to {} bytes", key, kMaxPattern));
  } else if (absolute && pattern.front() != '/') {
    map.error(key, fmt::format("'{}' must be an absolute path", key),
              "patterns are fine: /opt/agents/*");
  } else if (std::count(pattern.begin(), pattern.end(), '*') > 8) {
    map.error(key, fmt::format("'{}' has more than 8 stars", key));
  }
  return pattern;
}

void read_person(YamlMap& map, MatchRule& rule) {
  if (!map.has("person")) return;
  rule.person.clear();
  for (const std::string& name : map.strings("person")) {
    const auto known = std::find_if(kSources.begin(), kSources.end(),
                                    [&](const SourceName& source) { return source.text == name; });
    if (known == kSources.end()) {
      map.error("person", fmt::format("'{}' is no source of a person", name),
                "token, unit, login and account are");
    } else if (std::find(rule.person.begin(), rule.person.end(), known->source) !=
               rule.person.end()) {
      map.error("person", fmt::format("'{}' stands there twice", name));
    } else {
      rule.person.push_back(known->source);
    }
  }
}

}  // namespace

std::string_view to_text(PersonSource source) {
  return std::find_if(kSources.begin(), kSources.end(),
                      [&](const SourceName& known) { return known.source == source; })
      ->text;
}

MatchRule read_match_rule(const YAML::Node& node, const std::string& file, Diagnostics& out) {
  YamlMap map(node, file, out);
  MatchRule rule;
  rule.line = node.Mark().line + 1;
  rule.unit = read_pattern(map, "unit", false);
  if (!rule.unit.empty() && (!is_unit(rule.unit) || rule.unit.find('/') != std::string::npos)) {
    map.error("unit", "'unit' must be the name of a service or scope",
              "write agent.service, agent@*.service or docker-*.scope");
  }
  rule.cgroup = read_pattern(map, "cgroup", true);
  while (rule.cgroup.size() > 1 && rule.cgroup.back() == '/') rule.cgroup.pop_back();
  if (rule.cgroup == "/") {
    map.error("cgroup", "'cgroup' cannot be the root, which holds every process",
              "name a cgroup below it: /agents.slice");
  }
  rule.executable = read_pattern(map, "executable", true);
  rule.environment = read_pattern(map, "environment", false);
  if (rule.environment.starts_with('=')) map.error("environment", "'environment' has no name");
  read_person(map, rule);
  rule.user = map.string("user").value_or("");
  if (map.has("person") && rule.person.empty() && !map.has("user")) {
    map.error("person", "no source and no 'user': nobody could ever be known",
              "token, unit, login and account are sources");
  }
  const bool placed = !rule.unit.empty() || !rule.cgroup.empty();
  if (map.has("user") && !valid_name(rule.user)) {
    map.error("user", "'user' is not a name that can be used here", kNameHint);
  } else if (!rule.user.empty() && !placed) {
    map.error("user", "'user' needs 'unit' or 'cgroup' beside it",
              "anybody can start a program, or set a variable, and would act as that user");
  }
  if (!placed && rule.executable.empty() && rule.environment.empty()) {
    add_error(out, file, node, "the rule asks for nothing, so it would bind every process",
              "say unit, cgroup, executable or environment");
  }
  if (const auto tier = map.one_of("tier", {"interactive", "background", "api"})) {
    rule.tier = *tier_from_text(*tier);
  }
  map.finish();
  return rule;
}

std::string_view unit_cgroup(std::string_view cgroup) {
  std::string_view unit;
  // systemd.slice(5): a unit of the system lies in slices and in nothing else. What a container
  // without a scope of its own (/docker/ID, /lxc.payload.ID) has below it, the container names.
  any_prefix(cgroup, [&](std::string_view prefix) {
    const std::string_view name = last_part(prefix);
    if (is_unit(name)) unit = prefix;
    return !name.ends_with(".slice");
  });
  return unit;
}

std::string_view unit_name(std::string_view cgroup) { return last_part(unit_cgroup(cgroup)); }

std::optional<Match> find_match(const std::vector<MatchRule>& rules, const Candidate& candidate) {
  for (const MatchRule& rule : rules) {
    const bool program = !candidate.executable.empty();
    if (!program && !rule.whole_cgroup()) continue;
    if (!rule.executable.empty() && !fits(rule.executable, candidate.executable) &&
        !fits(rule.executable, candidate.started_as)) {
      continue;
    }
    if (!rule.environment.empty() && !environment_fits(rule.environment, candidate.environment)) {
      continue;
    }
    if (auto cgroup = cgroup_that_fits(rule, candidate.cgroup)) {
      return Match{.rule = &rule, .cgroup = std::move(*cgroup)};
    }
  }
  return std::nullopt;
}

}  // namespace writ::identity
