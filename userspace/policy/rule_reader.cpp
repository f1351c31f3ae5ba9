#include <algorithm>
#include <array>

#include "identity/name.h"
#include "policy/condition_reader.h"
#include "policy/reader.h"

namespace writ::policy {
namespace {

using Out = Diagnostics;

void read_id(YamlMap& map, const std::string& key, Rule& rule, Out&) {
  rule.id = map.required_string(key);
  if (!rule.id.empty() && !identity::valid_name(rule.id))
    map.error(key, fmt::format("'{}' is not a name for a rule", rule.id), identity::kNameHint);
}

void read_effect(YamlMap& map, const std::string& key, Rule& rule, Out&) {
  if (!map.has(key))
    map.error(key, "'effect' is missing", "write allow, flag, redact, hold or deny");
  const std::string text =
      map.one_of(key, {"allow", "flag", "redact", "hold", "deny"}).value_or("deny");
  for (std::size_t i = 0; i < kRuleEffects; ++i) {
    if (to_text(static_cast<RuleEffect>(i)) == text) rule.effect = static_cast<RuleEffect>(i);
  }
}

template <auto kMember, Values kValues>
void read_list(YamlMap& map, const std::string& key, Rule& rule, Out&) {
  rule.*kMember = read_condition(map, key, kValues);
}

template <auto kMember>
void read_number(YamlMap& map, const std::string& key, Rule& rule, Out& out) {
  rule.*kMember = read_range(map, key, out);
}

template <auto kMember>
void read_strength(YamlMap& map, const std::string& key, Rule& rule, Out&) {
  if (const auto text = map.one_of(key, {"asserted", "unix_peer", "login", "token"}))
    rule.*kMember = identity::strength_from_text(*text);
}

void read_rule_scopes(YamlMap& map, const std::string& key, Rule& rule, Out&) {
  for (std::string& scope : map.strings(key)) {
    if (identity::valid_scope(scope)) {
      rule.scopes.push_back(std::move(scope));
    } else {
      map.error(key, fmt::format("'{}' is no scope", scope), "as crm.contacts.read or crm.*");
    }
  }
  if (map.has(key) && map.strings(key).empty())
    map.error(key, "'scopes' is empty", "leave the key out if any will do");
}

void read_effects(YamlMap& map, const std::string& key, Rule& rule, Out&) {
  for (const std::string& text : read_condition(map, key, Values::kNames)) {
    if (text == "read" || text == "write") {
      rule.effects.push_back(text == "read" ? Effect::kRead : Effect::kWrite);
    } else {
      map.error(key, fmt::format("'{}' is no effect of a tool", text), "write read or write");
    }
  }
}

// Globs of a wider alphabet than names have: hosts and protocols.
template <auto kMember>
void read_lower_globs(YamlMap& map, const std::string& key, Rule& rule, Out&) {
  for (std::string& text : map.strings(key)) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    const bool fine =
        !text.empty() && text.size() <= 253 && std::all_of(text.begin(), text.end(), [](char c) {
          return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                 std::string_view("-_.*[]/").find(c) != std::string_view::npos || c == ':';
        });
    const bool port = text.find(':') != std::string::npos && !text.starts_with('[');
    if (!fine || port || text.ends_with('.')) {
      map.error(key, fmt::format("'{}' holds a value that cannot match anything", key),
                "names, with '*' for any characters; ports go into 'destinations'");
    }
    (rule.*kMember).push_back(std::move(text));
  }
  if (map.has(key) && (rule.*kMember).empty())
    map.error(key, fmt::format("'{}' is empty", key), "leave the key out if any will do");
}

void read_methods(YamlMap& map, const std::string& key, Rule& rule, Out&) {
  rule.methods = read_condition(map, key, Values::kNames);
  for (const std::string& method : rule.methods) {
    if (std::any_of(method.begin(), method.end(), [](char c) { return c >= 'a' && c <= 'z'; }))
      map.error(key, fmt::format("'{}' is not a method; they are in capitals", method));
  }
}

void read_paths(YamlMap& map, const std::string& key, Rule& rule, Out&) {
  for (const std::string& text : map.strings(key)) {
    if (Result<PathPattern> path = parse_path_pattern(text)) {
      rule.paths.push_back(std::move(*path));
    } else {
      map.error(key, fmt::format("path '{}': {}", text, path.error().message),
                "write /contacts/{id}, or /files/** for all below");
    }
  }
  if (map.has(key) && map.strings(key).empty())
    map.error(key, "'paths' is empty", "leave the key out if any will do");
}

void read_requires_before(YamlMap& map, const std::string& key, Rule& rule, Out&) {
  rule.requires_before = read_condition(map, key, Values::kToolGlobs);
  if (!rule.requires_before.empty() && rule.effect == RuleEffect::kAllow) {
    map.error(key,
              "'requires_before' holds while none of the tools was called, so it allows nothing",
              "write used_before in an allow rule, or make it a deny rule");
  }
}

void read_budget_left(YamlMap& map, const std::string& key, Rule& rule, Out& out) {
  const YAML::Node value = map.child(key);
  if (!value.IsDefined()) return;
  YamlMap budgets(value, map.file(), out);
  for (const auto& entry : budgets.node()) {
    const std::string& name = entry.first.Scalar();
    if (!identity::valid_name(name))
      map.error(key, fmt::format("'{}' is no name of a budget", name), identity::kNameHint);
    if (const auto range = read_range(budgets, name, out))
      rule.budget_left.emplace_back(name, *range);
  }
  budgets.finish();
  if (rule.budget_left.empty()) map.error(key, "'budget_left' is empty", "write {calls: {lt: 10}}");
}

void read_reason(YamlMap& map, const std::string& key, Rule& rule, Out&) {
  const auto text = map.string(key);
  if (!text) return;
  if (auto reason = ReasonTemplate::parse(*text)) {
    rule.reason = std::move(*reason);
  } else {
    map.error(key, reason.error().message,
              "use {user}, {agent}, {tenant}, {tier}, {tool}, {method}, {host}, {path}, "
              "{destination}, {findings}, {rule}, {args.NAME} or {captures.NAME}");
  }
}

constexpr std::string_view kFindingsSchema =
    R"({"anyOf":[{"type":"string"},{"$ref":"#/$defs/finding"},{"type":"array","minItems":1,"items":{"anyOf":[{"type":"string"},{"$ref":"#/$defs/finding"}]}}]})";
constexpr std::string_view kWindowsSchema =
    R"({"anyOf":[{"$ref":"#/$defs/window"},{"type":"array","minItems":1,"items":{"$ref":"#/$defs/window"}}]})";
constexpr std::string_view kArgsSchema =
    R"({"anyOf":[{"$ref":"#/$defs/tests"},{"type":"array","minItems":1,"items":{"$ref":"#/$defs/test"}}]})";
constexpr std::string_view kStrengthSchema = R"({"enum":["asserted","unix_peer","login","token"]})";

constexpr std::array<Key<Rule>, 30> kRuleKeys = {{
    {{"id", kTextSchema,
      "Its name, in records and reasons; of several rules the first one decides.", true},
     read_id},
    {{"effect", R"({"enum":["allow","flag","redact","hold","deny"]})",
      "What follows when all conditions hold.", true},
     read_effect},
    {{"tools", kNamesSchema, "Globs over tools; \"?\" is a call that no tool names."},
     read_list<&Rule::tools, Values::kToolGlobs>},
    {{"users", kNamesSchema, "Ids of people."}, read_list<&Rule::users, Values::kNames>},
    {{"roles", kNamesSchema, "The person has one of these."},
     read_list<&Rule::roles, Values::kNames>},
    {{"agents", kNamesSchema, "Ids of agents."}, read_list<&Rule::agents, Values::kNames>},
    {{"tenants", kNamesSchema, "Of the writ."}, read_list<&Rule::tenants, Values::kNames>},
    {{"tiers", kTiersSchema, "How the agent runs: interactive, subagent, background or api."},
     [](YamlMap& map, const std::string& key, Rule& rule, Out&) {
       rule.tiers = read_tiers(map, key);
     }},
    {{"scopes", kNamesSchema, "The writ covers one of these."}, read_rule_scopes},
    {{"identity", kStrengthSchema, "The person is known at least so well."},
     read_strength<&Rule::at_least>},
    {{"identity_below", kStrengthSchema, "The person is known less well than that."},
     read_strength<&Rule::below>},
    {{"effects", kNamesSchema, "Of the tool: read, write."}, read_effects},
    {{"hosts", kNamesSchema, "Globs over the host that the request names."},
     read_lower_globs<&Rule::hosts>},
    {{"destinations", kNamesSchema, "Where the bytes go: 10.0.0.0/8, 10.0.0.1:443, *:443."},
     [](YamlMap& map, const std::string& key, Rule& rule, Out&) {
       rule.destinations = read_destinations(map, key);
     }},
    {{"methods", kNamesSchema, "HTTP methods, in capitals."}, read_methods},
    {{"paths", kNamesSchema, "Patterns as of tools: /contacts/{id}, /files/**."}, read_paths},
    {{"protocols", kNamesSchema, "Globs over the protocol: http/*."},
     read_lower_globs<&Rule::protocols>},
    {{"captures", R"({"$ref":"#/$defs/tests"})", "Tests of the captures of the tool's path."},
     [](YamlMap& map, const std::string& key, Rule& rule, Out& out) {
       rule.captures = read_arguments(map, key, true, out);
     }},
    {{"args", kArgsSchema, "Tests of arguments: of a JSON body, the query and the path."},
     [](YamlMap& map, const std::string& key, Rule& rule, Out& out) {
       rule.args = read_arguments(map, key, false, out);
     }},
    {{"findings", kFindingsSchema, "What the scan found in the arguments, one of these."},
     [](YamlMap& map, const std::string& key, Rule& rule, Out& out) {
       rule.findings = read_findings(map, key, out);
     }},
    {{"during", kWindowsSchema, "Only in these parts of the week."},
     [](YamlMap& map, const std::string& key, Rule& rule, Out& out) {
       rule.during = read_windows(map, key, out);
     }},
    {{"calls", kRangeSchema, "Calls of the session so far."}, read_number<&Rule::calls>},
    {{"tool_calls", kRangeSchema, "Calls of this tool in the session so far."},
     read_number<&Rule::tool_calls>},
    {{"used_before", kNamesSchema, "One of these tools was called in the session."},
     read_list<&Rule::used_before, Values::kToolGlobs>},
    {{"requires_before", kNamesSchema,
      "Holds while none of these tools was called in the session."},
     read_requires_before},
    {{"tainted", R"({"anyOf":[{"type":"boolean"},{"$ref":"#/$defs/names"}]})",
      "Untrusted content, or an injection, came into the session; or just what is listed."},
     [](YamlMap& map, const std::string& key, Rule& rule, Out&) {
       rule.tainted = read_tainted(map, key);
     }},
    {{"after", R"({"$ref":"#/$defs/after"})", "A result of that kind came in before."},
     [](YamlMap& map, const std::string& key, Rule& rule, Out& out) {
       rule.after = read_after(map, key, out);
     }},
    {{"repeat", R"({"$ref":"#/$defs/repeat"})", "The same call too often in a row."},
     [](YamlMap& map, const std::string& key, Rule& rule, Out& out) {
       rule.repeat_more_than = read_repeat(map, key, out);
     }},
    {{"budget_left",
      R"({"type":"object","additionalProperties":{"$ref":"#/$defs/range"},"minProperties":1})",
      "What is left of budgets, by name."},
     read_budget_left},
    {{"reason", kTextSchema, "A sentence for people; {user}, {tool}, {args.amount} are filled in."},
     read_reason},
}};

}  // namespace

Rule read_rule(const YAML::Node& node, const std::string& file, Diagnostics& out) {
  YamlMap map(node, file, out);
  Rule rule{.file = file, .line = node.Mark().line + 1, .column = node.Mark().column + 1};
  read_keys<Rule>(kRuleKeys, map, rule, out);
  if (rule.effect == RuleEffect::kAllow && !map.has("tools")) {
    map.error("tools", "an allow rule must say which tools it allows",
              "write [\"*\"] for every tool of the catalog, \"?\" for calls that no tool names");
  }
  return rule;
}

KeyTable rule_keys() {
  return table_of<Rule>("rule", "Conditions, and what follows when all of them hold.", kRuleKeys);
}

}  // namespace writ::policy
