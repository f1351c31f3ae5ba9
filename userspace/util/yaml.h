// A strict reader of YAML mappings: every key must be asked for, everything wrong is a Diagnostic.
//
//   YamlMap map(node, file, diagnostics);
//   rule.id = map.required_string("id");
//   map.finish();   // keys that nobody asked for are errors, with the nearest known key as a hint
//
// Nothing here throws; yaml-cpp's exceptions end in this file's .cpp.
#pragma once

#include <yaml-cpp/yaml.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "util/diagnostic.h"
#include "util/result.h"

namespace writ {

// The bytes of a configuration file. Error when it cannot be read or is over 16 MiB.
Result<std::string> read_text_file(const std::string& path);

// Parses `text`; a syntax error, or a root that is not a mapping, becomes a diagnostic and nullopt.
// Anchors that nest to a bomb and duplicate keys are errors too.
std::optional<YAML::Node> parse_yaml(const std::string& text, const std::string& file,
                                     Diagnostics& out);

void add_error(Diagnostics& out, const std::string& file, const YAML::Node& at, std::string message,
               std::string hint = "");

class YamlMap {
 public:
  // `node` that is not a mapping is a diagnostic, and the map acts as an empty one.
  YamlMap(const YAML::Node& node, std::string file, Diagnostics& out);

  // Absent: a diagnostic and the type's zero. Wrong type: a diagnostic.
  std::string required_string(const std::string& key);

  std::optional<std::string> string(const std::string& key);
  std::optional<std::int64_t> integer(const std::string& key, std::int64_t min, std::int64_t max);
  std::optional<bool> boolean(const std::string& key);
  // A sequence of scalars; a single scalar counts as a sequence of one. Absent: empty.
  std::vector<std::string> strings(const std::string& key);
  // "250ms", "5s", "10m", "2h"; in milliseconds.
  std::optional<std::int64_t> duration_ms(const std::string& key);
  // "4096", "16KiB", "16MiB", "1GiB"; in bytes.
  std::optional<std::uint64_t> size_bytes(const std::string& key);
  // One of `allowed`; anything else is a diagnostic that lists them.
  std::optional<std::string> one_of(const std::string& key,
                                    const std::vector<std::string>& allowed);

  // The node below `key` (undefined when absent); marks the key as known.
  YAML::Node child(const std::string& key);
  // Calls `each` for every element of the sequence below `key`; not a sequence: a diagnostic.
  void each(const std::string& key, const std::function<void(const YAML::Node&)>& each);

  [[nodiscard]] bool has(const std::string& key) const;
  [[nodiscard]] const YAML::Node& node() const { return node_; }
  [[nodiscard]] const std::string& file() const { return file_; }
  void error(const std::string& key, std::string message, std::string hint = "");

  // Reports every key that was never asked for.
  void finish();

 private:
  YAML::Node get(const std::string& key);
  std::optional<std::string> scalar(const std::string& key);

  YAML::Node node_;
  std::string file_;
  Diagnostics& out_;
  std::vector<std::string> known_;
};

}  // namespace writ
