#include "policy/reader.h"

#include <algorithm>
#include <array>
#include <map>

#include "policy/keys.h"
#include "policy/tool_names.h"

namespace writ::policy {
namespace {

constexpr std::size_t kMaxTools = 20'000;
constexpr std::size_t kMaxRules = 20'000;
constexpr std::size_t kMaxSettings = 2'000;

// Puts the documents of several files together.
class DocumentReader {
 public:
  explicit DocumentReader(Diagnostics& out) : out_(out) {}

  void read(const SourceTree& source) {
    if (!source.root) return;
    YamlMap top(*source.root, source.file, out_);
    read_keys<DocumentReader>(keys(), top, *this, out_);
  }

  static std::span<const Key<DocumentReader>> keys() {
    static constexpr std::array<Key<DocumentReader>, 8> kKeys = {{
        {{"version", R"({"const":1})", "Of the language.", true}, read_version},
        {{"tenant", kTextSchema, "This file counts in that tenant only."},
         // policy_set.cpp has read it
         [](YamlMap& top, const std::string& key, DocumentReader&, Diagnostics&) {
           (void)top.string(key);
         }},
        {{"on_opaque", R"({"enum":["deny","allow","hold"]})",
          "What becomes of bytes without plaintext behind them."},
         read_on_opaque},
        {{"on_inbound", R"({"enum":["deny","allow"]})",
          "What becomes of answers to a peer that connected to the agent."},
         read_on_inbound},
        {{"network", R"({"$ref":"#/$defs/network"})", "Which datagrams leave."}, read_network},
        {{"tools", R"({"type":"array","items":{"$ref":"#/$defs/tool"}})",
          "The catalog: what calls are called."},
         read_tools},
        {{"rules", R"({"type":"array","items":{"$ref":"#/$defs/rule"}})", "Who may do what."},
         read_rules},
        {{"settings", R"({"type":"array","items":{"$ref":"#/$defs/settings"}})",
          "What holds for people and tools where no rule is about one call."},
         read_settings},
    }};
    return kKeys;
  }

  static std::span<const Key<DocumentReader>> network_keys() {
    static constexpr std::array<Key<DocumentReader>, 2> kNetworkKeys = {{
        {{"quic", R"({"enum":["deny","allow"]})",
          "Datagrams to port 443: allow lets them leave unread."},
         read_quic},
        {{"dns", R"({"enum":["host","any"]})",
          "Who may be asked for names: the resolvers of the host's resolv.conf, or anybody."},
         read_dns},
    }};
    return kNetworkKeys;
  }

  Document finish() {
    if (tools_.size() > kMaxTools || rules_.size() > kMaxRules ||
        document_.settings.size() > kMaxSettings) {
      out_.push_back({.message = fmt::format("more than {} tools, {} rules or {} settings",
                                             kMaxTools, kMaxRules, kMaxSettings)});
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

  static void read_version(YamlMap& top, const std::string& key, DocumentReader&, Diagnostics&) {
    if (!top.has(key)) top.error(key, "'version' is missing", "write version: 1");
    (void)top.integer(key, 1, 1);  // only its range matters, and that is a diagnostic
  }

  static void read_on_opaque(YamlMap& top, const std::string& key, DocumentReader& into,
                             Diagnostics&) {
    const auto value = into.setting(top, key, {"deny", "allow", "hold"});
    if (!value) return;
    into.document_.on_opaque = *value == "allow"  ? OnOpaque::kAllow
                               : *value == "hold" ? OnOpaque::kHold
                                                  : OnOpaque::kDeny;
    const YAML::Mark mark = top.child(key).Mark();
    into.document_.on_opaque_place = {
        .file = top.file(), .line = mark.line + 1, .column = mark.column + 1};
  }

  static void read_on_inbound(YamlMap& top, const std::string& key, DocumentReader& into,
                              Diagnostics&) {
    if (const auto value = into.setting(top, key, {"deny", "allow"}))
      into.document_.on_inbound = *value == "allow" ? OnInbound::kAllow : OnInbound::kDeny;
  }

  static void read_network(YamlMap& top, const std::string& key, DocumentReader& into,
                           Diagnostics& out) {
    const YAML::Node node = top.child(key);
    if (!node.IsDefined()) return;
    YamlMap network(node, top.file(), out);
    read_keys<DocumentReader>(network_keys(), network, into, out);
  }

  static void read_quic(YamlMap& network, const std::string& key, DocumentReader& into,
                        Diagnostics&) {
    if (const auto value = into.setting(network, key, {"deny", "allow"}))
      into.document_.network.quic = *value == "allow" ? Quic::kAllow : Quic::kDeny;
  }

  static void read_dns(YamlMap& network, const std::string& key, DocumentReader& into,
                       Diagnostics&) {
    if (const auto value = into.setting(network, key, {"host", "any"}))
      into.document_.network.dns = *value == "any" ? Dns::kAny : Dns::kHost;
  }

  static void read_tools(YamlMap& top, const std::string& key, DocumentReader& into,
                         Diagnostics& out) {
    top.each(key, [&](const YAML::Node& node) {
      ToolText tool = read_tool(node, top.file(), out);
      if (!tool.tool.name.empty()) into.tools_.push_back(std::move(tool));
    });
  }

  static void read_rules(YamlMap& top, const std::string& key, DocumentReader& into,
                         Diagnostics& out) {
    top.each(key, [&](const YAML::Node& node) {
      Rule rule = read_rule(node, top.file(), out);
      if (!rule.id.empty()) into.rules_.push_back(std::move(rule));
    });
  }

  static void read_settings(YamlMap& top, const std::string& key, DocumentReader& into,
                            Diagnostics& out) {
    top.each(key, [&](const YAML::Node& node) {
      into.document_.settings.push_back(read_settings_entry(node, top.file(), out));
    });
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
    const ToolNames names(document_.catalog.tools());
    std::map<std::string, const Rule*> seen;
    for (const Rule& rule : rules_) {
      const auto [entry, added] = seen.emplace(rule.id, &rule);
      if (!added) {
        report(rule, Severity::kError,
               fmt::format("rule '{}' is also in {}:{}", rule.id, entry->second->file,
                           entry->second->line),
               "give each rule its own id");
      }
      for (const auto* globs : {&rule.tools, &rule.used_before, &rule.requires_before}) {
        check_names(rule, *globs, names);
      }
      if (rule.after) check_names(rule, rule.after->tools, names);
    }
  }

  void check_names(const Rule& rule, const std::vector<std::string>& globs,
                   const ToolNames& names) {
    for (const std::string& glob : globs) {
      if (glob == "?" || glob == "*" || names.any(glob)) continue;
      report(rule, Severity::kWarning,
             fmt::format("rule '{}': '{}' matches no tool of the catalog", rule.id, glob),
             "check its spelling, or add the tool");
    }
  }

  Diagnostics& out_;
  std::map<std::string, std::pair<std::string, std::string>> settings_;  // key → value, file
  std::vector<ToolText> tools_;
  std::vector<Rule> rules_;
  Document document_;
};

}  // namespace

KeyTable document_keys() {
  return table_of<DocumentReader>("document", "A policy of Writ, or a part of one.",
                                  DocumentReader::keys());
}

KeyTable network_keys() {
  return table_of<DocumentReader>("network", "Which datagrams leave; no others do.",
                                  DocumentReader::network_keys());
}

std::optional<Document> read_document(const std::vector<SourceTree>& sources, Diagnostics& out) {
  Diagnostics found;
  if (sources.empty())
    found.push_back({.message = "there is no policy file", .hint = "name at least one"});
  DocumentReader reader(found);
  for (const SourceTree& source : sources) reader.read(source);
  Document document = reader.finish();
  const bool failed =
      has_errors(found) || std::any_of(sources.begin(), sources.end(),
                                       [](const SourceTree& source) { return !source.root; });
  out.insert(out.end(), found.begin(), found.end());
  if (failed) return std::nullopt;
  return document;
}

}  // namespace writ::policy
