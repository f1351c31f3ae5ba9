// Policy text → Document: every problem of every file in one run.
#pragma once

#include <optional>
#include <vector>

#include "policy/keys.h"
#include "policy/policy.h"
#include "util/diagnostic.h"
#include "util/yaml.h"

namespace writ::policy {

// nullopt when there is an error in any source, or one that was not parsed.
std::optional<Document> read_document(const std::vector<SourceTree>& sources, Diagnostics& out);

// A tool as it stands in one file.
struct ToolText {
  Tool tool;
  ToolShape shape;
  std::vector<std::string> mcp_names;  // shape.mcp is made of these two
  std::vector<std::string> mcp_methods;
  std::string file;  // where it stands, for diagnostics
  int line = 0;
  int column = 0;
};

// One element of `tools:`; problems go to `out`, and what is returned then is not to be used.
ToolText read_tool(const YAML::Node& node, const std::string& file, Diagnostics& out);
// One element of `rules:`.
Rule read_rule(const YAML::Node& node, const std::string& file, Diagnostics& out);
// One element of `settings:`.
SettingsEntry read_settings_entry(const YAML::Node& node, const std::string& file,
                                  Diagnostics& out);

// All tools in one catalog, whatever the order they were read in.
Catalog build_catalog(std::vector<ToolText> tools, Diagnostics& out);

}  // namespace writ::policy
