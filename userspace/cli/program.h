// Which file a command line starts, by execvp's rules, known before anything starts.
#pragma once

#include <string>

#include "util/result.h"

namespace writ::cli {

struct Program {
  std::string path;       // to execute: as given, or joined with the PATH entry that has it
  std::string canonical;  // absolute, without symbolic links: what the kernel will map
};

// A name with a slash is taken as it is; any other is looked for in `search_path` (an empty entry
// is the working directory; nullptr: the system's default). kNotFound, or kDenied when it is there
// and cannot be executed.
Result<Program> find_program(const std::string& name, const char* search_path);

}  // namespace writ::cli
