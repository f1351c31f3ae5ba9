// writ policy replay: what a policy would have said of the calls on record.
#include <memory>

#include "cli/client.h"
#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/policy_command.h"
#include "cli/replay_view.h"
#include "cli/time_text.h"

namespace writ::cli {
namespace {

struct ReplayOptions {
  std::vector<std::string> files;
  std::string since;
  std::string session;
  bool fail_on_change = false;
};

int replay_calls(const Context& context, ReplayOptions options) {
  options.files.insert(options.files.end(), context.operands.begin(), context.operands.end());
  if (options.files.empty()) return report({ErrorCode::kInvalid, "name the policy's files"});
  std::uint64_t since = 0;
  if (!options.since.empty()) {
    const auto parsed = parse_since(options.since, now_unix_ns());
    if (!parsed) return report(parsed.error());
    since = *parsed;
  }
  const auto policies = load_policies(context.root, options.files);
  if (!policies) return kFailed;

  // From the beginning of the record, for what sessions did before `since`.
  v1::ControlRequest request;
  request.mutable_calls()->set_session(printable(options.session));
  Replay replay(*policies, since);
  const auto done = ask_each(context.root, request, [&](const v1::ControlResponse& answer) {
    if (answer.call().has_decision()) replay.add(answer.call());
    return true;
  });
  if (!done) return report(done.error());
  if (context.json) {
    const auto printed = print_json(replay_document(replay, policies->version()), true);
    if (!printed) return report(printed.error());
  } else {
    print(replay_text(replay, Palette::for_stdout()));
  }
  const bool same =
      replay.count(Change::kUnchanged) + replay.count(Change::kNotThePolicys) == replay.calls();
  return options.fail_on_change && !same ? kFailed : kOk;
}

}  // namespace

Action define_policy_replay(CLI::App& app) {
  auto options = std::make_shared<ReplayOptions>();
  app.add_option("FILE", options->files, "files of the policy that is tried");
  app.add_option("--since", options->since, "90s, 10m, 2h, 7d ago, or 2026-01-02T03:04:05Z");
  app.add_option("--session", options->session, "only calls of this session");
  app.add_flag("--fail-on-change", options->fail_on_change,
               "exit code 1 unless every call is decided as it was");
  return [options](const Context& context) { return replay_calls(context, *options); };
}

}  // namespace writ::cli
