// writ attach: puts a process that runs already, and its descendants, under a writ.
#include <memory>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/terms.h"

namespace writ::cli {
namespace {

struct AttachOptions {
  int pid = 0;
  std::string writ;
  std::string mode;
};

int run(const Context& context, const AttachOptions& options, const TermsOptions& terms) {
  if (options.writ.empty() == terms.agent.empty()) {
    return report({ErrorCode::kInvalid, "say --agent, or --writ of one that was granted"});
  }
  v1::ControlRequest request;
  v1::AttachRequest& wanted = *request.mutable_attach();
  wanted.set_pid(options.pid);
  wanted.set_writ(printable(options.writ));
  wanted.set_mode(mode_of(options.mode));
  if (says_anything(terms)) {
    auto read = read_terms(terms);
    if (!read) return report(read.error());
    *wanted.mutable_terms() = std::move(*read);
  }
  const auto answer = ask(context.root, request);
  if (!answer) return report(answer.error());
  if (context.json) {
    const auto printed = print_json(answer->run(), true);
    return printed ? kOk : report(printed.error());
  }
  const v1::RunResponse& done = answer->run();
  print(fmt::format("session {}: {} of {} under writ {}\n", printable(done.session_id()),
                    count_of(done.processes(), "process"), printable(done.user()),
                    printable(done.writ_id())));
  return kOk;
}

}  // namespace

Action define_attach(CLI::App& app) {
  auto options = std::make_shared<AttachOptions>();
  app.add_option("PID", options->pid, "the process; its descendants come with it")
      ->required()
      ->check(CLI::PositiveNumber);
  auto terms = add_terms(app);
  app.add_option("--writ", options->writ, "the writ to act under, from `writ grant`");
  app.add_option("--mode", options->mode, "observe: record only; enforce: hold until allowed")
      ->check(CLI::IsMember({"observe", "enforce"}));
  return [options, terms](const Context& context) { return run(context, *options, *terms); };
}

}  // namespace writ::cli
