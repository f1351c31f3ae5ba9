// writ policy: policies before they are live.
#include <array>
#include <cstdio>
#include <filesystem>
#include <utility>
#include <vector>

#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/policy_command.h"
#include "policy/keys.h"
#include "policy/source_text.h"

namespace writ::cli {
namespace {

constexpr std::array kSubcommands{
    Command{"check", "read the files as one policy; list every error", true, define_policy_check},
    Command{"test", "decide the cases of files; exit code 0: all as expected", true,
            define_policy_test},
    Command{"suggest", "a least-privilege policy from what sessions did", false,
            define_policy_suggest},
    Command{"explain", "why a call was, or would be, decided as it is; exit code 1: denied", false,
            define_policy_explain},
    Command{"replay", "what a policy would have said of the calls on record", true,
            define_policy_replay},
    Command{"schema", "the language as a JSON Schema, for editors", false, define_policy_schema},
};

}  // namespace

void tell(const Diagnostics& found) {
  for (const Diagnostic& d : found) {
    const std::string line = printable(to_string(d)) + "\n";
    (void)std::fwrite(line.data(), 1, line.size(), stderr);  // there is nobody else to tell
  }
}

std::shared_ptr<const policy::PolicySet> load_policies(const std::string& root,
                                                       std::vector<std::string> files) {
  const std::string folder = (std::filesystem::path(root) / "etc/writ/policies").string();
  Diagnostics found;
  if (files.empty()) files = policy::yaml_files(folder);
  if (files.empty()) {
    found.push_back({.file = folder,
                     .message = "no policy is there, or you may not read it",
                     .hint = "name the policy's files"});
  }
  auto policies = files.empty() ? nullptr : policy::PolicySet::load(files, found);
  if (!policies) tell(found);  // warnings are for `policy check`
  return policies;
}

Action define_policy_schema(CLI::App& /*app*/) {
  return [](const Context& /*context*/) {
    print(policy::json_schema() + "\n");
    return static_cast<int>(kOk);
  };
}

Action define_policy(CLI::App& app) {
  app.require_subcommand(1);
  std::vector<std::pair<CLI::App*, Action>> actions;
  for (const Command& command : kSubcommands) {
    CLI::App* sub = app.add_subcommand(command.name, command.help);
    sub->fallthrough();
    actions.emplace_back(sub, command.define(*sub));
  }
  return [actions](const Context& context) {
    for (std::size_t i = 0; i < actions.size(); ++i) {
      if (!actions[i].first->parsed()) continue;
      if (!context.operands.empty() && !kSubcommands.at(i).takes_operands) {
        return report({ErrorCode::kInvalid, "nothing may follow '--' here"});
      }
      return actions[i].second(context);
    }
    return static_cast<int>(kUsage);
  };
}

}  // namespace writ::cli
