// writ grant: issues a writ, under which `writ run --writ ID` or `writ attach --writ ID` acts
// later.
#include "cli/client.h"
#include "cli/command.h"
#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/terms.h"
#include "cli/time_text.h"
#include "cli/writ_view.h"

namespace writ::cli {

Action define_grant(CLI::App& app) {
  auto options = add_terms(app);
  app.get_option("--agent")->required();
  app.footer("Prints the writ's id alone when its output is not a terminal.");
  return [options](const Context& context) -> int {
    v1::ControlRequest request;
    auto terms = read_terms(*options);
    if (!terms) return report(terms.error());
    *request.mutable_grant()->mutable_terms() = std::move(*terms);
    const auto answer = ask(context.root, request);
    if (!answer) return report(answer.error());
    if (context.json) {
      const auto printed = print_json(answer->writ(), true);
      return printed ? kOk : report(printed.error());
    }
    if (stdout_is_terminal()) {
      print(writ_text(answer->writ(), now_unix_ns(), Palette::for_stdout()));
    } else {
      print(printable(answer->writ().id()) + "\n");
    }
    return kOk;
  };
}

}  // namespace writ::cli
