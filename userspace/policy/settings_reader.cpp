#include <array>

#include "policy/condition_reader.h"
#include "policy/reader.h"

namespace writ::policy {
namespace {

constexpr std::array<Key<SettingsEntry>, 6> kSettingsKeys = {{
    {{"users", kNamesSchema, "Of these people only."},
     [](YamlMap& map, const std::string& key, SettingsEntry& into, Diagnostics&) {
       into.users = read_condition(map, key, Values::kNames);
     }},
    {{"tools", kNamesSchema, "Of these tools only; globs, \"?\" is a call that no tool names."},
     [](YamlMap& map, const std::string& key, SettingsEntry& into, Diagnostics&) {
       into.tools = read_condition(map, key, Values::kToolGlobs);
     }},
    {{"tiers", kTiersSchema, "Of these tiers only."},
     [](YamlMap& map, const std::string& key, SettingsEntry& into, Diagnostics&) {
       into.tiers = read_tiers(map, key);
     }},
    {{"permission", R"({"enum":["allow","hold","deny"]})",
      "Narrows what rules allow; allow leaves it to them."},
     [](YamlMap& map, const std::string& key, SettingsEntry& into, Diagnostics&) {
       const auto text = map.one_of(key, {"allow", "hold", "deny"});
       if (!text) return;
       into.permission = *text == "allow"  ? Permission::kAllow
                         : *text == "hold" ? Permission::kHold
                                           : Permission::kDeny;
     }},
    {{"rate_per_minute", kWholeSchema, "Calls a minute of one person and tool."},
     [](YamlMap& map, const std::string& key, SettingsEntry& into, Diagnostics&) {
       if (const auto rate = map.integer(key, 0, 100'000))
         into.rate_per_minute = static_cast<std::uint32_t>(*rate);
     }},
    {{"results", R"({"enum":["off","audit","redact","block"]})",
      "What becomes of a result in which something was found."},
     [](YamlMap& map, const std::string& key, SettingsEntry& into, Diagnostics&) {
       const auto text = map.one_of(key, {"off", "audit", "redact", "block"});
       if (!text) return;
       into.results = *text == "off"      ? ResultAction::kOff
                      : *text == "audit"  ? ResultAction::kAudit
                      : *text == "redact" ? ResultAction::kRedact
                                          : ResultAction::kBlock;
     }},
}};

}  // namespace

SettingsEntry read_settings_entry(const YAML::Node& node, const std::string& file,
                                  Diagnostics& out) {
  YamlMap map(node, file, out);
  SettingsEntry entry{
      .place = {.file = file, .line = node.Mark().line + 1, .column = node.Mark().column + 1}};
  read_keys<SettingsEntry>(kSettingsKeys, map, entry, out);
  if (!entry.permission && !entry.rate_per_minute && !entry.results)
    add_error(out, file, node, "it sets nothing", "write permission, rate_per_minute or results");
  return entry;
}

KeyTable settings_keys() {
  return table_of<SettingsEntry>("settings", "What holds for people and tools.", kSettingsKeys);
}

}  // namespace writ::policy
