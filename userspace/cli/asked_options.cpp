#include "cli/asked_options.h"

#include <algorithm>
#include <cctype>
#include <chrono>

#include "cli/output.h"
#include "policy/instant.h"

namespace writ::cli {
namespace {

Result<identity::Writ> writ_of(const AskedOptions& options, const identity::Directory& directory) {
  const auto user = directory.find_user(options.tenant, options.user);
  if (!user) return tl::unexpected(user.error());
  const auto agent = directory.find_agent((*user)->tenant, options.agent);
  if (!agent) return tl::unexpected(agent.error());
  identity::Writ writ;
  writ.tenant = (*user)->tenant;
  writ.user = **user;
  writ.agent = **agent;
  writ.chain = {writ.agent.id};
  writ.effective = identity::intersect(writ.user.scopes, writ.agent.scopes);
  // The command line takes no other words.
  writ.tier = identity::tier_from_text(options.tier).value_or(identity::Tier::kInteractive);
  writ.strength =
      identity::strength_from_text(options.identity).value_or(identity::IdentityStrength::kNone);
  return writ;
}

Result<std::chrono::system_clock::time_point> moment_of(const std::string& text) {
  if (text.empty()) return std::chrono::system_clock::now();
  const auto instant = policy::parse_instant(text);
  if (!instant || instant->date_only) {
    return fail(ErrorCode::kInvalid, "--at '{}' is no moment (write 2026-01-31T08:00:00Z)",
                printable(text));
  }
  return std::chrono::system_clock::time_point(std::chrono::seconds(instant->seconds));
}

Result<ToolCall> request_of(const AskedOptions& options) {
  if (options.tool.empty() && (options.host.empty() || options.path.empty())) {
    return fail(ErrorCode::kInvalid,
                "say what is called: --tool NAME, or the request: --method, --host, --path");
  }
  if (!options.path.empty() && !options.path.starts_with('/')) {
    return fail(ErrorCode::kInvalid, "--path '{}' does not begin with '/'",
                printable(options.path));
  }
  ToolCall call;
  call.method = options.method.empty() && options.tool.empty() ? "GET" : options.method;
  call.host = options.host;
  std::transform(call.host.begin(), call.host.end(), call.host.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  call.path = options.path;
  call.query = options.query;
  call.destination = {.address = options.address, .port = options.port};
  return call;
}

}  // namespace

void AskedOptions::add_to(CLI::App& app) {
  app.add_option("--user", user, "who the call would be for");
  app.add_option("--agent", agent, "which agent would make it");
  app.add_option("--tenant", tenant, "where several have a user of that id");
  app.add_option("--tier", tier, "the agent's role")
      ->check(CLI::IsMember({"interactive", "subagent", "background", "api"}));
  app.add_option("--identity", identity, "how well the person is known")
      ->check(CLI::IsMember({"asserted", "unix_peer", "login", "token"}));
  app.add_option("--tool", tool, "of the catalog; or describe the request:");
  app.add_option("--capture", captures, "NAME=VALUE in the tool's path; repeatable")
      ->allow_extra_args(false);
  app.add_option("--method", method, "of the request");
  app.add_option("--host", host, "of the request");
  app.add_option("--path", path, "of the request, without the query");
  app.add_option("--query", query, "of the request, without '?'");
  app.add_option("--address", address, "numeric, where the bytes would go");
  app.add_option("--port", port, "there")->check(CLI::Range(1, 65535));
  app.add_option("--args", args, "the JSON body");
  app.add_option("--finding", findings, "what the scan would find, as pii.card; repeatable")
      ->allow_extra_args(false);
  app.add_option("--used", used, "a tool that the session has called before; repeatable")
      ->allow_extra_args(false);
  app.add_option("--repeated", repeated, "so often it was this very call, last")
      ->check(CLI::Range(0, 10'000));
  app.add_option("--at", at, "when, as 2026-01-31T08:00:00Z; now if not said");
}

Result<policy::AskedCall> asked_call(const AskedOptions& options,
                                     const identity::Directory& directory) {
  if (options.user.empty() || options.agent.empty())
    return fail(ErrorCode::kInvalid, "say who calls: --user and --agent");
  auto writ = writ_of(options, directory);
  if (!writ) return tl::unexpected(writ.error());
  auto request = request_of(options);
  if (!request) return tl::unexpected(request.error());
  const auto at = moment_of(options.at);
  if (!at) return tl::unexpected(at.error());

  policy::AskedCall call{
      .writ = std::move(*writ), .tool = options.tool, .call = std::move(*request), .at = *at};
  for (const std::string& capture : options.captures) {
    const std::size_t equals = capture.find('=');
    if (equals == std::string::npos || options.tool.empty())
      return fail(ErrorCode::kInvalid, "--capture is NAME=VALUE, and goes with --tool");
    call.captures[capture.substr(0, equals)] = capture.substr(equals + 1);
  }
  if (!options.args.empty()) {
    call.body = options.args;
    const auto read = policy::Arguments::read(options.args, "");
    if (!read.body_problem().empty())
      return fail(ErrorCode::kInvalid, "--args: {}", read.body_problem());
  }
  for (const std::string& finding : options.findings)
    call.findings.push_back({.rule = finding, .category = policy::category_of(finding)});
  for (const std::string& tool : options.used) call.session.note_call(tool, policy::kAnotherCall);
  call.repeated = options.repeated;
  return call;
}

}  // namespace writ::cli
