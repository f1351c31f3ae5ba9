// writ doctor: what this host can enforce. Fails when a check does.
#include "cli/client.h"
#include "cli/command.h"
#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/status_view.h"

namespace writ::cli {
namespace {

int run_doctor(const Context& context) {
  v1::ControlRequest request;
  request.mutable_doctor();
  const auto answer = ask(context.root, request);
  if (!answer) return report(answer.error());
  if (context.json) {
    if (auto printed = print_json(answer->doctor(), true); !printed) {
      return report(printed.error());
    }
  } else {
    print(doctor_text(answer->doctor(), Palette::for_stdout()));
  }
  return is_healthy(answer->doctor()) ? kOk : kFailed;
}

}  // namespace

Action define_doctor(CLI::App& /*app*/) { return run_doctor; }

}  // namespace writ::cli
