// writ show: all about one writ.
#include <memory>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/time_text.h"
#include "cli/writ_view.h"

namespace writ::cli {

Action define_show(CLI::App& app) {
  auto id = std::make_shared<std::string>();
  app.add_option("WRIT", *id, "a writ's id, or the beginning of it")->required();
  return [id](const Context& context) -> int {
    v1::ControlRequest request;
    request.mutable_show_writ()->set_id(printable(*id));
    const auto answer = ask(context.root, request);
    if (!answer) return report(answer.error());
    if (context.json) {
      const auto printed = print_json(answer->writ(), true);
      return printed ? kOk : report(printed.error());
    }
    print(writ_text(answer->writ(), now_unix_ns(), Palette::for_stdout()));
    return kOk;
  };
}

}  // namespace writ::cli
