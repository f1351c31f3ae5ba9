// writ revoke: ends a writ and all that were delegated from it, from the next byte on.
#include <memory>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/exit_code.h"
#include "cli/output.h"

namespace writ::cli {
namespace {

struct RevokeOptions {
  std::string id;
  std::string reason;
};

}  // namespace

Action define_revoke(CLI::App& app) {
  auto options = std::make_shared<RevokeOptions>();
  app.add_option("WRIT", options->id, "a writ's id, or the beginning of it")->required();
  app.add_option("--reason", options->reason, "why, for the record");
  return [options](const Context& context) -> int {
    v1::ControlRequest request;
    request.mutable_revoke()->set_id(printable(options->id));
    request.mutable_revoke()->set_reason(printable(options->reason));
    const auto answer = ask(context.root, request);
    if (!answer) return report(answer.error());
    if (context.json) {
      const auto printed = print_json(answer->revoke(), true);
      return printed ? kOk : report(printed.error());
    }
    const v1::RevokeResponse& done = answer->revoke();
    for (const std::string& id : done.revoked()) print(fmt::format("revoked {}\n", printable(id)));
    print(fmt::format("{} held at that moment {} denied.\n", count_of(done.denied(), "call"),
                      done.denied() == 1 ? "was" : "were"));
    return kOk;
  };
}

}  // namespace writ::cli
