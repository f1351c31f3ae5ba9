// Globs over names: '*' is any run of characters, also none; everything else is itself.
#pragma once

#include <string>
#include <string_view>

namespace writ::policy {

// O(|glob| · |text|) at worst, no allocation.
bool glob_match(std::string_view glob, std::string_view text);

// Whether some text matches both. O(|a| · |b|).
bool globs_overlap(std::string_view a, std::string_view b);

// More specific first: the longer glob, and of equally long ones the one that sorts first.
struct LongerFirst {
  bool operator()(const std::string& a, const std::string& b) const {
    return a.size() != b.size() ? a.size() > b.size() : a < b;
  }
};

}  // namespace writ::policy
