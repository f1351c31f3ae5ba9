#include "identity/delegation.h"

#include <algorithm>

#include "identity/terms.h"

namespace writ::identity {
namespace {

Status may_delegate(const Writ& parent, const Agent& child, TimePoint now) {
  if (child.tenant != parent.tenant) {
    return fail(ErrorCode::kDenied, "agent '{}' is of another tenant than the writ {}", child.id,
                parent.id);
  }
  if (now < parent.not_before)
    return fail(ErrorCode::kDenied, "the writ {} is not valid yet", parent.id);
  if (parent.not_after && now >= *parent.not_after)
    return fail(ErrorCode::kDenied, "the writ {} has expired", parent.id);
  if (parent.delegations_left == 0 || parent.chain.size() > kMaxDepth) {
    return fail(ErrorCode::kDenied,
                "the chain {} may not grow (max_depth of one of its agents, and {} in any case)",
                fmt::join(parent.chain, " > "), kMaxDepth);
  }
  if (std::find(parent.chain.begin(), parent.chain.end(), child.id) != parent.chain.end()) {
    return fail(ErrorCode::kDenied, "agent '{}' is in the chain {} already", child.id,
                fmt::join(parent.chain, " > "));
  }
  return {};
}

// Whether `names` is `before` with one more behind it.
bool follows(const std::vector<std::string>& before, const std::vector<std::string>& names) {
  return names.size() == before.size() + 1 &&
         std::equal(before.begin(), before.end(), names.begin());
}

}  // namespace

Result<Writ> delegate(const Writ& parent, const Agent& child, const Asked& asked,
                      const Limits& rest, TimePoint now) {
  if (Status allowed = may_delegate(parent, child, now); !allowed)
    return tl::unexpected(allowed.error());
  if (Status checked = check_asked(asked); !checked) return tl::unexpected(checked.error());
  auto scopes = take_scopes(intersect(parent.effective, child.scopes), asked,
                            fmt::format("the writ {} and agent '{}'", parent.id, child.id));
  if (!scopes) return tl::unexpected(scopes.error());
  auto id = new_writ_id();
  if (!id) return tl::unexpected(id.error());
  Writ writ = parent;
  writ.id = *id;
  writ.agent = child;
  if (parent.agent.mode.value_or(Mode::kEnforce) == Mode::kEnforce)
    writ.agent.mode = Mode::kEnforce;
  writ.chain.push_back(child.id);
  writ.chain_writs.push_back(*id);
  writ.parent = parent.id;
  writ.effective = std::move(*scopes);
  writ.limits = min(min(parent.limits, rest), min(child.limits, asked.limits));
  if (!asked.task.empty()) writ.task = asked.task;
  writ.tier = Tier::kSubagent;
  writ.delegations_left = std::min(parent.delegations_left - 1, child.max_depth);
  writ.not_before = std::max(now, asked.not_before.value_or(now));
  if (const auto life = min_limit(asked.ttl, writ.limits.max_duration)) {
    const TimePoint end = later(writ.not_before, *life);
    writ.not_after = std::min(end, parent.not_after.value_or(end));
  }
  if (writ.not_after && writ.not_before >= *writ.not_after) {
    return fail(ErrorCode::kDenied, "the writ {} has no time left that a child could have",
                parent.id);
  }
  if (Status checked = check_writ(writ); !checked) return tl::unexpected(checked.error());
  return writ;
}

Status check_link(const Writ& parent, const Writ& child) {
  const auto wrong = [&](const char* what) {
    return fail(ErrorCode::kDenied, "the writ {} cannot be delegated from {}: {}", child.id,
                parent.id, what);
  };
  if (child.parent != parent.id || !follows(parent.chain_writs, child.chain_writs) ||
      !follows(parent.chain, child.chain))
    return wrong("its chain is not the parent's with one more agent");
  if (child.tenant != parent.tenant || child.user.id != parent.user.id ||
      child.strength != parent.strength)
    return wrong("it is for somebody else");
  if (child.delegations_left >= parent.delegations_left) return wrong("the chain is too long");
  if (intersect(child.effective, parent.effective) != child.effective)
    return wrong("it grants more");
  if (min(child.limits, parent.limits) != child.limits) return wrong("its limits are wider");
  if (child.tier != Tier::kSubagent) return wrong("its tier is not subagent");
  return {};
}

}  // namespace writ::identity
