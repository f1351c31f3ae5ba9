// The keys of the policy language. Each mapping of a policy file is read by a table of its keys,
// and json_schema() is made of the same tables, so that reader and schema cannot drift.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "util/yaml.h"

namespace writ::policy {

struct KeyInfo {
  std::string_view name;
  std::string_view schema;  // JSON Schema of the value
  std::string_view doc;     // for the schema's reader, one sentence
  bool required = false;
};

// `read` is called whether the key is there or not, and asks `map` for `key` and no other.
template <class T>
struct Key {
  KeyInfo info;
  void (*read)(YamlMap& map, const std::string& key, T& into, Diagnostics& out);
};

template <class T>
void read_keys(std::span<const Key<T>> keys, YamlMap& map, T& into, Diagnostics& out) {
  for (const Key<T>& key : keys) key.read(map, std::string(key.info.name), into, out);
  map.finish();
}

// A mapping of the language as the schema shows it: under "$defs", by `name`.
struct KeyTable {
  std::string_view name;
  std::string_view doc;
  std::vector<KeyInfo> keys;
};

template <class T>
KeyTable table_of(std::string_view name, std::string_view doc, std::span<const Key<T>> keys) {
  KeyTable table{.name = name, .doc = doc, .keys = {}};
  for (const Key<T>& key : keys) table.keys.push_back(key.info);
  return table;
}

// Every mapping, the file itself first.
std::vector<KeyTable> key_tables();
KeyTable document_keys();
KeyTable tool_keys();
KeyTable rule_keys();
KeyTable settings_keys();
KeyTable network_keys();
KeyTable argument_keys();
std::vector<KeyTable> condition_keys();

// JSON Schema (draft 2020-12) of a policy file, for editors.
std::string json_schema();

// Schemas that many keys share; schema.cpp defines what they refer to.
inline constexpr std::string_view kTextSchema = R"({"type":"string"})";
inline constexpr std::string_view kNamesSchema = R"({"$ref":"#/$defs/names"})";
inline constexpr std::string_view kWholeSchema = R"({"type":"integer","minimum":0})";
inline constexpr std::string_view kRangeSchema = R"({"$ref":"#/$defs/range"})";
inline constexpr std::string_view kTiersSchema =
    R"({"$ref":"#/$defs/names","examples":[["interactive","subagent","background","api"]]})";

}  // namespace writ::policy
