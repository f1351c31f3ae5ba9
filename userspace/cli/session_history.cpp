#include "cli/session_history.h"

#include <algorithm>
#include <functional>
#include <vector>

namespace writ::cli {
namespace {

std::size_t hash_of(const std::string& session) { return std::hash<std::string>()(session); }

}  // namespace

const policy::SessionFacts* SessionHistories::before(const RecordedCall& call) {
  if (sessions_.size() >= kMaxSessions && !sessions_.contains(call.session())) give_up_silent();
  const auto [found, added] = sessions_.try_emplace(call.session());
  Session& session = found->second;
  if (added) session.lost = given_up_.contains(hash_of(call.session()));
  if (call.sequence() < session.last_sequence) session.lost = true;
  session.last_sequence = std::max(session.last_sequence, call.sequence());

  const auto due = session.waiting.lower_bound(call.sequence());
  for (auto it = session.waiting.begin(); it != due; ++it) {
    std::vector<policy::FindingView> views;
    views.reserve(it->second.findings.size());
    for (const policy::AskedFinding& one : it->second.findings)
      views.push_back({.rule = one.rule, .category = one.category, .count = one.count});
    session.facts.note_result(it->second.tool, it->second.untrusted, views);
  }
  session.waiting.erase(session.waiting.begin(), due);
  return session.lost ? nullptr : &session.facts;
}

void SessionHistories::note(const policy::Policy& policy, const RecordedCall& call) {
  Session& session = sessions_.at(call.session());
  const auto match = call.match(policy);
  const std::string_view name = match ? std::string_view(match->tool->name) : policy::kUnnamed;
  const bool traffic = match && match->tool->traffic;
  if (call.let_go() && !traffic) session.facts.note_call(name, call.digest());
  if (!call.result()) return;
  const auto settings =
      policy.settings(call.writ().user.id, match ? &*match : nullptr, call.writ().tier);
  Result result{.tool = std::string(name),
                .untrusted = !match || match->tool->untrusted,
                .findings = call.result()->findings};
  if (settings.results == policy::ResultAction::kOff) result.findings.clear();
  session.waiting.emplace(call.result()->sequence, std::move(result));
  if (session.waiting.size() <= kMaxWaiting) return;
  session.waiting.clear();
  session.lost = true;
}

// The half that has been silent longest.
void SessionHistories::give_up_silent() {
  std::vector<std::uint64_t> last;
  last.reserve(sessions_.size());
  for (const auto& [id, session] : sessions_) last.push_back(session.last_sequence);
  const auto middle = last.begin() + static_cast<std::ptrdiff_t>(last.size() / 2);
  std::nth_element(last.begin(), middle, last.end());
  for (auto it = sessions_.begin(); it != sessions_.end();) {
    if (it->second.last_sequence > *middle) {
      ++it;
      continue;
    }
    given_up_.insert(hash_of(it->first));
    it = sessions_.erase(it);
  }
}

}  // namespace writ::cli
