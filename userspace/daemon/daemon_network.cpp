// Datagrams: whom sessions may ask for names, and what leaves unread.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "daemon/daemon.h"

namespace writ::daemon {

// What resolv.conf says now is told to the kernel side.
Status Daemon::look_at_resolvers() {
  if (!resolvers_.look() && resolvers_problem_.empty()) return {};
  Status told = tap_->set_resolvers(resolvers_.addresses());
  const std::string problem = told ? "" : told.error().message;
  if (!told && problem != resolvers_problem_) spdlog::error("{}", problem);
  resolvers_problem_ = problem;
  return told;
}

// Of the sessions that somebody may see, or where there are none of the policy.
void Daemon::check_network(const Sight& sight, v1::Check& check) const {
  std::uint32_t seen = 0;
  std::uint32_t quic = 0;
  std::uint32_t open_dns = 0;
  const auto look = [&](const policy::Network& network) {
    ++seen;
    if (network.quic == policy::Quic::kAllow) ++quic;
    if (network.dns == policy::Dns::kAny) ++open_dns;
  };
  for (const auto& [cgroup, session] : sessions_) {
    if (sight.covers(session->writ.tenant, session->writ.user.id)) look(session->policy->network());
  }
  const bool sessions = seen != 0;
  if (!sessions) {
    look(policies_->of(sight.all() ? std::string_view() : sight.tenant())->network());
  }
  const auto where = [&](std::uint32_t count) {
    return sessions ? fmt::format(" in {} of {} sessions", count, seen) : std::string();
  };
  std::string detail = quic == 0 ? "QUIC is refused"
                                 : fmt::format("QUIC (UDP port 443) leaves UNREAD{}", where(quic));
  detail += fmt::format("; DNS may be asked of {} ({})", to_text(resolvers_.addresses()),
                        resolvers_.source());
  if (open_dns != 0) detail += fmt::format(", and of ANYBODY{}", where(open_dns));
  detail += "; no other datagram leaves an enforced session";
  check.set_name("datagrams");
  check.set_ok(resolvers_problem_.empty());
  if (!check.ok()) {
    detail += fmt::format("; of those some may not be asked: {}", resolvers_problem_);
    check.set_hint("writd tries again every second; restart it if this stays");
  }
  check.set_detail(detail);
}

}  // namespace writ::daemon
