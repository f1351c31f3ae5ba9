// Text → cases, before they are run. Not for others than cases.cpp.
#pragma once

#include <string>

#include "identity/directory.h"
#include "policy/asked_call.h"
#include "util/yaml.h"

namespace writ::policy {

struct Case : AskedCall {
  std::string name;
  std::string file;
  int line = 0;
  std::string verdict;  // "allow", "flag", "redact", "hold", "deny"
  std::string rule;     // empty: any
  std::string code;     // empty: any
};

Case read_case(const YAML::Node& node, const std::string& file,
               const identity::Directory* directory, Diagnostics& out);

}  // namespace writ::policy
