// The text of policy files, and what tells one content from another.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "util/diagnostic.h"
#include "util/yaml.h"

namespace writ::policy {

struct SourceText {
  std::string file;  // stands in diagnostics only
  std::string text;
};

// The *.yaml files of a folder, sorted; none when it is not there.
std::vector<std::string> yaml_files(const std::string& folder);

// The files that can be read are in `sources` all the same, so that one run shows every problem.
// False: one of them cannot be; `out` says why.
bool read_sources(const std::vector<std::string>& files, std::vector<SourceText>& sources,
                  Diagnostics& out);

// A file that was parsed, once for all policies that it is a part of.
struct SourceTree {
  std::string file;
  std::array<unsigned char, 32> digest{};  // SHA-256 of the text
  std::shared_ptr<const YAML::Node> root;  // nullptr: it is no YAML, which has been said
};
std::vector<SourceTree> parse_sources(const std::vector<SourceText>& sources, Diagnostics& out);

// 16 hex digits over the contents of all files, whatever their order and names.
std::string content_version(const std::vector<SourceTree>& sources);

}  // namespace writ::policy
