#include "policy/program_names.h"

namespace writ::policy {
namespace {

bool is_program_glob(std::string_view pattern) {
  return pattern.find('*') != std::string_view::npos;
}

}  // namespace

const Tool* ProgramNames::taken(const std::vector<std::string>& patterns) const {
  for (const std::string& pattern : patterns) {
    if (const auto path = paths_.find(pattern); path != paths_.end()) return path->second;
    if (const auto glob = globs_.find(pattern); glob != globs_.end()) return glob->second;
  }
  return nullptr;
}

void ProgramNames::add(const std::vector<std::string>& patterns, const Tool& tool) {
  for (const std::string& pattern : patterns) {
    if (is_program_glob(pattern)) {
      globs_.emplace(pattern, &tool);
    } else {
      paths_.emplace(pattern, &tool);
    }
  }
}

const Tool* ProgramNames::find(std::string_view path) const {
  if (const auto exact = paths_.find(path); exact != paths_.end()) return exact->second;
  for (const auto& [glob, tool] : globs_) {
    if (glob_match(glob, path)) return tool;
  }
  return nullptr;
}

}  // namespace writ::policy
