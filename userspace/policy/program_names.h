// The programs of a catalog: from the path of a file that runs to one tool, or none. A path goes
// first, then the longer glob, and of equally long ones the one that sorts first.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "policy/glob.h"

namespace writ::policy {

struct Tool;

class ProgramNames {
 public:
  // The tool that one of the patterns stands for already; nullptr: none.
  [[nodiscard]] const Tool* taken(const std::vector<std::string>& patterns) const;
  // `tool` must outlive this.
  void add(const std::vector<std::string>& patterns, const Tool& tool);

  [[nodiscard]] const Tool* find(std::string_view path) const;
  [[nodiscard]] bool empty() const { return paths_.empty() && globs_.empty(); }

 private:
  std::map<std::string, const Tool*, std::less<>> paths_;
  std::map<std::string, const Tool*, LongerFirst> globs_;
};

}  // namespace writ::policy
