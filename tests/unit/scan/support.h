// What the tests of scan/ share: the shipped rules, and a scan in one line.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "scan/ruleset.h"
#include "scan/scanner.h"

namespace writ::scan {

inline std::vector<std::string> shipped_files() {
  const std::string folder = std::string(WRIT_SOURCE_DIR) + "/policies/rules/";
  return {folder + "pii.yaml", folder + "secrets.yaml", folder + "injection.yaml"};
}

// Compiled once a process.
inline std::shared_ptr<const Ruleset> shipped_rules() {
  static const std::shared_ptr<const Ruleset> rules = [] {
    Diagnostics problems;
    auto loaded = Ruleset::load(shipped_files(), problems);
    for (const Diagnostic& d : problems) ADD_FAILURE() << to_string(d);
    if (!loaded) ADD_FAILURE() << loaded.error().message;
    return loaded.value_or(nullptr);
  }();
  return rules;
}

inline std::vector<Finding> scan_whole(Scanner& scanner, std::string_view text) {
  Stream stream = scanner.open();
  stream.feed(text);
  return stream.finish();
}

// "pii.card x2 @17 4111********1111; ..." so that two results compare, and print, as text.
inline std::string to_text(const std::vector<Finding>& findings) {
  std::string text;
  for (const Finding& f : findings)
    text += fmt::format("{} x{} @{} {}; ", f.rule, f.count, f.offset, f.sample);
  return text;
}

inline const Finding* find_rule(const std::vector<Finding>& findings, std::string_view rule) {
  const auto found = std::find_if(findings.begin(), findings.end(),
                                  [&](const Finding& f) { return f.rule == rule; });
  return found == findings.end() ? nullptr : &*found;
}

}  // namespace writ::scan
