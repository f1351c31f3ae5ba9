// What the writ desk tells: `writ list`, `writ show`, and the audit record.
#include <algorithm>
#include <chrono>

#include "daemon/call.h"
#include "daemon/writ_desk.h"

namespace writ::daemon {
namespace {

std::uint64_t unix_ns(std::chrono::system_clock::time_point at) {
  const auto ns =
      std::chrono::duration_cast<std::chrono::nanoseconds>(at.time_since_epoch()).count();
  return ns > 0 ? static_cast<std::uint64_t>(ns) : 0;
}

template <class Strings>
void copy(const std::vector<std::string>& from, Strings& to) {
  to.Assign(from.begin(), from.end());
}

// The parts that WritInfo and WritEvent have in common.
template <class Message>
void fill(const identity::Writ& writ, Message& out) {
  out.set_tenant(writ.tenant);
  fill_user(writ, *out.mutable_user());
  fill_agent(writ, *out.mutable_agent());
  copy(writ.chain, *out.mutable_chain());
  copy(writ.effective, *out.mutable_effective_scopes());
  out.set_task(writ.task);
  out.set_tier(std::string(identity::to_text(writ.tier)));
  fill_limits(writ.limits, *out.mutable_limits());
  out.set_not_before_unix_ns(unix_ns(writ.not_before));
  if (writ.not_after) out.set_not_after_unix_ns(unix_ns(*writ.not_after));
  out.set_parent_id(writ.parent);
}

v1::WritInfo to_info(const identity::WritEntry& entry) {
  v1::WritInfo info;
  info.set_id(entry.writ->id);
  fill(*entry.writ, info);
  copy(entry.writ->chain_writs, *info.mutable_chain_writs());
  info.set_state(std::string(identity::to_text(entry.state)));
  if (entry.revocation != nullptr) {
    info.set_revoked_unix_ns(unix_ns(entry.revocation->at));
    info.set_revoked_by(entry.revocation->by);
  }
  return info;
}

}  // namespace

std::vector<v1::WritInfo> WritDesk::list(const Sight& sight, bool ended) const {
  std::vector<v1::WritInfo> all;
  const auto tenant = sight.all() ? std::nullopt : std::optional<std::string_view>(sight.tenant());
  for (const identity::WritEntry& entry :
       parts_.book.list(tenant, std::chrono::system_clock::now())) {
    const bool over = entry.state == identity::WritState::kRevoked ||
                      entry.state == identity::WritState::kExpired;
    if (over && !ended) continue;
    if (sight.covers(entry.writ->tenant, entry.writ->user.id)) all.push_back(to_info(entry));
  }
  return all;
}

Result<v1::WritInfo> WritDesk::show(const Sight& sight, const std::string& id) const {
  const auto handle = parts_.book.find(
      sight.all() ? std::nullopt : std::optional<std::string_view>(sight.tenant()), id);
  if (!handle && handle.error().code == ErrorCode::kInvalid) return tl::unexpected(handle.error());
  const identity::Writ* writ = handle ? parts_.book.get(*handle) : nullptr;
  if (writ == nullptr || !sight.covers(writ->tenant, writ->user.id)) {
    return fail(ErrorCode::kNotFound, "there is no writ '{}' (`writ list --all` shows yours)",
                printable(id));
  }
  return info(*handle);
}

v1::WritInfo WritDesk::info(identity::WritHandle handle) const {
  const auto entry = parts_.book.entry(handle, std::chrono::system_clock::now());
  return entry ? to_info(*entry) : v1::WritInfo();
}

Status WritDesk::record(const identity::Writ& writ, const char* what, const std::string& by,
                        const std::string& detail) {
  v1::Record record;
  v1::WritEvent& event = *record.mutable_writ();
  event.set_what(what);
  event.set_writ_id(writ.id);
  fill(writ, event);
  event.set_by(by);
  event.set_detail(printable(detail));
  auto written = parts_.audit.append(record);
  if (!written) return tl::unexpected(written.error());
  return {};
}

}  // namespace writ::daemon
