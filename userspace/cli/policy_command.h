// The subcommands of `writ policy`: one file policy_<name>.cpp each, in the table of
// cmd_policy.cpp.
#pragma once

#include "cli/command.h"
#include "util/diagnostic.h"

namespace writ::cli {

Action define_policy_check(CLI::App& app);
Action define_policy_test(CLI::App& app);
Action define_policy_schema(CLI::App& app);
Action define_policy_suggest(CLI::App& app);

// What is wrong with files, one line each, on stderr.
void tell(const Diagnostics& found);

}  // namespace writ::cli
