#include "cli/explain_view.h"

#include <array>

#include "cli/names.h"
#include "cli/time_text.h"
#include "policy/explain.h"

namespace writ::cli {
namespace {

using google::protobuf::ListValue;
using google::protobuf::Struct;
using policy::ExplainedRule;
using policy::Truth;
using policy::Verdict;

std::string_view word(Truth truth) {
  switch (truth) {
    case Truth::kNo:
      return "no";
    case Truth::kUnknown:
      return "unknown";
    case Truth::kYes:
      return "yes";
  }
  return "";
}

std::string_view word(Verdict verdict) {
  switch (verdict) {
    case Verdict::kAllow:
      return "allow";
    case Verdict::kFlag:
      return "flag";
    case Verdict::kDeny:
      return "deny";
  }
  return "";
}

std::string done(Verdict verdict, const Palette& palette) {
  switch (verdict) {
    case Verdict::kAllow:
      return palette.paint(Colour::kGreen, "Allowed");
    case Verdict::kFlag:
      return palette.paint(Colour::kYellow, "Allowed and flagged");
    case Verdict::kDeny:
      return palette.paint(Colour::kRed, "Denied");
  }
  return "";
}

std::string decided_by(const std::string& rule, const std::string& code) {
  return rule.empty() ? code : fmt::format("rule {} ({})", rule, code);
}

std::string none_or(const identity::Scopes& scopes) {
  return scopes.empty() ? "none" : join(scopes, ", ");
}

// What the record says, and how what follows relates to it.
std::string recorded_text(const ExplainView& view, const Palette& palette) {
  const ExplainView::Recorded& recorded = *view.recorded;
  const v1::Decision& d = recorded.decision.decision();
  std::string out =
      fmt::format("Call {}, {}: {}{} by {}, under policy {}\n  {}\n",
                  palette.paint(Colour::kBold, printable(d.call_id())),
                  time_text(recorded.decision.time_unix_ns()),
                  d.mode() == v1::MODE_OBSERVE ? "observed; would have been " : "",
                  verdict_done(d.verdict()), printable(decided_by(d.rule(), d.code())),
                  printable(d.policy_version()), printable(d.reason()));
  if (recorded.decider == Decider::kOther) {
    out +=
        "  No rule of a policy decided that: a limit, a rate, a writ that had ended or a decision "
        "point did. Of the call itself the policy says:\n";
  } else if (recorded.decider == Decider::kAnother) {
    out +=
        "  It shared the connection, or the batch, of a call that was denied. Of this one the "
        "policy says:\n";
  }
  if (recorded.stopped_later) {
    out += "  It was stopped as more of it was seen; what of is not on record (see writ trace).\n";
  }
  if (d.policy_version() != view.version) {
    out += palette.paint(
               Colour::kYellow,
               fmt::format("  Below is policy {}, not the one that decided then.", view.version)) +
           "\n";
  }
  if (!recorded.open.empty()) {
    out += palette.paint(
               Colour::kYellow,
               fmt::format("  Not certain: the verdict hangs on {}, of which the record keeps no "
                           "values. Below, what is unknown counts against the call.",
                           join(recorded.open, ", "))) +
           "\n";
  }
  return out + "\n";
}

std::string rule_line(const ExplainedRule& rule) {
  std::string conditions;
  for (const policy::ExplainedCondition& one : rule.conditions)
    conditions += fmt::format("{}{} {}", conditions.empty() ? "" : ", ", one.name, word(one.truth));
  return conditions.empty() ? "no conditions" : conditions;
}

void add_all(const std::vector<std::string>& texts, ListValue& list) {
  for (const std::string& text : texts) list.add_values()->set_string_value(printable(text));
}

Struct rule_document(const ExplainedRule& rule) {
  Struct document;
  auto& fields = *document.mutable_fields();
  fields["id"].set_string_value(printable(rule.id));
  fields["effect"].set_string_value(std::string(policy::to_text(rule.effect)));
  fields["file"].set_string_value(printable(rule.file));
  fields["line"].set_number_value(rule.line);
  fields["holds"].set_string_value(std::string(word(rule.truth)));
  fields["decided"].set_bool_value(rule.decided);
  auto& list = *fields["conditions"].mutable_list_value();
  for (const policy::ExplainedCondition& one : rule.conditions) {
    auto& entry = *list.add_values()->mutable_struct_value()->mutable_fields();
    entry["name"].set_string_value(one.name);
    entry["holds"].set_string_value(std::string(word(one.truth)));
  }
  return document;
}

Struct recorded_document(const ExplainView::Recorded& recorded) {
  const v1::Decision& d = recorded.decision.decision();
  Struct document;
  auto& fields = *document.mutable_fields();
  fields["call"].set_string_value(printable(d.call_id()));
  fields["time"].set_string_value(time_text(recorded.decision.time_unix_ns()));
  fields["verdict"].set_string_value(std::string(verdict_name(d.verdict())));
  fields["rule"].set_string_value(printable(d.rule()));
  fields["code"].set_string_value(printable(d.code()));
  fields["reason"].set_string_value(printable(d.reason()));
  fields["policyVersion"].set_string_value(printable(d.policy_version()));
  fields["decidedByPolicy"].set_bool_value(recorded.decider == Decider::kPolicy);
  fields["stoppedLater"].set_bool_value(recorded.stopped_later);
  return document;
}

}  // namespace

ExplainView explain_view(const policy::Policy& policy, const policy::Input& input) {
  ExplainView view{.version = policy.version(), .tool = policy::describe_tool(input)};
  if (input.writ != nullptr) {
    view.person = input.writ->user.id;
    view.agent = input.writ->agent.id;
    view.effective = input.writ->effective;
  }
  if (const policy::Tool* tool = policy.tool_of(input.tool)) view.required = tool->scopes;
  view.explanation = policy::explain(policy, input);
  return view;
}

std::string explain_text(const ExplainView& view, const Palette& palette) {
  const policy::Decision& decision = view.explanation.decision;
  std::string out = view.recorded ? recorded_text(view, palette) : "";
  out += fmt::format("{} by {}, policy {}\n  {}\n", done(decision.verdict, palette),
                     printable(decided_by(decision.rule, decision.code)), view.version,
                     printable(decision.reason));
  out += fmt::format(
      "  {}, which needs {}; {} by {} has {}\n", printable(view.tool), none_or(view.required),
      printable(view.person.empty() ? "nobody" : view.person),
      printable(view.agent.empty() ? "no agent" : view.agent), printable(none_or(view.effective)));
  if (view.explanation.rules.empty()) {
    out += "\nNo rule counts.\n";
  } else {
    Table table({"", "RULE", "CONDITIONS", "FILE", ""});
    for (const ExplainedRule& rule : view.explanation.rules) {
      table.add({std::string(policy::to_text(rule.effect)), rule.id, rule_line(rule),
                 fmt::format("{}:{}", rule.file, rule.line), rule.decided ? "decided" : ""});
    }
    out += "\nRules that count, in the order in which they decide\n" + table.text("  ");
  }
  if (view.explanation.changes.empty()) return out;
  out += "\nWhat would change it\n";
  for (const std::string& change : view.explanation.changes)
    out += fmt::format("  - {}\n", printable(change));
  return out;
}

Struct explain_document(const ExplainView& view) {
  const policy::Decision& decision = view.explanation.decision;
  Struct document;
  auto& fields = *document.mutable_fields();
  fields["verdict"].set_string_value(std::string(word(decision.verdict)));
  fields["rule"].set_string_value(printable(decision.rule));
  fields["code"].set_string_value(printable(decision.code));
  fields["reason"].set_string_value(printable(decision.reason));
  fields["policyVersion"].set_string_value(view.version);
  fields["tool"].set_string_value(printable(view.tool));
  fields["user"].set_string_value(printable(view.person));
  fields["agent"].set_string_value(printable(view.agent));
  add_all(view.effective, *fields["effective"].mutable_list_value());
  add_all(view.required, *fields["required"].mutable_list_value());
  add_all(decision.missing, *fields["missing"].mutable_list_value());
  auto& rules = *fields["rules"].mutable_list_value();
  for (const ExplainedRule& rule : view.explanation.rules)
    *rules.add_values()->mutable_struct_value() = rule_document(rule);
  add_all(view.explanation.changes, *fields["changes"].mutable_list_value());
  if (!view.recorded) return document;
  *fields["recorded"].mutable_struct_value() = recorded_document(*view.recorded);
  add_all(view.recorded->open, *fields["undecided"].mutable_list_value());
  return document;
}

}  // namespace writ::cli
