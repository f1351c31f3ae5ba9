#include <fmt/format.h>

#include "policy/keys.h"
#include "util/json_text.h"

namespace writ::policy {
namespace {

std::string object_schema(const KeyTable& table) {
  std::string properties;
  std::string required;
  for (const KeyInfo& key : table.keys) {
    if (!properties.empty()) properties += ",\n      ";
    // The description goes into the key's own schema: beside a "$ref" it is allowed since 2019-09.
    properties += fmt::format("{}: {{\"description\": {}, {}", json_string(key.name),
                              json_string(key.doc), key.schema.substr(1));
    if (!key.required) continue;
    required += (required.empty() ? "" : ", ") + json_string(key.name);
  }
  return fmt::format(
      "\"type\": \"object\", \"description\": {}, \"additionalProperties\": false,\n"
      "    \"required\": [{}],\n    \"properties\": {{\n      {}}}",
      json_string(table.doc), required, properties);
}

}  // namespace

std::vector<KeyTable> key_tables() {
  std::vector<KeyTable> all = {document_keys(), tool_keys(),    rule_keys(),
                               settings_keys(), network_keys(), argument_keys()};
  for (KeyTable& table : condition_keys()) all.push_back(std::move(table));
  return all;
}

std::string json_schema() {
  const std::vector<KeyTable> tables = key_tables();
  std::string text =
      "{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n"
      "  \"title\": \"Writ policy\",\n  " +
      object_schema(tables.front()) + ",\n  \"$defs\": {\n";
  text +=
      "    \"names\": {\"anyOf\": [{\"type\": [\"string\", \"number\"]}, {\"type\": \"array\", "
      "\"minItems\": 1, \"items\": {\"type\": [\"string\", \"number\"]}}]},\n"
      "    \"literal\": {\"type\": [\"string\", \"number\", \"boolean\", \"null\"]},\n"
      "    \"literals\": {\"anyOf\": [{\"$ref\": \"#/$defs/literal\"}, {\"type\": \"array\", "
      "\"minItems\": 1, \"items\": {\"$ref\": \"#/$defs/literal\"}}]},\n"
      "    \"tests\": {\"type\": \"object\", \"additionalProperties\": {\"anyOf\": [{\"$ref\": "
      "\"#/$defs/literals\"}, {\"$ref\": \"#/$defs/test\"}]}}";
  for (std::size_t i = 1; i < tables.size(); ++i) {
    text += fmt::format(",\n    {}: {{{}}}", json_string(tables[i].name), object_schema(tables[i]));
  }
  return text + "\n  }\n}\n";
}

}  // namespace writ::policy
