#include "cli/status_view.h"

#include <algorithm>

#include "cli/names.h"
#include "cli/time_text.h"

namespace writ::cli {
namespace {

std::string age(std::uint64_t since_unix_ns, std::uint64_t now_unix_ns) {
  return duration_text(now_unix_ns > since_unix_ns ? now_unix_ns - since_unix_ns : 0);
}

std::string sessions_text(const v1::StatusResponse& status, std::uint64_t now_unix_ns) {
  if (status.sessions().empty()) return "No session is running.\n";
  Table table({"SESSION", "USER", "AGENT", "MODE", "AGE", "PROCESSES", "CALLS", "DENIED", "HELD"});
  for (const v1::SessionStatus& s : status.sessions()) {
    table.add({s.session_id(), s.user().empty() ? "unattributed" : s.user(), s.agent(),
               std::string(mode_name(s.mode())), age(s.started_unix_ns(), now_unix_ns),
               std::to_string(s.processes()), std::to_string(s.calls()), std::to_string(s.denied()),
               std::to_string(s.held())});
  }
  return table.text();
}

}  // namespace

std::string status_text(const v1::StatusResponse& status, std::uint64_t now_unix_ns,
                        const Palette& palette) {
  std::string out;
  auto line = [&](std::string_view name, const std::string& value) {
    out += pad(std::string(name), 12) + printable(value) + "\n";
  };
  line("writd",
       fmt::format("{}, up {}", status.version(), age(status.started_unix_ns(), now_unix_ns)));
  line("policy", status.policy_version());
  line("rules", status.ruleset_version());
  line("audit", fmt::format("{} kept, durability {}", count_of(status.last_sequence(), "record"),
                            status.durability()));
  if (!status.policy_problem().empty()) {
    out += "\n" + palette.paint(Colour::kRed, "The policy on disk is not in force: ") +
           printable(status.policy_problem()) +
           "\n  What is in force is the version above. Check the files with `writ policy check`.\n";
  }
  if (status.not_in_force() > 0) {
    out += "\n" + palette.paint(Colour::kYellow, "Not in force as it is written: ") +
           fmt::format("{}", status.not_in_force()) +
           " of the policy's rules and settings (see `writ doctor`).\n";
  }
  if (status.ungoverned_commands() > 0) {
    out += "\n" + palette.paint(Colour::kYellow, "Commands are not governed") +
           fmt::format(" in {}: no tool of their policy is a `program`.\n",
                       count_of(status.ungoverned_commands(), "session"));
  }
  if (status.ungoverned_stdio() > 0) {
    out += "\n" + palette.paint(Colour::kYellow, "MCP over stdio is not governed") +
           fmt::format(" in {}: no tool of their policy is a `server`'s.\n",
                       count_of(status.ungoverned_stdio(), "session"));
  }
  if (status.unread_quic() > 0) {
    out += "\n" + palette.paint(Colour::kYellow, "QUIC leaves unread") +
           fmt::format(" in {}: their policy says `network: {{quic: allow}}`.\n",
                       count_of(status.unread_quic(), "session"));
  }
  if (status.open_dns() > 0) {
    out += "\n" + palette.paint(Colour::kYellow, "DNS may be asked of anybody") +
           fmt::format(" in {}: their policy says `network: {{dns: any}}`.\n",
                       count_of(status.open_dns(), "session"));
  }
  out += "\n" + sessions_text(status, now_unix_ns);

  const bool lossless = std::all_of(status.counters().begin(), status.counters().end(),
                                    [](const v1::Counter& c) { return c.value() == 0; });
  if (status.counters().empty()) return out;
  if (lossless) {
    out += status.not_in_force() == 0 ? "\nNothing was lost and nothing is degraded.\n"
                                      : "\nNothing was lost.\n";
    return out;
  }
  out += "\n" + palette.paint(Colour::kYellow, "Losses and degraded modes since the start:") + "\n";
  for (const v1::Counter& counter : status.counters()) {
    if (counter.value() != 0) {
      out += fmt::format("  {:>10}  {}\n", counter.value(), printable(counter.name()));
    }
  }
  return out;
}

std::string doctor_text(const v1::DoctorResponse& report, const Palette& palette) {
  auto mark = [&](bool ok) {
    return ok ? palette.paint(Colour::kGreen, "✓") : palette.paint(Colour::kRed, "✗");
  };
  std::string out = palette.paint(Colour::kBold, "This host") + "\n";
  std::size_t widest = 0;
  for (const v1::Check& check : report.checks()) widest = std::max(widest, check.name().size());
  for (const v1::Check& check : report.checks()) {
    out += fmt::format("  {} {}  {}\n", mark(check.ok()), pad(printable(check.name()), widest),
                       printable(check.detail()));
    if (!check.ok() && !check.hint().empty()) {
      out += fmt::format("      → {}\n", printable(check.hint()));
    }
  }
  out += "\n" + palette.paint(Colour::kBold, "Governed processes") + "\n";
  if (report.processes().empty()) out += "  none\n";
  for (const v1::ProcessCoverage& process : report.processes()) {
    out += fmt::format("  {} {} {} (session {}): {}\n", mark(process.covered()), process.pid(),
                       printable(process.exe()), printable(process.session_id()),
                       process.covered() ? "covered" : "not covered");
    if (!process.why().empty()) out += fmt::format("      {}\n", printable(process.why()));
  }
  const auto failed = std::count_if(report.checks().begin(), report.checks().end(),
                                    [](const v1::Check& check) { return !check.ok(); });
  out += failed == 0
             ? "\nAll checks passed.\n"
             : fmt::format("\n{} failed.\n", count_of(static_cast<std::uint64_t>(failed), "check"));
  return out;
}

bool is_healthy(const v1::DoctorResponse& report) {
  return std::all_of(report.checks().begin(), report.checks().end(),
                     [](const v1::Check& check) { return check.ok(); });
}

}  // namespace writ::cli
