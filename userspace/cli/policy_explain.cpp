// writ policy explain: why a call on record was decided as it was, or how one would be that is
// described. Only the first needs writd.
#include <filesystem>
#include <memory>

#include "cli/asked_options.h"
#include "cli/client.h"
#include "cli/exit_code.h"
#include "cli/explain_view.h"
#include "cli/policy_command.h"
#include "cli/session_history.h"

namespace writ::cli {
namespace {

struct ExplainOptions {
  std::string call;
  AskedOptions asked;
  std::vector<std::string> policies;
  std::string users;
  std::string agents;
};

Status show(const Context& context, const ExplainView& view) {
  if (context.json) return print_json(explain_document(view), true);
  print(explain_text(view, Palette::for_stdout()));
  return {};
}

// The call is judged in the history that its session had by then.
int explain_recorded(const Context& context, const std::string& id,
                     const policy::PolicySet& policies) {
  v1::ControlRequest trace;
  trace.mutable_trace()->set_call(printable(id));
  const auto found = ask(context.root, trace);
  if (!found) return report(found.error());
  const v1::Call& record = found->trace().call();
  if (!found->trace().intact())
    warn(fmt::format("the audit record is not intact: {}", printable(found->trace().integrity())));
  const RecordedCall call(record);
  const policy::Policy& policy = *policies.of(call.writ().tenant);

  SessionHistories histories;
  v1::ControlRequest earlier;
  earlier.mutable_calls()->set_session(call.session());
  const auto played = ask_each(context.root, earlier, [&](const v1::ControlResponse& answer) {
    if (!answer.call().has_decision() || answer.call().decision().sequence() >= call.sequence())
      return true;  // an earlier one can come behind it, see audit::CallJoiner
    const RecordedCall one(answer.call());
    (void)histories.before(one);  // what it says of them is not asked here
    histories.note(policy, one);
    return true;
  });
  if (!played) return report(played.error());

  const policy::SessionFacts* facts = histories.before(call);
  const auto match = call.match(policy);
  ExplainView view = explain_view(policy, call.input(match ? &*match : nullptr, facts));
  view.recorded = {.decision = record.decision(),
                   .decider = call.decider(),
                   .open = rejudge(policy, call, facts).open,
                   .stopped_later = call.stopped_later()};
  const Status shown = show(context, view);
  return shown ? kOk : report(shown.error());
}

int explain_asked(const Context& context, const ExplainOptions& options,
                  const policy::PolicySet& policies) {
  const auto file = [&](const std::string& named, const char* name) {
    return named.empty() ? (std::filesystem::path(context.root) / "etc/writ" / name).string()
                         : named;
  };
  Diagnostics found;
  const auto directory = identity::Directory::load(file(options.users, "users.yaml"),
                                                   file(options.agents, "agents.yaml"), found);
  if (!directory) {
    tell(found);
    return kFailed;
  }
  const auto call = asked_call(options.asked, *directory);
  if (!call) return report(call.error());
  const policy::Policy& policy = *policies.of(call->writ.tenant);
  const policy::AskedInput asked(policy, *call);
  if (!asked.tool_known()) {
    return report({ErrorCode::kNotFound,
                   fmt::format("the policy has no tool '{}' (check its spelling, or describe the "
                               "request)",
                               printable(call->tool))});
  }
  const ExplainView view = explain_view(policy, asked.input());
  if (const Status shown = show(context, view); !shown) return report(shown.error());
  return view.explanation.decision.verdict == policy::Verdict::kDeny ? kFailed : kOk;
}

int explain_call(const Context& context, const ExplainOptions& options) {
  if (options.call.empty() != options.asked.any()) {
    return report({ErrorCode::kInvalid,
                   "name a CALL on record, or describe one: --user, --agent and --tool"});
  }
  const auto policies = load_policies(context.root, options.policies);
  if (!policies) return kFailed;
  return options.call.empty() ? explain_asked(context, options, *policies)
                              : explain_recorded(context, options.call, *policies);
}

}  // namespace

Action define_policy_explain(CLI::App& app) {
  auto options = std::make_shared<ExplainOptions>();
  app.add_option("CALL", options->call, "a call id, or the beginning of one; exit code 0");
  options->asked.add_to(app);
  app.add_option("--policy", options->policies,
                 "a file of the policy; repeatable; else writd's own")
      ->allow_extra_args(false);
  app.add_option("--users", options->users, "users.yaml; else writd's own");
  app.add_option("--agents", options->agents, "agents.yaml; else writd's own");
  return [options](const Context& context) { return explain_call(context, *options); };
}

}  // namespace writ::cli
