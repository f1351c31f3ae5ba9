#include "policy/asked_call.h"

#include <algorithm>

namespace writ::policy {
namespace {

constexpr std::string_view kThisCall = "this call";

std::optional<ToolMatch> match_of(const Policy& policy, const AskedCall& call) {
  if (call.tool.empty()) return policy.match(call.call);
  const Tool* tool = tool_named(policy, call.tool);
  if (tool == nullptr) return std::nullopt;
  return ToolMatch{.tool = tool, .captures = call.captures};
}

Arguments arguments_of(const AskedCall& call) {
  return Arguments::read(call.body ? std::optional<std::string_view>(*call.body) : std::nullopt,
                         call.call.query);
}

}  // namespace

std::string category_of(const std::string& finding) { return finding.substr(0, finding.find('.')); }

const Tool* tool_named(const Policy& policy, std::string_view name) {
  const auto& tools = policy.catalog().tools();
  const auto found =
      std::find_if(tools.begin(), tools.end(), [&](const Tool& tool) { return tool.name == name; });
  return found == tools.end() ? nullptr : &*found;
}

AskedInput::AskedInput(const Policy& policy, const AskedCall& call)
    : call_(call),
      match_(match_of(policy, call)),
      arguments_(arguments_of(call)),
      session_(call.session) {
  for (int i = 0; i < call.repeated; ++i)
    session_.note_call(match_ ? std::string_view(match_->tool->name) : kUnnamed, kThisCall);
  findings_.reserve(call.findings.size());
  for (const AskedFinding& finding : call.findings) {
    findings_.push_back({.rule = finding.rule,
                         .category = finding.category,
                         .count = finding.count,
                         .where = finding.where});
  }
  budget_.reserve(call.budget.size());
  for (const auto& [name, left] : call.budget) budget_.push_back({.name = name, .left = left});
}

Input AskedInput::input() const {
  return {.call = call_.call,
          .tool = match_ ? &*match_ : nullptr,
          .writ = &call_.writ,
          .findings = findings_,
          .arguments = &arguments_,
          .arguments_digest = kThisCall,
          .session = &session_,
          .budget = budget_,
          .now = call_.at};
}

}  // namespace writ::policy
