// The names of a catalog, sorted, so that a glob finds its tools without a look at all of them.
#pragma once

#include <algorithm>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "policy/catalog.h"
#include "policy/glob.h"

namespace writ::policy {

class ToolNames {
 public:
  ToolNames() = default;
  // The tools must outlive this.
  explicit ToolNames(const std::deque<Tool>& tools) {
    for (const Tool& tool : tools) sorted_.push_back(&tool);
    std::sort(sorted_.begin(), sorted_.end(),
              [](const Tool* a, const Tool* b) { return a->name < b->name; });
  }

  // Calls `visit` with each tool that the glob names, by name. "?" names none.
  template <class Visit>
  void each(std::string_view glob, Visit visit) const {
    const std::string_view head = glob.substr(0, glob.find('*'));
    auto at = std::lower_bound(sorted_.begin(), sorted_.end(), head,
                               [](const Tool* tool, std::string_view h) { return tool->name < h; });
    for (; at != sorted_.end() && (*at)->name.starts_with(head); ++at) {
      if (glob_match(glob, (*at)->name)) visit(**at);
    }
  }

  // By its full name; nullptr: there is none.
  [[nodiscard]] const Tool* find(std::string_view name) const {
    const auto at =
        std::lower_bound(sorted_.begin(), sorted_.end(), name,
                         [](const Tool* tool, std::string_view n) { return tool->name < n; });
    return at != sorted_.end() && (*at)->name == name ? *at : nullptr;
  }

  [[nodiscard]] bool any(std::string_view glob) const {
    bool found = false;
    each(glob, [&](const Tool&) { found = true; });
    return found;
  }
  [[nodiscard]] std::size_t size() const { return sorted_.size(); }

 private:
  std::vector<const Tool*> sorted_;
};

}  // namespace writ::policy
