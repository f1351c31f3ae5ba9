// Reads one rule file: YAML text to checked Rules, with a Diagnostic for everything wrong in it.
//
// The format is described at the top of each file in policies/rules/.
#pragma once

#include <string>
#include <vector>

#include "scan/readers.h"
#include "util/diagnostic.h"

namespace writ::scan {

struct Rule {
  std::string id;        // "pii.card": category and name, unique over all files
  std::string category;  // "pii", "secret" or "injection"
  std::string description;
  std::string expression;  // a phrase is expanded already
  std::string anchor;      // a part of every match; empty: none
  bool caseless = false;
  bool word_edges = false;               // no letter or digit directly before and after a match
  std::size_t show = 0;                  // bytes of a match that a sample shows
  const Validator* validator = nullptr;  // with one, the expression is a trigger

  std::string file;  // where the expression stands
  int line = 0;
  int column = 0;
};

std::vector<Rule> parse_rules(const std::string& text, const std::string& file, Diagnostics& out);

// What Vectorscan runs over every byte.
inline const std::string& trigger_of(const Rule& rule) {
  return rule.anchor.empty() ? rule.expression : rule.anchor;
}

// A phrase as an expression: every blank in it stands for one or more of: whitespace, '+' (a form's
// blank), a JSON \n, \r or \t, a UTF-8 no-break space. Blanks in [...] stay as they are.
std::string expand_phrase(const std::string& phrase);

}  // namespace writ::scan
