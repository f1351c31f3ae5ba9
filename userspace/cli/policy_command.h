// The subcommands of `writ policy`: one file policy_<name>.cpp each, in the table of
// cmd_policy.cpp.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/command.h"
#include "policy/policy_set.h"
#include "util/diagnostic.h"

namespace writ::cli {

Action define_policy_check(CLI::App& app);
Action define_policy_test(CLI::App& app);
Action define_policy_schema(CLI::App& app);
Action define_policy_suggest(CLI::App& app);
Action define_policy_explain(CLI::App& app);
Action define_policy_replay(CLI::App& app);

// What is wrong with files, one line each, on stderr.
void tell(const Diagnostics& found);

// The policy of these files; none named: that of the host, in <root>/etc/writ/policies. nullptr:
// stderr says why.
std::shared_ptr<const policy::PolicySet> load_policies(const std::string& root,
                                                       std::vector<std::string> files);

}  // namespace writ::cli
