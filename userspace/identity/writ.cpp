#include "identity/writ.h"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "identity/name.h"
#include "identity/terms.h"

namespace writ::identity {
namespace {

constexpr std::size_t kIdBytes = 16;
constexpr std::size_t kMaxName = 512;  // of a user a token names; our own are shorter

bool valid_id(std::string_view id) {
  return id.size() == 2 * kIdBytes &&
         id.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

bool is_name(std::string_view text) { return !text.empty() && valid_text(text, kMaxName); }

bool are_names(const std::vector<std::string>& names) {
  return std::all_of(names.begin(), names.end(), is_name);
}

bool within(const Scopes& inner, const Scopes& outer) { return intersect(inner, outer) == inner; }

Status wrong(const char* what) {
  return fail(ErrorCode::kInvalid, "no writ that was issued: {}", what);
}

Status check_chain(const Writ& writ) {
  const std::size_t links = writ.chain.size();
  if (links == 0 || links > kMaxDepth + 1 || writ.chain_writs.size() != links)
    return wrong("its chain is too short or too long");
  if (writ.chain.back() != writ.agent.id || writ.chain_writs.back() != writ.id)
    return wrong("its chain does not end with it");
  if (writ.parent != (links == 1 ? std::string() : writ.chain_writs[links - 2]))
    return wrong("its parent is not the one before it in its chain");
  if (!are_names(writ.chain) ||
      !std::all_of(writ.chain_writs.begin(), writ.chain_writs.end(), valid_id))
    return wrong("its chain holds what is no name");
  std::vector<std::string> sorted = writ.chain;
  std::sort(sorted.begin(), sorted.end());
  if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end())
    return wrong("an agent stands in its chain twice");
  return {};
}

}  // namespace

TimePoint later(TimePoint now, std::chrono::milliseconds duration) {
  const auto room = std::chrono::floor<std::chrono::milliseconds>(TimePoint::max() - now);
  return duration >= room ? TimePoint::max() : now + duration;
}

Result<std::string> new_writ_id() {
  std::array<unsigned char, kIdBytes> bytes{};
  // Up to 256 bytes come whole or not at all, see getrandom(2).
  ssize_t got = 0;
  do {
    got = getrandom(bytes.data(), bytes.size(), 0);
  } while (got < 0 && errno == EINTR);
  if (got != static_cast<ssize_t>(bytes.size())) return fail_errno(errno, "draw a writ id");
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const unsigned char byte : bytes) text += fmt::format("{:02x}", byte);
  return text;
}

Status check_asked(const Asked& asked) {
  if (!valid_text(asked.task, kMaxTask)) {
    return fail(ErrorCode::kInvalid, "the task must be at most {} bytes of text on one line",
                kMaxTask);
  }
  if (asked.ttl && (*asked.ttl <= std::chrono::milliseconds(0) || *asked.ttl > kMaxTtl)) {
    return fail(ErrorCode::kInvalid, "the ttl must be over 0 and at most {} hours",
                kMaxTtl.count());
  }
  if (!asked.scopes) return {};
  if (asked.scopes->size() > kMaxScopes)
    return fail(ErrorCode::kInvalid, "more than {} scopes (use wildcards: crm.*)", kMaxScopes);
  if (!std::all_of(asked.scopes->begin(), asked.scopes->end(), valid_scope)) {
    return fail(ErrorCode::kInvalid,
                "one of the scopes asked for is none (words with dots, '*' only as the whole last "
                "word: crm.contacts.read, crm.*)");
  }
  return {};
}

Result<Scopes> take_scopes(const Scopes& had, const Asked& asked, std::string_view who) {
  if (!asked.scopes) return had;
  const Scopes absent = missing(had, *asked.scopes);
  if (!absent.empty() && !asked.narrow) {
    constexpr std::size_t kShown = 8;
    std::string names;
    for (std::size_t i = 0; i < std::min(absent.size(), kShown); ++i)
      names += (i == 0 ? "" : ", ") + absent[i];
    if (absent.size() > kShown) names += fmt::format(" and {} more", absent.size() - kShown);
    return fail(ErrorCode::kDenied, "{} do not both have {} (ask for less, or for what there is)",
                who, names);
  }
  return intersect(had, *asked.scopes);
}

Result<Writ> issue(const User& user, const Agent& agent, const Asked& asked, TimePoint now) {
  if (user.tenant != agent.tenant) {
    return fail(ErrorCode::kDenied,
                "agent '{}' of tenant '{}' may not act for user '{}' of tenant '{}'", agent.id,
                agent.tenant, user.id, user.tenant);
  }
  if (asked.strength == IdentityStrength::kNone) {
    return fail(ErrorCode::kDenied, "nobody vouches for user '{}', so no writ is issued for them",
                user.id);
  }
  if (Status checked = check_asked(asked); !checked) return tl::unexpected(checked.error());
  auto scopes = take_scopes(intersect(user.scopes, agent.scopes), asked,
                            fmt::format("user '{}' and agent '{}'", user.id, agent.id));
  if (!scopes) return tl::unexpected(scopes.error());
  auto id = new_writ_id();
  if (!id) return tl::unexpected(id.error());
  Writ writ{.id = *id,
            .tenant = user.tenant,
            .user = user,
            .agent = agent,
            .chain = {agent.id},
            .chain_writs = {*id},
            .effective = std::move(*scopes),
            .limits = min(agent.limits, asked.limits),
            .task = asked.task,
            .tier = asked.tier,
            .delegations_left = std::min(agent.max_depth, kMaxDepth),
            .via = asked.via,
            .strength = asked.strength,
            .issuer = asked.issuer,
            .token_digest = asked.token_digest,
            .not_before = std::max(now, asked.not_before.value_or(now))};
  std::optional<std::chrono::milliseconds> life = asked.ttl;
  switch (asked.lifetime) {
    case Lifetime::kSession:
      life = min_limit(life, writ.limits.max_duration);
      break;
    case Lifetime::kGrant:
      if (!life) life = agent.ttl.value_or(kDefaultTtl);
      break;
  }
  if (life) writ.not_after = later(writ.not_before, *life);
  if (asked.until) writ.not_after = std::min(writ.not_after.value_or(*asked.until), *asked.until);
  if (Status checked = check_writ(writ); !checked) return tl::unexpected(checked.error());
  return writ;
}

Status check_writ(const Writ& writ) {
  if (!valid_id(writ.id)) return wrong("its id is not 32 hex digits");
  if (!valid_name(writ.tenant) || !is_name(writ.user.id) || !is_name(writ.agent.id))
    return wrong("its tenant, user or agent has no name");
  if (writ.user.tenant != writ.tenant || writ.agent.tenant != writ.tenant)
    return wrong("its user and agent are not of its tenant");
  if (Status chain = check_chain(writ); !chain) return chain;
  const bool text = valid_text(writ.user.email, kMaxName) && are_names(writ.user.roles) &&
                    valid_text(writ.task, kMaxTask) && valid_text(writ.via, kMaxName) &&
                    valid_text(writ.issuer, kMaxTask) && valid_text(writ.token_digest, kMaxName);
  if (!text) return wrong("it holds what is no text on one line");
  if (writ.strength == IdentityStrength::kNone) return wrong("nobody vouches for its user");
  for (const Scopes* scopes : {&writ.user.scopes, &writ.agent.scopes, &writ.effective}) {
    if (scopes->size() > kMaxScopes) return wrong("it has too many scopes");
    if (!std::all_of(scopes->begin(), scopes->end(), valid_scope))
      return wrong("one of its scopes is none");
  }
  if (!within(writ.effective, writ.user.scopes) || !within(writ.effective, writ.agent.scopes))
    return wrong("it grants what user and agent do not both have");
  if (writ.delegations_left + writ.chain.size() > kMaxDepth + 1)
    return wrong("it may be delegated too often");
  if (writ.not_after && *writ.not_after < writ.not_before) return wrong("it ends before it begins");
  return {};
}

}  // namespace writ::identity
