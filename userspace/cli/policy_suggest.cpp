// writ policy suggest: a least-privilege policy from what sessions did, as the record has it.
#include <algorithm>
#include <memory>

#include "cli/client.h"
#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/policy_command.h"
#include "cli/suggestion_view.h"

namespace writ::cli {
namespace {

constexpr std::size_t kMaxSessions = 100;  // a call of each costs a pass over the record

struct SuggestCommand {
  std::vector<std::string> sessions;
  policy::SuggestOptions options;
};

// The calls of one session, from the record.
Result<ObservedSession> observe(const std::string& root, const std::string& id,
                                policy::Observations& seen) {
  v1::ControlRequest request;
  request.mutable_calls()->set_session(printable(id));
  auto client = Client::connect(root);
  if (!client) return tl::unexpected(client.error());
  if (auto sent = client->send(request); !sent) return tl::unexpected(sent.error());
  ObservedSession session{.id = id};
  for (;;) {
    const auto answer = client->receive();
    if (!answer) return tl::unexpected(answer.error());
    if (answer->has_call()) {
      session.add(answer->call().decision());
      seen.add(observed_call(answer->call()), rules_that_found(answer->call()));
    }
    if (answer->done()) break;
  }
  if (session.calls == 0) {
    return fail(ErrorCode::kNotFound,
                "no call of session '{}' is in the record (`writ calls --json` has sessionId)",
                printable(id));
  }
  return session;
}

int run(const Context& context, SuggestCommand command) {
  std::sort(command.sessions.begin(), command.sessions.end());
  command.sessions.erase(std::unique(command.sessions.begin(), command.sessions.end()),
                         command.sessions.end());
  if (command.sessions.size() > kMaxSessions) {
    return report({ErrorCode::kInvalid, fmt::format("name up to {} sessions", kMaxSessions)});
  }
  policy::Observations seen;
  std::vector<ObservedSession> sessions;
  for (const std::string& id : command.sessions) {
    auto session = observe(context.root, id, seen);
    if (!session) return report(session.error());
    if (!sessions.empty() && session->tenant != sessions.front().tenant) {
      return report({ErrorCode::kInvalid,
                     "these sessions are of several tenants, which have a policy each: suggest one "
                     "by one"});
    }
    sessions.push_back(std::move(*session));
  }
  const auto suggestion = policy::suggest(seen, command.options);
  if (!suggestion) return report(suggestion.error());
  const auto text = text_of(*suggestion, sessions);
  if (!text) return report(text.error());
  if (context.json) {
    if (auto printed = print_json(document_of(*suggestion, *text), true); !printed) {
      return report(printed.error());
    }
  } else {
    print(text->policy + "\n" + commented("For agents.yaml:\n" + text->agents));
  }
  if (!suggestion->left_out.empty()) {
    warn(fmt::format("{} left out of the suggestion: see its first lines",
                     count_of(suggestion->left_out.size(), "kind of call")));
  }
  if (suggestion->cut) {
    warn("INCOMPLETE: there was more than a suggestion holds; what is missing would be denied");
  }
  if (suggestion->tools.empty()) warn("nothing is allowed by it: no call can be suggested");
  return suggestion->cut || suggestion->tools.empty() ? kFailed : kOk;
}

}  // namespace

Action define_policy_suggest(CLI::App& app) {
  auto command = std::make_shared<SuggestCommand>();
  app.add_option("--session", command->sessions, "a session to learn from; repeatable")
      ->required()
      ->allow_extra_args(false);
  app.add_option("--name-prefix", command->options.name_prefix,
                 "goes before the names that tools get");
  return [command](const Context& context) { return run(context, *command); };
}

}  // namespace writ::cli
