// Conditions about the session so far and about budgets.
#include <algorithm>

#include "policy/conditions.h"
#include "policy/glob.h"
#include "policy/session_facts.h"

namespace writ::policy {
namespace {

std::string_view name_of(const Evaluation& evaluation) {
  return evaluation.tool == nullptr ? kUnnamed : std::string_view(evaluation.tool->name);
}

bool names_tool(const std::string& glob, std::string_view tool) {
  return tool == kUnnamed ? glob == kUnnamed : glob_match(glob, tool);
}

// Whether some result of the session is one that `wanted` describes.
template <class Wanted>
Truth some_source(const Evaluation& evaluation, Wanted wanted) {
  const SessionFacts* session = evaluation.input.session;
  if (session == nullptr) return Truth::kUnknown;
  const auto& sources = session->sources();
  if (std::any_of(sources.begin(), sources.end(), wanted)) return Truth::kYes;
  return session->forgot_sources() ? Truth::kUnknown : Truth::kNo;
}

bool of_kind(const std::vector<std::string>& kinds, const SessionFacts::Source& source) {
  return !source.finding.empty() &&
         std::any_of(kinds.begin(), kinds.end(), [&](const std::string& kind) {
           return finding_matches(kind, source.finding, source.category);
         });
}

bool of_tool(const std::vector<std::string>& globs, const SessionFacts::Source& source) {
  return std::any_of(globs.begin(), globs.end(),
                     [&](const std::string& glob) { return names_tool(glob, source.tool); });
}

}  // namespace

Truth calls_hold(const Rule& rule, Evaluation& evaluation) {
  const SessionFacts* session = evaluation.input.session;
  if (session == nullptr) return Truth::kUnknown;
  return truth_of(rule.calls->holds(static_cast<std::int64_t>(session->calls())));
}

Truth tool_calls_hold(const Rule& rule, Evaluation& evaluation) {
  const SessionFacts* session = evaluation.input.session;
  const auto calls = session == nullptr ? std::nullopt : session->calls_of(name_of(evaluation));
  if (!calls) return Truth::kUnknown;
  return truth_of(rule.tool_calls->holds(static_cast<std::int64_t>(*calls)));
}

Truth used_before_holds(const Rule& rule, Evaluation& evaluation) {
  const SessionFacts* session = evaluation.input.session;
  return session == nullptr ? Truth::kUnknown : session->used(rule.used_before);
}

Truth requires_before_holds(const Rule& rule, Evaluation& evaluation) {
  const SessionFacts* session = evaluation.input.session;
  return session == nullptr ? Truth::kUnknown : opposite(session->used(rule.requires_before));
}

Truth tainted_holds(const Rule& rule, Evaluation& evaluation) {
  const std::vector<std::string>& by = rule.tainted->by;
  const Truth tainted = some_source(evaluation, [&](const SessionFacts::Source& source) {
    if (by.empty()) return source.untrusted || source.category == "injection";
    return of_kind(by, source) || of_tool(by, source);
  });
  return rule.tainted->tainted ? tainted : opposite(tainted);
}

Truth after_holds(const Rule& rule, Evaluation& evaluation) {
  const AfterCondition& after = *rule.after;
  return some_source(evaluation, [&](const SessionFacts::Source& source) {
    return (after.tools.empty() || of_tool(after.tools, source)) &&
           (after.findings.empty() || of_kind(after.findings, source)) &&
           (!after.untrusted || source.untrusted);
  });
}

Truth repeat_holds(const Rule& rule, Evaluation& evaluation) {
  const SessionFacts* session = evaluation.input.session;
  if (session == nullptr) return Truth::kUnknown;
  const std::uint64_t run =
      session->run_with(name_of(evaluation), evaluation.input.arguments_digest);
  if (run == 0) return Truth::kUnknown;
  return truth_of(static_cast<std::int64_t>(run) > *rule.repeat_more_than);
}

Truth budget_holds(const Rule& rule, Evaluation& evaluation) {
  Truth all = Truth::kYes;
  for (const auto& asked : rule.budget_left) {
    const std::string& name = asked.first;
    const auto& range = asked.second;
    const auto known = std::find_if(evaluation.input.budget.begin(), evaluation.input.budget.end(),
                                    [&](const BudgetView& view) { return view.name == name; });
    Truth held = Truth::kUnknown;
    if (known != evaluation.input.budget.end())
      held = truth_of(known->left ? range.holds(*known->left) : range.holds_for_unlimited());
    all = both(all, held);
  }
  return all;
}

}  // namespace writ::policy
