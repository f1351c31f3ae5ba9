#include "daemon/question.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "daemon/mcp_call.h"

namespace writ::daemon {
namespace {

std::string_view effect_text(const Call& call) {
  if (!call.tool) return {};
  return call.tool->tool->effect == policy::Effect::kRead ? "read" : "write";
}

// `ahead`: calls that will be counted before this one.
std::optional<std::int64_t> calls_left(const Session& session, std::uint64_t ahead,
                                       budget::LimitBook& limits) {
  const auto most = session.writ.limits.max_tool_calls;
  if (!most) return std::nullopt;
  const auto usage = limits.usage(session.writ.id, std::chrono::steady_clock::now());
  const std::uint64_t used = ahead + (usage ? usage->committed + usage->reserved : 0);
  return static_cast<std::int64_t>(*most - std::min(*most, used));
}

}  // namespace

std::vector<policy::FindingView> finding_views(const std::vector<scan::Finding>& findings,
                                               std::size_t query) {
  std::vector<policy::FindingView> all;
  all.reserve(findings.size());
  for (const scan::Finding& f : findings) {
    all.push_back({.rule = f.rule,
                   .category = f.category,
                   .count = f.count,
                   .where = f.offset < query ? "query" : "body"});
  }
  return all;
}

std::string arguments_digest(const Call& call) {
  if (!call.arguments.complete()) return {};
  if (call.request.mcp) {  // without the id, which no two calls share
    const McpMessage& message = *call.request.mcp;
    return fmt::format("{}:{} {}:{} {}:{} {}:{} {}", message.method.size(), message.method,
                       message.name.size(), message.name, call.request.path.size(),
                       call.request.path, call.request.query.size(), call.request.query,
                       call.mcp_arguments);
  }
  // A length before each part, so that no two different calls read the same.
  const ToolCall& request = call.request;
  std::string digest = fmt::format("{}:{} {}:{} {}:{} {}", request.method.size(), request.method,
                                   request.path.size(), request.path, request.query.size(),
                                   request.query, call.arguments.digest());
  if (!call.claim) return digest;
  for (const auto& [name, value] : call.claim->captures) {
    digest += fmt::format(" {}:{} {}:{}", name.size(), name, value.size(), value);
  }
  return digest;
}

Question::Question(const Session& session, const policy::SessionFacts& facts, const Call& call,
                   budget::LimitBook& limits, bool complete, bool provisional)
    : session_(session),
      facts_(facts),
      call_(call),
      complete_(complete),
      provisional_(provisional),
      findings_(finding_views(call.arguments.findings(), call.request.query.size())) {
  if (call.problem) problem_ = fmt::format("{}: {}", call.problem->code, call.problem->message);
  const policy::ToolMatch* tool = call.tool ? &*call.tool : nullptr;
  const auto& reads = session.policy->reads(tool);
  if (reads.arguments) read_arguments();
  if (reads.digest) digest_ = arguments_digest(call);
  if (reads.budget || session.consults) {
    budget_[0] = {.name = "calls",
                  .left = calls_left(session, facts.calls() - session.facts.calls(), limits)};
  }
  if (!session.consults) return;
  if (call.request.mcp) server_ = mcp_server(call.request);
  for (const policy::FindingView& f : findings_) {
    told_findings_.push_back(
        {.rule = f.rule, .category = f.category, .count = f.count, .where = f.where});
  }
  told_budget_[0] = {.name = budget_[0].name, .left = budget_[0].left};
  for (const policy::Tool& known : session.policy->catalog().tools()) {
    if (facts.calls_of(known.name).value_or(0) > 0) tools_.push_back(known.name);
  }
}

void Question::read_arguments() {
  if (call_.request.mcp) {
    const std::string& arguments = call_.request.mcp->arguments;
    arguments_ = policy::Arguments::read(arguments, call_.request.query);
  } else if (!complete_) {
    arguments_ = policy::Arguments::unread("the body is not all there", call_.request.query);
  } else if (call_.arguments.decoded() == 0) {
    arguments_ = policy::Arguments::read(std::nullopt, call_.request.query);
  } else if (const auto body = call_.arguments.body()) {
    arguments_ = policy::Arguments::read(*body, call_.request.query);
  } else {
    arguments_ = policy::Arguments::unread(call_.arguments.body_missing(), call_.request.query);
  }
}

policy::Input Question::input() const {
  policy::Input input{.call = call_.request,
                      .tool = call_.tool ? &*call_.tool : nullptr,
                      .writ = session_.known_writ(),
                      .findings = findings_,
                      .complete = complete_,
                      .arguments = arguments_ ? &*arguments_ : nullptr,
                      .arguments_digest = digest_,
                      .session = &facts_,
                      .budget = budget_,
                      .now = std::chrono::system_clock::now(),
                      .provisional = provisional_};
  if (budget_[0].name.empty()) input.budget = {};
  if (call_.problem) {
    input.what = policy::Input::What::kUnparseable;
    input.problem = problem_;
  }
  return input;
}

pdp::PdpInput Question::document() const {
  const identity::Writ& writ = session_.writ;
  const ToolCall& request = call_.request;
  const auto& sources = facts_.sources();
  return {
      .user = {.id = writ.user.id,
               .email = writ.user.email,
               .roles = writ.user.roles,
               .scopes = writ.user.scopes,
               .tenant = writ.tenant,
               .identity = identity::to_text(writ.strength)},
      .agent = {.id = writ.agent.id,
                .scopes = writ.agent.scopes,
                .tier = identity::to_text(writ.tier),
                .chain = writ.chain},
      .effective_scopes = writ.effective,
      .tool = {.name = call_.tool ? std::string_view(call_.tool->tool->name) : std::string_view(),
               .server = server_,
               .effect = effect_text(call_),
               .args = call_.request.mcp ? std::string_view(call_.request.mcp->arguments)
                                         : call_.arguments.body().value_or(std::string_view()),
               .args_complete = complete_ && call_.arguments.body().has_value()},
      .request = {.method = request.method,
                  .host = request.host,
                  .path = request.path,
                  .query = request.query,
                  .protocol = request.protocol,
                  .trace_id = call_.id,
                  .complete = complete_},
      .findings = told_findings_,
      .session = {.id = session_.id,
                  .calls = facts_.calls(),
                  .tainted = std::any_of(sources.begin(), sources.end(),
                                         [](const auto& source) { return source.untrusted; }),
                  .tools = tools_},
      .budget = told_budget_,
  };
}

}  // namespace writ::daemon
