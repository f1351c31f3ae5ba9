#include "cli/command.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "cli/exit_code.h"
#include "cli/output.h"

namespace writ::cli {
namespace {

constexpr std::array kCommands{
    Command{"run", "run a command as an agent, under a writ", true, define_run},
    Command{"attach", "put a running process under a writ", false, define_attach},
    Command{"grant", "issue a writ: who acts for whom, with what, until when", false, define_grant},
    Command{"list", "list writs", false, define_list},
    Command{"show", "all about one writ", false, define_show},
    Command{"reload", "put changed policies, users and agents into force", false, define_reload},
    Command{"revoke", "end a writ, and those delegated from it, now", false, define_revoke},
    Command{"decide", "ask for one decision before acting: JSON in, JSON out", false,
            define_decide},
    Command{"status", "what is in force: sessions, policy, losses", false, define_status},
    Command{"doctor", "what this host can enforce, and what to do about the rest", false,
            define_doctor},
    Command{"calls", "list tool calls, oldest first", false, define_calls},
    Command{"trace", "answer the five questions about one call", false, define_trace},
    Command{"policy", "check, test and explain policies, before they are live", true,
            define_policy},
    Command{"audit", "verify the audit record", false, define_audit},
};

// What stands behind the first "--" belongs to somebody else's command line.
std::vector<std::string> take_operands(std::vector<std::string>& arguments) {
  const auto dashes = std::find(arguments.begin(), arguments.end(), "--");
  if (dashes == arguments.end()) return {};
  std::vector<std::string> operands(std::make_move_iterator(dashes + 1),
                                    std::make_move_iterator(arguments.end()));
  arguments.erase(dashes, arguments.end());
  return operands;
}

}  // namespace

std::span<const Command> commands() { return kCommands; }

int run_cli(std::vector<std::string> arguments) {
  Context context;
  context.operands = take_operands(arguments);

  CLI::App app("Writ: tool calls of AI agents, seen, decided and proven.", "writ");
  app.add_option("--root", context.root, "where writd's configuration, state and socket are")
      ->type_name("DIR")
      ->capture_default_str();
  app.add_flag("--json", context.json, "protobuf's JSON mapping instead of text");
  app.require_subcommand(1);

  std::vector<Action> actions;
  for (const Command& command : commands()) {
    CLI::App* sub = app.add_subcommand(command.name, command.help);
    sub->fallthrough();  // --root and --json may stand behind the subcommand too
    actions.push_back(command.define(*sub));
  }

  try {
    std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them from the back
    app.parse(std::move(arguments));
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? kOk : kUsage;  // --help is a "parse error" with exit code 0
  }

  for (std::size_t i = 0; i < actions.size(); ++i) {
    const Command& command = kCommands.at(i);
    if (!app.got_subcommand(command.name)) continue;
    if (!context.operands.empty() && !command.takes_operands) {
      return report({ErrorCode::kInvalid, "nothing may follow '--' here"});
    }
    return actions[i](context);
  }
  return kUsage;
}

}  // namespace writ::cli
