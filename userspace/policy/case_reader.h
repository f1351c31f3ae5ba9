// Text → cases, before they are run. Not for others than cases.cpp.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "identity/directory.h"
#include "policy/decision.h"
#include "policy/session_facts.h"
#include "util/yaml.h"

namespace writ::policy {

struct CaseFinding {
  std::string rule;
  std::string category;
  std::uint32_t count = 1;
  std::string where;
};

struct Case {
  std::string name;
  std::string file;
  int line = 0;
  identity::Writ writ;
  std::string tool;  // empty: `call` is matched
  std::map<std::string, std::string> captures;
  ToolCall call;
  std::optional<std::string> body;
  std::vector<CaseFinding> findings;
  SessionFacts session;
  int repeated = 0;  // so often this very call was made after all of `session`
  std::vector<std::pair<std::string, std::int64_t>> budget;
  std::optional<std::chrono::system_clock::time_point> at;
  std::string verdict;  // "allow", "flag", "redact", "hold", "deny"
  std::string rule;     // empty: any
  std::string code;     // empty: any
};

Case read_case(const YAML::Node& node, const std::string& file,
               const identity::Directory* directory, Diagnostics& out);

}  // namespace writ::policy
