#include "identity/writ.h"

#include <sys/random.h>

#include <array>
#include <cerrno>

namespace writ::identity {
namespace {

Result<std::string> random_id() {
  std::array<unsigned char, 16> bytes{};
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

}  // namespace

Result<Writ> issue(const User& user, const Agent& agent, std::string via,
                   std::chrono::system_clock::time_point now) {
  if (user.tenant != agent.tenant) {
    return fail(ErrorCode::kDenied,
                "agent '{}' of tenant '{}' may not act for user '{}' of tenant '{}'", agent.id,
                agent.tenant, user.id, user.tenant);
  }
  Result<std::string> id = random_id();
  if (!id) return tl::unexpected(id.error());
  Writ writ{.id = std::move(*id),
            .tenant = user.tenant,
            .user = user,
            .agent = agent,
            .chain = {agent.id},
            .effective = intersect(user.scopes, agent.scopes),
            .via = std::move(via)};
  if (agent.max_duration) writ.not_after = now + *agent.max_duration;
  return writ;
}

}  // namespace writ::identity
