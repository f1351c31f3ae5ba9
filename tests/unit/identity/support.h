// People, agents and writs for the tests of this folder.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "identity/delegation.h"
#include "identity/writ.h"

namespace writ::identity {

inline const TimePoint kNow{std::chrono::hours(480'000)};

inline User user(std::string id, Scopes scopes = {"*"}, std::string tenant = kDefaultTenant) {
  return {.id = std::move(id), .tenant = std::move(tenant), .scopes = std::move(scopes)};
}

inline Agent agent(std::string id, Scopes scopes = {"*"}, std::string tenant = kDefaultTenant) {
  return {.id = std::move(id), .tenant = std::move(tenant), .scopes = std::move(scopes)};
}

inline Asked asked_by_peer(Asked asked) {
  asked.via = "unix-peer";
  asked.strength = IdentityStrength::kUnixPeer;
  return asked;
}

inline Writ issued(const User& user, const Agent& agent, Asked asked = {}, TimePoint now = kNow) {
  auto writ = issue(user, agent, asked_by_peer(std::move(asked)), now);
  if (!writ) ADD_FAILURE() << writ.error().message;
  return std::move(writ).value_or(Writ());
}

inline Writ delegated(const Writ& parent, const Agent& child, const Asked& asked = {},
                      TimePoint now = kNow) {
  auto writ = delegate(parent, child, asked, parent.limits, now);
  if (!writ) ADD_FAILURE() << writ.error().message;
  return std::move(writ).value_or(Writ());
}

}  // namespace writ::identity
