#include "policy/reader.h"

#include <algorithm>
#include <map>

#include "identity/name.h"
#include "policy/glob.h"

namespace writ::policy {
namespace {

constexpr std::size_t kMaxTools = 20'000;
constexpr std::size_t kMaxRules = 20'000;
constexpr std::size_t kMaxReason = 1000;

bool valid_glob(std::string_view glob) {
  return !glob.empty() && glob.size() <= 256 && std::all_of(glob.begin(), glob.end(), [](char c) {
    return c == '*' || identity::valid_name(std::string_view(&c, 1)) || c == '.' || c == '@' ||
           c == ':' || c == '-';
  });
}

// A list condition. An empty list would hold for everyone, which nobody who writes one means.
std::vector<std::string> read_condition(YamlMap& map, const std::string& key, bool globs) {
  std::vector<std::string> values = map.strings(key);
  if (map.has(key) && values.empty())
    map.error(key, fmt::format("'{}' is empty", key), "leave the key out if any will do");
  for (const std::string& value : values) {
    if (globs ? valid_glob(value) || (key == "tools" && value == "?") : identity::valid_name(value))
      continue;
    map.error(
        key, fmt::format("'{}' holds a value that cannot match anything", key),
        globs ? "names, with '*' for any characters" : "plain ids; wildcards do not work here");
  }
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  return values;
}

RuleEffect read_effect(YamlMap& map) {
  if (!map.has("effect")) map.error("effect", "'effect' is missing", "write allow, flag or deny");
  const std::string effect = map.one_of("effect", {"allow", "flag", "deny"}).value_or("deny");
  return effect == "allow"  ? RuleEffect::kAllow
         : effect == "flag" ? RuleEffect::kFlag
                            : RuleEffect::kDeny;
}

std::vector<identity::Tier> read_tiers(YamlMap& map) {
  std::vector<identity::Tier> tiers;
  for (const std::string& text : read_condition(map, "tiers", false)) {
    if (const auto tier = identity::tier_from_text(text)) {
      tiers.push_back(*tier);
    } else {
      map.error("tiers", fmt::format("'{}' is no tier", text),
                "interactive, subagent, background or api");
    }
  }
  return tiers;
}

std::optional<identity::IdentityStrength> read_strength(YamlMap& map, const std::string& key) {
  const auto text = map.one_of(key, {"asserted", "unix_peer", "login", "token"});
  return text ? identity::strength_from_text(*text) : std::nullopt;
}

// Puts the documents of several files together.
class DocumentReader {
 public:
  explicit DocumentReader(Diagnostics& out) : out_(out) {}

  void read(const SourceText& source) {
    const auto root = parse_yaml(source.text, source.file, out_);
    if (!root) return;
    YamlMap top(*root, source.file, out_);
    if (!top.has("version")) top.error("version", "'version' is missing", "write version: 1");
    (void)top.integer("version", 1, 1);  // only its range matters, and that is a diagnostic
    (void)top.string("tenant");          // policy_set.cpp has read it
    read_settings(top);
    top.each("tools", [&](const YAML::Node& node) {
      ToolText tool = read_tool(node, source.file, out_);
      if (!tool.tool.name.empty()) tools_.push_back(std::move(tool));
    });
    top.each("rules", [&](const YAML::Node& node) {
      Rule rule = read_rule(node, source.file, out_);
      if (!rule.id.empty()) rules_.push_back(std::move(rule));
    });
    top.finish();
  }

  Document finish() {
    if (tools_.size() > kMaxTools || rules_.size() > kMaxRules) {
      out_.push_back(
          {.message = fmt::format("more than {} tools or {} rules", kMaxTools, kMaxRules)});
      return {};
    }
    document_.catalog = build_catalog(std::move(tools_), out_);
    check_rules();
    document_.rules = std::move(rules_);
    return std::move(document_);
  }

 private:
  // A setting may stand in several files, but only with one value.
  std::optional<std::string> setting(YamlMap& top, const std::string& key,
                                     const std::vector<std::string>& values) {
    auto value = top.one_of(key, values);
    if (!value) return std::nullopt;
    const auto [entry, added] = settings_.emplace(key, std::pair(*value, top.file()));
    if (!added && entry->second.first != *value) {
      top.error(key,
                fmt::format("'{}' is {} here and {} in {}", key, *value, entry->second.first,
                            entry->second.second),
                "say it in one file");
    }
    return value;
  }

  void read_settings(YamlMap& top) {
    if (const auto value = setting(top, "on_opaque", {"deny", "allow", "hold"})) {
      document_.on_opaque = *value == "allow"  ? OnOpaque::kAllow
                            : *value == "hold" ? OnOpaque::kHold
                                               : OnOpaque::kDeny;
      if (document_.on_opaque == OnOpaque::kHold) {
        top.error("on_opaque", "on_opaque: hold is not in force: such bytes are denied",
                  "write deny to say the same");
        out_.back().severity = Severity::kWarning;
      }
    }
    if (const auto value = setting(top, "on_inbound", {"deny", "allow"}))
      document_.on_inbound = *value == "allow" ? OnInbound::kAllow : OnInbound::kDeny;
  }

  void report(const Rule& rule, Severity severity, std::string message, std::string hint) {
    out_.push_back({.severity = severity,
                    .file = rule.file,
                    .line = rule.line,
                    .column = rule.column,
                    .message = std::move(message),
                    .hint = std::move(hint)});
  }

  void check_rules() {
    std::map<std::string, const Rule*> seen;
    for (const Rule& rule : rules_) {
      const auto [entry, added] = seen.emplace(rule.id, &rule);
      if (!added) {
        report(rule, Severity::kError,
               fmt::format("rule '{}' is also in {}:{}", rule.id, entry->second->file,
                           entry->second->line),
               "give each rule its own id");
      }
      for (const std::string& glob : rule.tools) {
        if (!names_some_tool(glob)) {
          report(rule, Severity::kWarning,
                 fmt::format("rule '{}': '{}' matches no tool of the catalog", rule.id, glob),
                 "check its spelling, or add the tool");
        }
      }
    }
  }

  [[nodiscard]] bool names_some_tool(const std::string& glob) const {
    if (glob == "?" || glob == "*") return true;
    const auto& tools = document_.catalog.tools();
    return std::any_of(tools.begin(), tools.end(),
                       [&](const Tool& tool) { return glob_match(glob, tool.name); });
  }

  Diagnostics& out_;
  std::map<std::string, std::pair<std::string, std::string>> settings_;  // key → value, file
  std::vector<ToolText> tools_;
  std::vector<Rule> rules_;
  Document document_;
};

}  // namespace

Rule read_rule(const YAML::Node& node, const std::string& file, Diagnostics& out) {
  YamlMap map(node, file, out);
  Rule rule{.id = map.required_string("id"), .file = file};
  rule.line = node.Mark().line + 1;
  rule.column = node.Mark().column + 1;
  if (!rule.id.empty() && !identity::valid_name(rule.id))
    map.error("id", fmt::format("'{}' is not a name for a rule", rule.id), identity::kNameHint);
  rule.effect = read_effect(map);
  rule.tools = read_condition(map, "tools", true);
  if (rule.effect == RuleEffect::kAllow && !map.has("tools")) {
    map.error("tools", "an allow rule must say which tools it allows",
              "write [\"*\"] for every tool of the catalog, \"?\" for calls that no tool names");
  }
  rule.users = read_condition(map, "users", false);
  rule.roles = read_condition(map, "roles", false);
  rule.agents = read_condition(map, "agents", false);
  rule.tiers = read_tiers(map);
  rule.at_least = read_strength(map, "identity");
  rule.below = read_strength(map, "identity_below");
  rule.findings = read_condition(map, "findings", true);
  rule.reason = map.string("reason").value_or("");
  if (const std::string unknown = unknown_placeholder(rule.reason); !unknown.empty()) {
    map.error("reason", fmt::format("'reason' holds {}, which stands for nothing", unknown),
              "use {user}, {agent}, {tool} or {findings}");
  }
  const bool printable = std::all_of(rule.reason.begin(), rule.reason.end(),
                                     [](char c) { return static_cast<unsigned char>(c) >= ' '; });
  if (!printable || rule.reason.size() > kMaxReason)
    map.error("reason", "'reason' must be one line of at most 1000 characters");
  map.finish();
  return rule;
}

std::optional<Document> read_document(const std::vector<SourceText>& sources, Diagnostics& out) {
  Diagnostics found;
  if (sources.empty())
    found.push_back({.message = "there is no policy file", .hint = "name at least one"});
  DocumentReader reader(found);
  for (const SourceText& source : sources) reader.read(source);
  Document document = reader.finish();
  const bool failed = has_errors(found);
  out.insert(out.end(), found.begin(), found.end());
  if (failed) return std::nullopt;
  return document;
}

}  // namespace writ::policy
