#include "identity/standing.h"

#include <algorithm>
#include <array>

namespace writ::identity {
namespace {

constexpr std::array kTiers{Tier::kInteractive, Tier::kSubagent, Tier::kBackground, Tier::kApi};
constexpr std::array kStrengths{IdentityStrength::kNone, IdentityStrength::kAsserted,
                                IdentityStrength::kUnixPeer, IdentityStrength::kLogin,
                                IdentityStrength::kToken};

template <class Values>
std::optional<typename Values::value_type> named(const Values& values, std::string_view text) {
  const auto found = std::find_if(values.begin(), values.end(),
                                  [&](const auto value) { return to_text(value) == text; });
  if (found == values.end()) return std::nullopt;
  return *found;
}

}  // namespace

std::string_view to_text(Tier tier) {
  switch (tier) {
    case Tier::kInteractive:
      return "interactive";
    case Tier::kSubagent:
      return "subagent";
    case Tier::kBackground:
      return "background";
    case Tier::kApi:
      return "api";
  }
  return "";
}

std::string_view to_text(IdentityStrength strength) {
  switch (strength) {
    case IdentityStrength::kNone:
      return "none";
    case IdentityStrength::kAsserted:
      return "asserted";
    case IdentityStrength::kUnixPeer:
      return "unix_peer";
    case IdentityStrength::kLogin:
      return "login";
    case IdentityStrength::kToken:
      return "token";
  }
  return "";
}

std::optional<Tier> tier_from_text(std::string_view text) { return named(kTiers, text); }
std::optional<IdentityStrength> strength_from_text(std::string_view text) {
  return named(kStrengths, text);
}

}  // namespace writ::identity
