// writ reload: puts what the configuration's files say now into force, or says why not.
#include "cli/client.h"
#include "cli/command.h"
#include "cli/exit_code.h"
#include "cli/output.h"

namespace writ::cli {
namespace {

int run_reload(const Context& context) {
  v1::ControlRequest request;
  request.mutable_reload();
  const auto answer = ask(context.root, request);
  if (!answer) return report(answer.error());
  if (context.json) {
    const auto printed = print_json(answer->reload(), true);
    return printed ? kOk : report(printed.error());
  }
  print(fmt::format("In force: policy {}\n", printable(answer->reload().policy_version())));
  return kOk;
}

}  // namespace

Action define_reload(CLI::App& /*app*/) { return run_reload; }

}  // namespace writ::cli
