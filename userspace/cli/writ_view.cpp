#include "cli/writ_view.h"

#include <fmt/format.h>

#include "cli/time_text.h"

namespace writ::cli {
namespace {

template <class Strings>
std::string joined(const Strings& parts, std::string_view between) {
  return join({parts.begin(), parts.end()}, between);
}

std::string left(const v1::WritInfo& writ, std::uint64_t now) {
  if (writ.state() != "active") return writ.state();
  if (writ.not_after_unix_ns() == 0) return "its session's life";
  return duration_text(writ.not_after_unix_ns() > now ? writ.not_after_unix_ns() - now : 0);
}

std::string limits_text(const v1::Limits& limits) {
  std::vector<std::string> parts;
  if (limits.has_max_tool_calls()) {
    parts.push_back(fmt::format("{} tool calls", limits.max_tool_calls()));
  }
  if (limits.has_calls_per_minute()) {
    parts.push_back(fmt::format("{} calls a minute", limits.calls_per_minute()));
  }
  if (limits.has_max_duration_ms()) {
    parts.push_back("for " + duration_text(limits.max_duration_ms() * 1'000'000));
  }
  return parts.empty() ? "none" : join(parts, ", ");
}

}  // namespace

Table writ_table() {
  return Table({"WRIT", "TENANT", "USER", "CHAIN", "TIER", "LEFT", "SCOPES", "TASK"});
}

void add_writ(Table& table, const v1::WritInfo& writ, std::uint64_t now) {
  table.add({writ.id(), writ.tenant(), writ.user().id(), joined(writ.chain(), " → "), writ.tier(),
             left(writ, now), joined(writ.effective_scopes(), " "), writ.task()});
}

std::string writ_text(const v1::WritInfo& writ, std::uint64_t now, const Palette& palette) {
  std::string out = palette.paint(Colour::kBold, "Writ " + printable(writ.id())) + "\n";
  const auto line = [&](std::string_view name, const std::string& value) {
    if (!value.empty()) out += "  " + pad(std::string(name), 14) + printable(value) + "\n";
  };
  line("state", writ.state());
  if (writ.revoked_unix_ns() != 0) {
    line("revoked", fmt::format("{} by {}", time_text(writ.revoked_unix_ns()), writ.revoked_by()));
  }
  line("tenant", writ.tenant());
  line("user", fmt::format("{} (known by {}, {})", writ.user().id(), writ.user().via(),
                           writ.user().strength()));
  line("chain", joined(writ.chain(), " → "));
  line("parent", writ.parent_id());
  line("scopes", writ.effective_scopes().empty() ? "none: nothing is permitted"
                                                 : joined(writ.effective_scopes(), " "));
  line("task", writ.task());
  line("tier", writ.tier());
  line("limits", limits_text(writ.limits()));
  line("from", time_text(writ.not_before_unix_ns()));
  line("until", writ.not_after_unix_ns() == 0
                    ? "the end of its session"
                    : fmt::format("{} ({})", time_text(writ.not_after_unix_ns()), left(writ, now)));
  line("sessions", joined(writ.sessions(), " "));
  return out;
}

}  // namespace writ::cli
