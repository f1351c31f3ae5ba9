#include <exception>
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/output.h"

int main(int argc, char** argv) {
  try {
    return writ::cli::run_cli(std::vector<std::string>(argv + (argc > 0 ? 1 : 0), argv + argc));
  } catch (const std::exception& e) {  // a library's, or no memory: nothing of ours throws
    return writ::cli::report({writ::ErrorCode::kInternal, e.what()});
  }
}
