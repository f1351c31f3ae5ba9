#include "cli/trace_view.h"

#include <algorithm>

#include "cli/llm_view.h"
#include "cli/names.h"
#include "cli/time_text.h"

namespace writ::cli {
namespace {

std::string words(const google::protobuf::RepeatedPtrField<std::string>& all) {
  if (all.empty()) return "none";
  return printable(join({all.begin(), all.end()}, ", "));
}

std::string known(const std::string& text) { return text.empty() ? "unknown" : printable(text); }

// A line below a question; the label's column is wide enough for the longest one used.
std::string row(std::string_view label, const std::string& value) {
  return "   " + (value.empty() ? std::string(label) : pad(std::string(label), 19) + value) + "\n";
}

std::string head(int number, std::string_view question, const Palette& palette) {
  return "\n" + palette.paint(Colour::kBold, fmt::format("{}. {}", number, question)) + "\n";
}

Colour colour_of(v1::Verdict verdict) {
  if (verdict == v1::VERDICT_ALLOW) return Colour::kGreen;
  if (verdict == v1::VERDICT_FLAG) return Colour::kYellow;
  return Colour::kRed;
}

// Its caller described it before acting; no byte of it was seen.
bool described(const v1::Decision& d) { return d.request().protocol() == "decide"; }

// A program was started.
bool command(const v1::Decision& d) { return d.request().protocol() == "exec"; }

std::string command_text(const v1::Command& command) {
  std::string line;
  for (const std::string& word : command.argv())
    line += (line.empty() ? "" : " ") + printable(word);
  if (!command.whole()) line += " … (not all of it is on record)";
  std::string out = row("Command", line);
  if (command.script()) out += row("Script", known(command.file()));
  out += row("In", known(command.cwd()));
  out +=
      row("Its file", command.digest().empty() ? "could not be read" : printable(command.digest()));
  out += row("Started by",
             fmt::format("{}, {}", command.parent().pid(), known(command.parent().exe())));
  return out;
}

std::string destination_text(const v1::Decision& d) {
  if (d.request().protocol() == "stdio") return "a process of this host, over a pipe";
  const v1::Destination& to = d.destination();
  if (described(d) && to.host().empty()) return "not said by the caller";
  const std::string address =
      to.address().find(':') == std::string::npos ? to.address() : "[" + to.address() + "]";
  std::string text = known(to.host());
  if (!to.address().empty()) text += fmt::format(" at {}:{}", printable(address), to.port());
  if (described(d)) return text + ", says the caller";
  if (!to.dns_names().empty()) text += ", by DNS " + words(to.dns_names());
  return text + (to.tls() ? ", over TLS" : ", in clear text");
}

std::string who(const v1::Decision& d, const Palette& palette) {
  std::string out = head(1, "Who asked?", palette);
  const v1::User& user = d.user();
  if (user.id().empty()) {
    out += row("Person", "unattributed: nobody is known to be behind this call");
  } else {
    std::string person = printable(user.id());
    if (!user.email().empty()) person += " <" + printable(user.email()) + ">";
    if (!user.roles().empty()) person += ", roles: " + words(user.roles());
    out += row("Person", person);
    out += row("Known by", user.strength().empty()
                               ? known(user.via())
                               : fmt::format("{} ({})", known(user.via()), known(user.strength())));
  }
  out += row("Tenant", known(d.tenant()));
  out += row("Agent", known(d.agent().id()));
  out += row("Delegation", d.chain().empty()
                               ? "not recorded"
                               : printable(join({d.chain().begin(), d.chain().end()}, " → ")));
  out += row("Process", fmt::format("{}, {}", d.process().pid(), known(d.process().exe())));
  const std::string session = d.session_id().empty() ? "none" : printable(d.session_id());
  out += row("Session",
             fmt::format("{}, mode {}, writ {}", session, mode_name(d.mode()), known(d.writ_id())));
  if (!d.tier().empty()) out += row("Tier", printable(d.tier()));
  if (!d.task().empty()) out += row("Task", printable(d.task()));
  return out;
}

std::string permissions(const v1::Decision& d, const Palette& palette) {
  std::string out = head(2, "With what permissions?", palette);
  out += row("The person has", words(d.user().scopes()));
  out += row("The agent has", words(d.agent().scopes()));
  out += row("Both have", words(d.scopes().effective()));
  out += row("The tool needs", d.tool().name().empty()
                                   ? "unknown: no tool of the catalog matches this call"
                                   : words(d.scopes().required()));
  if (!d.scopes().missing().empty()) {
    out += row("Missing", palette.paint(Colour::kRed, words(d.scopes().missing())));
  }
  const bool observed = d.mode() == v1::MODE_OBSERVE;
  out += row("Verdict",
             palette.paint(colour_of(d.verdict()), (observed ? "would have been " : "") +
                                                       std::string(verdict_done(d.verdict()))));
  out += row("Decided by", fmt::format("rule {} ({}), policy {}", known(d.rule()), known(d.code()),
                                       known(d.policy_version())));
  out += row("Because", known(d.reason()));
  return out;
}

std::string rows_text(const LlmRows& rows) {
  std::string out;
  for (const auto& [label, value] : rows) out += row(label, value);
  return out;
}

std::string request_text(const v1::Decision& d, const Palette& palette) {
  const v1::Request& request = d.request();
  std::string out;
  std::string tool = d.tool().name().empty() ? "none of the catalog" : printable(d.tool().name());
  if (d.tool().effect() != v1::EFFECT_UNSPECIFIED) {
    tool += fmt::format(" ({})", effect_name(d.tool().effect()));
  }
  out += row("Tool", tool);
  if (command(d)) {
    return out + row("Program", known(request.path())) + command_text(d.command());
  }
  if (d.tool().has_mcp()) {
    const v1::McpRequest& mcp = d.tool().mcp();
    out += row("MCP server", printable(d.tool().server()));
    out += row("MCP message",
               fmt::format("{} {} (id {}), arguments digest {}",
                           mcp.method().empty() ? "an answer" : printable(mcp.method()),
                           printable(mcp.name()), known(mcp.id()), printable(mcp.arguments())));
  }
  out += row("Destination", destination_text(d));
  std::string line = known(request.protocol());
  if (!request.method().empty() || !request.path().empty()) {
    line = fmt::format("{} {} ({})", printable(request.method()), printable(request.path()), line);
  }
  out += row("Request", line);
  std::vector<std::string> captures;
  for (const auto& [name, value] : d.tool().captures()) {
    captures.push_back(fmt::format("{}={}", name, value));
  }
  std::sort(captures.begin(), captures.end());
  if (!captures.empty()) out += row("Arguments", printable(join(captures, ", ")));
  out += rows_text(llm_request_rows(d, palette));
  std::string size = bytes_text(request.bytes());
  if (!request.digest().empty()) size += ", body digest " + printable(request.digest());
  out += row(described(d) ? "Described" : "Sent by the agent", size);
  if (!request.complete()) {
    out += row("", "decided before the whole request was seen");
  }
  return out;
}

// What came of it. A decision alone says nothing about that.
std::string result_text(const v1::Decision& d, const v1::Call& call) {
  if (!call.has_outcome()) {
    return row("Result", "not recorded: the call has not ended, or its end was not seen");
  }
  const v1::Outcome& o = call.outcome().outcome();
  if (command(d)) {
    return row("Result", fmt::format("{}: {}", printable(o.result()), printable(o.detail()))) +
           row("Took", fmt::format("held {} before the decision", duration_text(d.held_ns())));
  }
  const bool refused = o.result() == "refused" || o.result() == "aborted";
  std::string out;
  if (refused) {
    out += row("Result",
               fmt::format("{}: {}", printable(o.result()),
                           o.result() == "refused" ? "the agent got a refusal instead of an answer"
                                                   : "the agent's connection was ended"));
    out += row("", d.request().complete() ? "the held request did not leave this host"
                                          : "the request did not leave this host as a whole");
  } else {
    std::string line = known(o.result());
    if (o.status() != 0) line += fmt::format(", status {}", o.status());
    out += row("Result", line);
    std::string size = bytes_text(o.bytes());
    if (!o.digest().empty()) size += ", body digest " + printable(o.digest());
    out += row("Received", size);
    if (o.has_mcp()) {
      out +=
          row("MCP answer", !o.mcp().is_error() ? "a result, digest " + printable(o.mcp().result())
                            : o.mcp().error().empty() ? "the tool says that it failed"
                                                      : "error " + printable(o.mcp().error()));
    }
    out += rows_text(llm_answer_rows(o));
  }
  if (!o.detail().empty()) out += row("", printable(o.detail()));
  out += row("Took", fmt::format("{} from the decision; held {} before it",
                                 duration_text(o.duration_ns()), duration_text(d.held_ns())));
  return out;
}

std::string findings_text(const google::protobuf::RepeatedPtrField<v1::Finding>& findings,
                          bool injection_only) {
  std::string out;
  for (const v1::Finding& finding : findings) {
    if (injection_only && finding.category() != "injection") continue;
    out += fmt::format("     - {} ({}): {}, first at byte {}", printable(finding.rule()),
                       printable(finding.category()), count_of(finding.count(), "time"),
                       finding.offset());
    if (!finding.sample().empty()) out += fmt::format(", \"{}\"", printable(finding.sample()));
    out += "\n";
  }
  return out;
}

std::string data(const v1::Decision& d, const v1::Call& call, const Palette& palette) {
  std::string out = head(3, "What data was accessed?", palette);
  out += request_text(d, palette);
  out += row("Found in it", d.findings().empty() ? "nothing" : "");
  out += findings_text(d.findings(), false);
  out += result_text(d, call);
  if (call.has_outcome() && call.outcome().outcome().has_scan()) {
    const auto& found = call.outcome().outcome().findings();
    out += row("Found in it", found.empty() ? "nothing" : "");
    out += findings_text(found, false);
  }
  return out;
}

// "yes, all 812 B; rules 3f2a; looked for pii, secret, injection" and what was found.
std::string scanned(std::string_view what, const v1::Scan* scan,
                    const google::protobuf::RepeatedPtrField<v1::Finding>& findings,
                    const Palette& palette) {
  if (scan == nullptr || scan->ruleset().empty()) return row(what, "no: it was not scanned");
  const bool looked = std::find(scan->categories().begin(), scan->categories().end(),
                                "injection") != scan->categories().end();
  std::string out;
  if (!looked) {
    out += row(what, fmt::format("no: scanned for {} only, by rules {}", words(scan->categories()),
                                 printable(scan->ruleset())));
  } else {
    out += row(what, fmt::format("yes, {}{}, by rules {}", scan->complete() ? "all " : "",
                                 bytes_text(scan->bytes()), printable(scan->ruleset())));
  }
  if (!scan->complete()) {
    out += row("", palette.paint(Colour::kYellow, "not whole: a part was lost or cut"));
  }
  if (!looked) return out;
  const std::string found = findings_text(findings, true);
  out += row("", found.empty() ? "no injection found"
                               : palette.paint(Colour::kYellow, "injection found:"));
  return out + found;
}

std::string injection(const v1::Decision& d, const v1::Call& call, const Palette& palette) {
  std::string out = head(4, "Was the input scanned for injection?", palette);
  out += scanned("The arguments", d.has_scan() ? &d.scan() : nullptr, d.findings(), palette);
  if (call.has_outcome()) {
    const v1::Outcome& o = call.outcome().outcome();
    const bool refused = o.result() == "refused" || o.result() == "aborted";
    if (refused && !o.has_scan()) return out + row("The result", "there is none");
    out += scanned("The result", o.has_scan() ? &o.scan() : nullptr, o.findings(), palette);
  } else {
    out += row("The result", "not recorded");
  }
  return out;
}

std::string proof(const v1::TraceResponse& trace, const Palette& palette) {
  std::string out =
      head(5, "Is there an audit record tying all of that together, and is it intact?", palette);
  const v1::Call& call = trace.call();
  std::string records = fmt::format("decision #{}", call.decision().sequence());
  if (call.has_outcome()) records += fmt::format(", outcome #{}", call.outcome().sequence());
  out += row("Records", fmt::format("{}, in segment {}", records, trace.segment()));
  out += row("Trace id", known(call.decision().trace_id()));
  if (call.has_outcome() && call.outcome().trace_id() != call.decision().trace_id()) {
    out += row("", palette.paint(Colour::kRed, "the outcome carries another trace id"));
  }
  const std::string sentence = trace.integrity().empty() ? "" : ": " + printable(trace.integrity());
  out += row("Intact", (trace.intact() ? palette.paint(Colour::kGreen, "yes")
                                       : palette.paint(Colour::kRed, "NO")) +
                           sentence);
  return out;
}

}  // namespace

std::string trace_text(const v1::TraceResponse& trace, const Palette& palette) {
  const v1::Record& record = trace.call().decision();
  const v1::Decision& d = record.decision();
  std::string out =
      fmt::format("Call {}: {}{}, {}\n", palette.paint(Colour::kBold, known(d.call_id())),
                  d.mode() == v1::MODE_OBSERVE ? "observed; would have been " : "",
                  palette.paint(colour_of(d.verdict()), verdict_done(d.verdict())),
                  time_text(record.time_unix_ns()));
  out += who(d, palette);
  out += permissions(d, palette);
  out += data(d, trace.call(), palette);
  out += injection(d, trace.call(), palette);
  out += proof(trace, palette);
  return out;
}

namespace {

// A call that the catalog has no name for. Of bytes that cannot be read no more is known than where
// they go.
std::string unnamed_text(const v1::Decision& d) {
  if (d.tool().has_mcp()) {
    return fmt::format("{} {}", d.tool().mcp().method(), d.tool().mcp().name());
  }
  const v1::Destination& to = d.destination();
  if (d.request().method().empty() && to.host().empty() && !to.address().empty()) {
    return fmt::format("{} port {}", to.dns_names().empty() ? to.address() : to.dns_names(0),
                       to.port());
  }
  return fmt::format("{} {}{}", d.request().method(), to.host(), d.request().path());
}

}  // namespace

std::string call_line_head() {
  return fmt::format("{:<24}  {:<12}  {:<7}  {:<12}  {:<18}  {:<24}  {:<10}  {}", "TIME", "CALL",
                     "VERDICT", "USER", "AGENT", "TOOL", "RESULT", "WHY");
}

std::string call_line(const v1::Call& call, const Palette& palette) {
  const v1::Decision& d = call.decision().decision();
  const std::string what = d.tool().name().empty() ? unnamed_text(d) : d.tool().name();
  std::string result = "-";
  if (call.has_outcome()) {
    const v1::Outcome& o = call.outcome().outcome();
    result = o.status() != 0 ? fmt::format("{}", o.status()) : o.result();
  }
  std::string verdict(verdict_name(d.verdict()));
  if (d.mode() == v1::MODE_OBSERVE) verdict = "(" + verdict + ")";  // nothing was done about it
  std::string why = d.code();
  if (!d.findings().empty()) {
    why += ", " + count_of(static_cast<std::uint64_t>(d.findings().size()), "finding");
  }
  why += llm_line(call);
  return time_text(call.decision().time_unix_ns()) + "  " + pad(printable(d.call_id()), 12) + "  " +
         palette.paint(colour_of(d.verdict()), pad(verdict, 7)) + "  " +
         pad(d.user().id().empty() ? "unattributed" : printable(d.user().id()), 12) + "  " +
         pad(printable(d.agent().id()), 18) + "  " + pad(printable(what), 24) + "  " +
         pad(printable(result), 10) + "  " + printable(why);
}

}  // namespace writ::cli
