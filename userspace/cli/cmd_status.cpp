// writ status: what is in force now.
#include "cli/client.h"
#include "cli/command.h"
#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/status_view.h"
#include "cli/time_text.h"

namespace writ::cli {
namespace {

int run_status(const Context& context) {
  v1::ControlRequest request;
  request.mutable_status();
  const auto answer = ask(context.root, request);
  if (!answer) return report(answer.error());
  if (!context.json) {
    print(status_text(answer->status(), now_unix_ns(), Palette::for_stdout()));
    return kOk;
  }
  if (auto printed = print_json(answer->status(), true); !printed) return report(printed.error());
  return kOk;
}

}  // namespace

Action define_status(CLI::App& /*app*/) { return run_status; }

}  // namespace writ::cli
