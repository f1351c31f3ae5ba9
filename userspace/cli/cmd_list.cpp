// writ list: the writs that are in force, one a line; with --all the ended ones too.
#include <memory>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/time_text.h"
#include "cli/writ_view.h"

namespace writ::cli {
namespace {

struct ListOptions {
  bool all = false;
  std::string tenant;
};

int run(const Context& context, const ListOptions& options) {
  v1::ControlRequest request;
  request.mutable_list_writs()->set_ended(options.all);
  request.mutable_list_writs()->set_tenant(printable(options.tenant));
  auto client = Client::connect(context.root);
  if (!client) return report(client.error());
  if (auto sent = client->send(request); !sent) return report(sent.error());
  Table table = writ_table();
  std::size_t count = 0;
  for (;;) {
    const auto answer = client->receive();
    if (!answer) return report(answer.error());
    if (answer->has_writ()) {
      ++count;
      if (!context.json) {
        add_writ(table, answer->writ(), now_unix_ns());
      } else if (auto printed = print_json(answer->writ(), false); !printed) {
        return report(printed.error());
      }
    }
    if (answer->done()) break;
  }
  if (!context.json) {
    print(count > 0     ? table.text()
          : options.all ? "There are no writs.\n"
                        : "No writ is in force.\n");
  }
  return kOk;
}

}  // namespace

Action define_list(CLI::App& app) {
  auto options = std::make_shared<ListOptions>();
  app.add_flag("--all", options->all, "expired and revoked ones too");
  app.add_option("--tenant", options->tenant, "only of this tenant");
  return [options](const Context& context) { return run(context, *options); };
}

}  // namespace writ::cli
