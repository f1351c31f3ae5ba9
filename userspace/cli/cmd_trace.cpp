// writ trace: the five questions about one call, from the audit record alone.
#include <memory>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/trace_view.h"

namespace writ::cli {
namespace {

int run(const Context& context, const std::string& call) {
  v1::ControlRequest request;
  request.mutable_trace()->set_call(printable(call));
  const auto answer = ask(context.root, request);
  if (!answer) return report(answer.error());
  if (context.json) {
    if (auto printed = print_json(answer->trace(), true); !printed) return report(printed.error());
  } else {
    print(trace_text(answer->trace(), Palette::for_stdout()));
  }
  return answer->trace().intact() ? kOk : kFailed;
}

}  // namespace

Action define_trace(CLI::App& app) {
  auto call = std::make_shared<std::string>();
  app.add_option("CALL", *call, "a call id, or the beginning of one")->required();
  return [call](const Context& context) { return run(context, *call); };
}

}  // namespace writ::cli
