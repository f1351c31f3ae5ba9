// A problem in a file that a person wrote: a value, many per run, printed as file:line:col.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

namespace writ {

enum class Severity { kError, kWarning };

struct Diagnostic {
  Severity severity = Severity::kError;
  std::string file;
  int line = 0;    // 1-based; 0: the whole file
  int column = 0;  // 1-based
  std::string message;
  std::string hint;  // what to do; may be empty
};

using Diagnostics = std::vector<Diagnostic>;

inline bool has_errors(const Diagnostics& all) {
  return std::any_of(all.begin(), all.end(),
                     [](const Diagnostic& d) { return d.severity == Severity::kError; });
}

inline std::string to_string(const Diagnostic& d) {
  std::string text = fmt::format("{}:{}:{}: {}: {}", d.file, d.line, d.column,
                                 d.severity == Severity::kError ? "error" : "warning", d.message);
  if (!d.hint.empty()) text += fmt::format(" (hint: {})", d.hint);
  return text;
}

}  // namespace writ
