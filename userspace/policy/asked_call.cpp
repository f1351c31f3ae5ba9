#include "policy/asked_call.h"

namespace writ::policy {
namespace {

constexpr std::string_view kThisCall = "this call";

std::optional<ToolMatch> match_of(const Policy& policy, const AskedCall& call) {
  if (call.tool.empty()) return policy.match(call.call);
  return policy.match_name(call.tool, call.captures);
}

Arguments arguments_of(const AskedCall& call) {
  return Arguments::read(call.body ? std::optional<std::string_view>(*call.body) : std::nullopt,
                         call.call.query);
}

}  // namespace

std::string category_of(const std::string& finding) { return finding.substr(0, finding.find('.')); }

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
