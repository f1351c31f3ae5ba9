// What tells one content of policy files from another.
#pragma once

#include <string>
#include <vector>

namespace writ::policy {

struct SourceText {
  std::string file;  // stands in diagnostics only
  std::string text;
};

// 16 hex digits over the contents of all files, whatever their order and names.
std::string content_version(const std::vector<SourceText>& sources);

}  // namespace writ::policy
