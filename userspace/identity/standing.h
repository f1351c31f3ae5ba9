// In which role an agent runs, and how well its person is known: two words of every writ.
#pragma once

#include <optional>
#include <string_view>

namespace writ::identity {

// The role of a session, for policies to tell apart.
enum class Tier {
  kInteractive,  // "interactive": a person sits in front of it
  kSubagent,     // "subagent": another agent started it; every delegated writ
  kBackground,   // "background": nobody watches
  kApi,          // "api": a service that acts on requests
};

std::string_view to_text(Tier tier);
std::optional<Tier> tier_from_text(std::string_view text);

// How the person became known, weakest first, so that a policy can ask for `>= kLogin`.
enum class IdentityStrength {
  kNone,      // "none": nobody is known; no writ is issued on that
  kAsserted,  // "asserted": root, or a unit that root wrote, said so
  kUnixPeer,  // "unix_peer": the kernel named the account at the other end of the socket
  kLogin,     // "login": the account of a login session (loginuid), which sudo does not change
  kToken,     // "token": a token that an identity provider signed
};

std::string_view to_text(IdentityStrength strength);
std::optional<IdentityStrength> strength_from_text(std::string_view text);

}  // namespace writ::identity
