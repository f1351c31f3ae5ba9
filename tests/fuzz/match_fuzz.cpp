// Any agents.yaml, and against a fixed one any process: what is bound is what the rule says, read
// again in the plainest way; and what was taken for a system unit lies in slices alone.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "identity/directory.h"

namespace {

using namespace writ::identity;

void require(bool holds) {
  if (!holds) __builtin_trap();
}

std::vector<MatchRule> read(const std::string& text, writ::Diagnostics& out) {
  std::vector<MatchRule> rules;
  const auto root = writ::parse_yaml(text, "agents.yaml", out);
  if (!root) return rules;
  writ::YamlMap map(*root, "agents.yaml", out);
  map.each("match", [&](const YAML::Node& each) {
    rules.push_back(read_match_rule(each, "agents.yaml", out));
  });
  return rules;
}

const std::vector<MatchRule>& fixed_rules() {
  static const std::vector<MatchRule> rules = [] {
    writ::Diagnostics out;
    auto all = read(
        "match:\n"
        "  - {unit: 'a@*.service', cgroup: /s.slice/*, executable: /opt/*/x, environment: A=*b}\n"
        "  - {unit: 'a-*.service', cgroup: /s.slice/*/c}\n"
        "  - {cgroup: '/p/*/[ab]?'}\n"
        "  - {executable: '/o*/*p*/*', environment: AB}\n"
        "  - {environment: 'A=*1*2*3*4*5*6*7*8'}\n"
        "  - {unit: '*.s*.service'}\n",
        out);
    require(out.empty() && all.size() == 6);
    return all;
  }();
  return rules;
}

// Splits the path by its slashes, which match.cpp never does.
std::string plain_unit(std::string_view path) {
  std::string unit;
  if (!path.starts_with('/')) return unit;
  for (path.remove_prefix(1);;) {
    const std::string_view part = path.substr(0, path.find('/'));
    unit.append("/").append(part);
    if (part.empty()) return {};
    if (part[0] != '.' && (part.ends_with(".service") || part.ends_with(".scope"))) return unit;
    if (!part.ends_with(".slice") || part.size() == path.size()) return {};
    path.remove_prefix(part.size() + 1);
  }
}

// Whether a variable of that name is there, by splitting at each NUL.
bool has_name(std::string_view environment, std::string_view name) {
  for (std::size_t i = 0; i < environment.size(); ++i) {
    const bool begins = i == 0 || environment[i - 1] == '\0';
    if (begins && environment.substr(i, name.size()) == name &&
        environment.substr(i + name.size()).starts_with('=')) {
      return true;
    }
  }
  return false;
}

void check_match(const std::vector<MatchRule>& rules, const Candidate& candidate) {
  // The kernel writes no empty parts; what is made of one is not settled.
  const bool plain = candidate.cgroup.find("//") == std::string_view::npos;
  require(!plain || unit_cgroup(candidate.cgroup) == plain_unit(candidate.cgroup));
  const auto match = find_match(rules, candidate);
  if (!match) return;
  const MatchRule& rule = *match->rule;
  require(&rule >= rules.data() && &rule < rules.data() + rules.size());
  require(candidate.cgroup.starts_with(match->cgroup));
  require(match->cgroup.size() == candidate.cgroup.size() || match->cgroup.empty() ||
          candidate.cgroup[match->cgroup.size()] == '/');
  require(match->cgroup.size() != 1);
  require(!match->cgroup.empty() || (rule.unit.empty() && rule.cgroup.empty()));
  require(rule.unit.empty() || match->cgroup.starts_with(unit_cgroup(candidate.cgroup)));
  require(rule.unit.empty() || !unit_name(candidate.cgroup).empty());
  require(rule.whole_cgroup() || !candidate.executable.empty());
  if (!rule.environment.empty()) {
    require(
        has_name(candidate.environment, rule.environment.substr(0, rule.environment.find('='))));
  }
  // No rule before it fits, and it fits alone.
  std::vector<MatchRule> before(rules.data(), &rule);
  require(!find_match(before, candidate));
  const std::vector<MatchRule> alone{rule};
  const auto again = find_match(alone, candidate);
  require(again && again->cgroup == match->cgroup);
}

void check_rule(const MatchRule& rule) {
  require(!rule.unit.empty() || !rule.cgroup.empty() || !rule.executable.empty() ||
          !rule.environment.empty());
  require(rule.user.empty() || !rule.unit.empty() || !rule.cgroup.empty());
  require(rule.unit.find('/') == std::string::npos);
  require(rule.cgroup.empty() || (rule.cgroup.size() > 1 && rule.cgroup.front() == '/'));
  require(rule.executable.empty() || rule.executable.front() == '/');
  require(!rule.environment.starts_with('='));
  require(rule.person.size() <= 4 && rule.tier != Tier::kSubagent);
  for (const PersonSource source : rule.person) require(!to_text(source).empty());
}

std::string_view next(std::string_view& rest) {
  const std::string_view part = rest.substr(0, rest.find('\n'));
  rest.remove_prefix(part.size() == rest.size() ? part.size() : part.size() + 1);
  return part;
}

}  // namespace

// The first byte: whose turn it is. A process has its cgroup, program and script on a line each.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] % 2 == 0) {
    const std::string cgroup = "/" + std::string(next(rest));
    Candidate candidate;
    candidate.cgroup = cgroup;
    candidate.executable = next(rest);
    candidate.started_as = next(rest);
    candidate.environment = rest;
    check_match(fixed_rules(), candidate);
    return 0;
  }
  writ::Diagnostics out;
  const auto rules = read(std::string(rest), out);
  for (const writ::Diagnostic& each : out) require(!to_string(each).empty());
  if (!out.empty()) return 0;
  for (const MatchRule& rule : rules) check_rule(rule);
  check_match(rules, {.cgroup = "/s.slice/a-1.service/c",
                      .executable = "/opt/p/x",
                      .started_as = "x",
                      .environment = {"A=1\0AB=2\0", 9}});
  return 0;
}
