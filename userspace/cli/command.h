// What a subcommand is: one row of the table in command.cpp, one file cmd_<name>.cpp.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace writ::cli {

// What stands before or beside every subcommand.
struct Context {
  std::string root = "/";             // the control socket is <root>/run/writ/control.sock
  bool json = false;                  // protobuf's JSON mapping instead of text
  std::vector<std::string> operands;  // everything behind a "--" of its own, untouched
};

// Does the command; returns an ExitCode (or, for `run`, the exit code of its command).
using Action = std::function<int(const Context&)>;

struct Command {
  const char* name;
  const char* help;
  bool takes_operands;  // may be followed by "-- ..."
  // Adds the command's options to `app`; the action reads them after parsing.
  Action (*define)(CLI::App& app);
};

std::span<const Command> commands();

// Parses, acts, returns the exit code. Errors go to stderr. `arguments` is without argv[0].
int run_cli(std::vector<std::string> arguments);

Action define_run(CLI::App& app);
Action define_decide(CLI::App& app);
Action define_status(CLI::App& app);
Action define_doctor(CLI::App& app);
Action define_calls(CLI::App& app);
Action define_trace(CLI::App& app);
Action define_grant(CLI::App& app);
Action define_list(CLI::App& app);
Action define_show(CLI::App& app);
Action define_reload(CLI::App& app);
Action define_revoke(CLI::App& app);
Action define_attach(CLI::App& app);
Action define_policy(CLI::App& app);
Action define_audit(CLI::App& app);

}  // namespace writ::cli
