// The schema is JSON, holds every key that the reader knows, and the shipped policies satisfy its
// outline.
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include "policy/keys.h"
#include "policy/policy.h"
#include "util/yaml.h"

namespace writ::policy {
namespace {

using google::protobuf::Struct;
using google::protobuf::Value;

Struct parsed(const std::string& text) {
  Struct document;
  const auto status = google::protobuf::util::JsonStringToMessage(text, &document);
  EXPECT_TRUE(status.ok()) << status.ToString();
  return document;
}

const Struct& at(const Struct& from, const std::string& key) {
  static const Struct kNone;
  const auto found = from.fields().find(key);
  EXPECT_TRUE(found != from.fields().end()) << key;
  return found == from.fields().end() ? kNone : found->second.struct_value();
}

TEST(PolicySchema, HoldsEveryKeyOfEveryTable) {
  const Struct schema = parsed(json_schema());
  const Struct& definitions = at(schema, "$defs");
  bool first = true;
  for (const KeyTable& table : key_tables()) {
    const Struct& object = first ? schema : at(definitions, std::string(table.name));
    first = false;
    const Struct& properties = at(object, "properties");
    EXPECT_EQ(properties.fields().size(), table.keys.size()) << table.name;
    for (const KeyInfo& key : table.keys) {
      const Struct& property = at(properties, std::string(key.name));
      EXPECT_EQ(property.fields().at("description").string_value(), key.doc);
      EXPECT_GE(property.fields().size(), 2u) << key.name;
    }
    EXPECT_FALSE(object.fields().at("additionalProperties").bool_value());
  }
}

void each_reference(const Value& value, const std::function<void(const std::string&)>& visit) {
  for (const Value& one : value.list_value().values()) each_reference(one, visit);
  for (const auto& [key, one] : value.struct_value().fields()) {
    if (key == "$ref") visit(one.string_value());
    each_reference(one, visit);
  }
}

TEST(PolicySchema, RefersToWhatItDefines) {
  const Struct schema = parsed(json_schema());
  Value all;
  *all.mutable_struct_value() = schema;
  int count = 0;
  each_reference(all, [&](const std::string& reference) {
    ++count;
    ASSERT_TRUE(reference.starts_with("#/$defs/")) << reference;
    (void)at(at(schema, "$defs"), reference.substr(8));
  });
  EXPECT_GT(count, 20);
}

// What the reader says of an unknown key names the keys that it knows: the same ones.
TEST(PolicySchema, IsWhatTheReaderReads) {
  const auto known_to_reader = [](const std::string& text) {
    Diagnostics out;
    EXPECT_FALSE(Policy::load_from_text({{"p.yaml", text}}, out));
    for (const Diagnostic& d : out) {
      if (d.hint.starts_with("known keys: ")) return d.hint.substr(12);
    }
    return std::string("nothing was said");
  };
  // A key that is near to none, so that the hint lists them all.
  const std::pair<const char*, const char*> kPlaces[] = {
      {"document", "version: 1\n0: 1"},
      {"tool", "version: 1\ntools: [{0: 1}]"},
      {"rule", "version: 1\nrules: [{0: 1}]"},
      {"settings", "version: 1\nsettings: [{0: 1}]"},
      {"network", "version: 1\nnetwork: {0: 1}"},
      {"test", "version: 1\nrules: [{id: r, effect: deny, args: {a: {0: 1}}}]"},
      {"range", "version: 1\nrules: [{id: r, effect: deny, calls: {0: 1}}]"},
      {"finding", "version: 1\nrules: [{id: r, effect: deny, findings: [{0: 1}]}]"},
      {"window", "version: 1\nrules: [{id: r, effect: deny, during: {0: 1}}]"},
      {"after", "version: 1\nrules: [{id: r, effect: deny, after: {0: 1}}]"},
      {"repeat", "version: 1\nrules: [{id: r, effect: deny, repeat: {0: 1}}]"}};
  const auto tables = key_tables();
  EXPECT_EQ(tables.size(), std::size(kPlaces));
  for (const auto& [name, text] : kPlaces) {
    const auto table = std::find_if(tables.begin(), tables.end(),
                                    [&](const KeyTable& one) { return one.name == name; });
    ASSERT_NE(table, tables.end()) << name;
    std::string keys;
    for (const KeyInfo& key : table->keys)
      keys += (keys.empty() ? "" : ", ") + std::string(key.name);
    EXPECT_EQ(known_to_reader(text), keys);
  }
}

}  // namespace
}  // namespace writ::policy
