#include "daemon/writ_desk.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "daemon/call.h"
#include "identity/delegation.h"

namespace writ::daemon {
namespace {

using identity::WritHandle;

std::chrono::system_clock::time_point wall_now() { return std::chrono::system_clock::now(); }

identity::Limits limits_of(const v1::Limits& asked) {
  identity::Limits limits;
  if (asked.has_max_tool_calls()) limits.max_tool_calls = asked.max_tool_calls();
  if (asked.has_max_duration_ms()) {
    limits.max_duration = std::chrono::milliseconds(
        std::min<std::uint64_t>(asked.max_duration_ms(), std::uint64_t{INT64_MAX} / 1'000'000));
  }
  if (asked.has_calls_per_minute()) limits.calls_per_minute = asked.calls_per_minute();
  return limits;
}

Result<identity::Asked> asked_of(const v1::WritTerms& terms) {
  identity::Asked asked;
  if (!terms.scopes().empty()) asked.scopes = {terms.scopes().begin(), terms.scopes().end()};
  asked.limits = limits_of(terms.limits());
  if (terms.ttl_ms() > 0) {
    asked.ttl = std::chrono::milliseconds(
        std::min<std::uint64_t>(terms.ttl_ms(), std::uint64_t{INT64_MAX} / 1'000'000));
  }
  asked.task = terms.task();
  if (!terms.tier().empty()) {
    const auto tier = identity::tier_from_text(terms.tier());
    if (!tier) {
      return fail(ErrorCode::kInvalid, "'{}' is no tier (interactive, subagent, background or api)",
                  printable(terms.tier()));
    }
    asked.tier = *tier;
  } else {
    asked.tier = identity::Tier::kBackground;
  }
  return asked;
}

// One answer for what is not there and for what is not the asker's: nobody learns which ids exist.
tl::unexpected<Error> no_such_writ(const std::string& id) {
  return fail(ErrorCode::kNotFound, "there is no writ '{}' (`writ list --all` shows yours)",
              printable(id));
}

}  // namespace

void fill_limits(const identity::Limits& from, v1::Limits& to) {
  if (from.max_tool_calls) to.set_max_tool_calls(*from.max_tool_calls);
  if (from.max_duration) {
    to.set_max_duration_ms(static_cast<std::uint64_t>(from.max_duration->count()));
  }
  if (from.calls_per_minute) to.set_calls_per_minute(*from.calls_per_minute);
}

// --- Who it is for ---

void WritDesk::find_person(const Caller& caller, const v1::WritTerms& terms, Known then) {
  if (caller.session != nullptr) {
    return then(fail(ErrorCode::kDenied,
                     "{} is governed itself: it can only pass on what it has (writ run --as-child)",
                     caller.name()));
  }
  if (!terms.token().empty()) {
    if (!terms.user().empty()) {
      return then(fail(ErrorCode::kInvalid, "a token says who it is for: leave out the user"));
    }
    if (parts_.tokens == nullptr) {
      return then(fail(
          ErrorCode::kUnavailable,
          "no issuer of tokens is configured (write {}, start from policies/identity/issuers.yaml)",
          parts_.issuers_path));
    }
    parts_.tokens->verify(terms.token(), [this, terms, then = std::move(then)](
                                             const Result<identity::VerifiedPerson>& verified) {
      if (!verified) return then(tl::unexpected(verified.error()));
      auto person = person_of_token(*verified, terms);
      if (person) person->expires = verified->expires;
      then(std::move(person));
    });
    return;
  }
  if (!terms.user().empty()) {
    if (!caller.root()) {
      return then(fail(ErrorCode::kDenied,
                       "only root may act for another user (leave out --user, or bring their "
                       "token: --token-file)"));
    }
    const auto user = parts_.directory.find_user(terms.tenant(), terms.user());
    if (!user) {
      return then(
          fail(user.error().code, "{} (users are in {})", user.error().message, parts_.users_path));
    }
    return then(Person{.user = **user,
                       .via = "run --user",
                       .strength = identity::IdentityStrength::kAsserted,
                       .issuer = {},
                       .token = {},
                       .expires = {},
                       .until = {}});
  }
  if (caller.user == nullptr) {
    return then(fail(ErrorCode::kDenied,
                     "uid {} is no known user (add it to `unix:` of a user in {}, or, as root, say "
                     "--user)",
                     caller.uid, parts_.users_path));
  }
  if (!terms.tenant().empty() && terms.tenant() != caller.user->tenant) {
    return then(fail(ErrorCode::kDenied, "{} is not of tenant '{}'", caller.name(),
                     printable(terms.tenant())));
  }
  then(Person{.user = *caller.user,
              .via = "unix-peer",
              .strength = identity::IdentityStrength::kUnixPeer,
              .issuer = {},
              .token = {},
              .expires = {},
              .until = {}});
}

// What a token says counts; where it says nothing of scopes, users.yaml does. A scope that it names
// and Writ cannot read is no leave to fall back.
identity::User WritDesk::user_of(const identity::VerifiedPerson& verified) const {
  identity::User user;
  const identity::User* known = parts_.directory.user(verified.tenant, verified.user_id);
  if (known != nullptr) user = *known;
  user.id = verified.user_id;
  user.tenant = verified.tenant;
  if (!verified.email.empty()) user.email = verified.email;
  if (!verified.roles.empty()) user.roles = verified.roles;
  if (!verified.scopes.empty() || verified.dropped_scopes > 0) user.scopes = verified.scopes;
  return user;
}

Result<WritDesk::Person> WritDesk::person_of_token(const identity::VerifiedPerson& verified,
                                                   const v1::WritTerms& terms) const {
  if (!terms.tenant().empty() && terms.tenant() != verified.tenant) {
    return fail(ErrorCode::kDenied, "the token is of a user of another tenant than '{}'",
                printable(terms.tenant()));
  }
  return Person{.user = user_of(verified),
                .via = "token",
                .strength = identity::IdentityStrength::kToken,
                .issuer = verified.issuer_id,
                .token = verified.token_digest,
                .expires = {},
                .until = {}};
}

// --- Issuing ---

void WritDesk::issue(const Caller& caller, const v1::WritTerms& terms, identity::Lifetime lifetime,
                     Granted then) {
  // The caller's pointers do not outlive this call; a caller without a session has no other that
  // issue_to() needs.
  const Caller later{.uid = caller.uid, .pid = caller.pid, .user = caller.user, .session = nullptr};
  find_person(caller, terms,
              [this, later, terms, lifetime, then = std::move(then)](const Result<Person>& person) {
                if (!person) return then(tl::unexpected(person.error()));
                then(issue_to(*person, later, terms, lifetime));
              });
}

Result<WritHandle> WritDesk::issue_to(const Person& person, const Caller& caller,
                                      const v1::WritTerms& terms, identity::Lifetime lifetime) {
  const identity::Agent* agent = parts_.directory.agent(person.user.tenant, terms.agent());
  if (agent == nullptr) {
    return fail(ErrorCode::kNotFound,
                "there is no agent '{}' in tenant {} (known agents are in {})",
                printable(terms.agent()), person.user.tenant, parts_.agents_path);
  }
  auto asked = asked_of(terms);
  if (!asked) return tl::unexpected(asked.error());
  asked->lifetime = lifetime;
  asked->via = person.via;
  asked->strength = person.strength;
  asked->issuer = person.issuer;
  asked->token_digest = person.token;
  asked->until = person.until;
  auto writ = identity::issue(person.user, *agent, *asked, wall_now());
  if (!writ) return tl::unexpected(writ.error());
  return enter(std::move(*writ), caller);
}

void WritDesk::issue_matched(const FoundPerson& found, const identity::MatchRule& rule,
                             const std::string& known_token, Granted then) {
  v1::WritTerms terms;
  terms.set_agent(rule.agent);
  terms.set_tier(std::string(identity::to_text(rule.tier)));
  terms.set_task(found.task);
  const Caller host{.uid = 0, .pid = -1, .user = nullptr, .session = nullptr};
  if (found.user != nullptr) {
    return then(issue_to({.user = *found.user,
                          .via = found.via,
                          .strength = found.strength,
                          .issuer = {},
                          .token = {},
                          .expires = {},
                          .until = {}},
                         host, terms, identity::Lifetime::kSession));
  }
  terms.set_token(found.token);
  terms.set_tenant(rule.tenant);
  find_person(host, terms,
              [this, host, terms, known_token, via = found.via,
               then = std::move(then)](Result<Person> person) {
                if (!person) return then(tl::unexpected(person.error()));
                if (person->token == known_token) {
                  return then(fail(ErrorCode::kInvalid,
                                   "the token file still holds the token that "
                                   "ends: write a new one there"));
                }
                if (person->expires <= wall_now()) {
                  return then(fail(ErrorCode::kDenied, "the token of the token file has expired"));
                }
                person->via = via;
                person->until = person->expires;
                then(issue_to(*person, host, terms, identity::Lifetime::kSession));
              });
}

Result<WritHandle> WritDesk::delegate(const Caller& caller, const v1::WritTerms& terms,
                                      const std::string& parent_id) {
  if (caller.session == nullptr) {
    return fail(ErrorCode::kDenied, "only a governed agent can start a child of its own");
  }
  const identity::Writ& parent = caller.session->writ;
  if (!caller.session->attributed()) {
    return fail(ErrorCode::kDenied, "nobody is known behind agent {}, so it can pass nothing on",
                parent.agent.id);
  }
  if (!parent_id.empty() && parent_id != parent.id) {
    return fail(ErrorCode::kDenied, "the caller acts under writ {}, not under '{}'", parent.id,
                printable(parent_id));
  }
  if (!terms.user().empty() || !terms.token().empty() || !terms.tenant().empty()) {
    return fail(ErrorCode::kDenied,
                "a delegation keeps the person it is for: leave out user, token and tenant");
  }
  const identity::Agent* agent = parts_.directory.agent(parent.tenant, terms.agent());
  if (agent == nullptr) {
    return fail(ErrorCode::kNotFound,
                "there is no agent '{}' in tenant {} (known agents are in {})",
                printable(terms.agent()), parent.tenant, parts_.agents_path);
  }
  auto asked = asked_of(terms);
  if (!asked) return tl::unexpected(asked.error());
  asked->narrow = true;  // what the parent lacks is not granted
  auto writ = identity::delegate(parent, *agent, *asked, rest_of(parent), wall_now());
  if (!writ) return tl::unexpected(writ.error());
  return enter(std::move(*writ), caller);
}

identity::Limits WritDesk::rest_of(const identity::Writ& writ) {
  identity::Limits rest = writ.limits;
  if (const auto usage = parts_.limits.usage(writ.id, std::chrono::steady_clock::now());
      usage && rest.max_tool_calls) {
    *rest.max_tool_calls -= std::min(*rest.max_tool_calls, usage->committed + usage->reserved);
  }
  return rest;
}

Result<WritHandle> WritDesk::enter(identity::Writ writ, const Caller& caller) {
  const identity::Writ copy = writ;
  const auto handle = parts_.book.add(std::move(writ), wall_now());
  if (!handle) return tl::unexpected(handle.error());
  if (Status recorded = record(copy, "issued", caller.name(), ""); !recorded) {
    parts_.book.end(*handle, wall_now());
    return context(recorded.error(), "record the writ");
  }
  return *handle;
}

Result<WritHandle> WritDesk::find_usable(const Caller& caller, const std::string& id) const {
  const Sight sight = Sight::of(caller);
  if (sight.nothing()) {
    return fail(ErrorCode::kDenied, "{} may not act under a writ that was granted", caller.name());
  }
  const auto handle = parts_.book.find(
      sight.all() ? std::nullopt : std::optional<std::string_view>(sight.tenant()), id);
  if (!handle) {
    return handle.error().code == ErrorCode::kInvalid ? tl::unexpected(handle.error())
                                                      : no_such_writ(id);
  }
  const identity::Writ& writ = *parts_.book.get(*handle);
  if (!sight.covers(writ.tenant, writ.user.id)) return no_such_writ(id);
  return *handle;
}

Result<WritHandle> WritDesk::find_granted(const Caller& caller, const std::string& id) const {
  auto handle = find_usable(caller, id);
  if (!handle) return handle;
  const auto state = parts_.book.state(*handle, wall_now());
  if (state != identity::WritState::kActive) {
    return fail(ErrorCode::kDenied, "writ {} is {}", parts_.book.get(*handle)->id,
                identity::to_text(state));
  }
  return handle;
}

// --- Ending ---

Result<WritDesk::Revoked> WritDesk::revoke(const Caller& caller, const v1::RevokeRequest& request) {
  const Sight sight = Sight::of(caller);
  const auto handle = parts_.book.find(
      sight.all() ? std::nullopt : std::optional<std::string_view>(sight.tenant()), request.id());
  if (!handle) {
    return handle.error().code == ErrorCode::kInvalid ? tl::unexpected(handle.error())
                                                      : no_such_writ(request.id());
  }
  const identity::Writ& writ = *parts_.book.get(*handle);
  if (!sight.covers(writ.tenant, writ.user.id)) return no_such_writ(request.id());
  const auto standing = [&] {
    std::vector<std::string> ids;
    for (const identity::WritEntry& entry : parts_.book.list(writ.tenant, wall_now())) {
      const auto& chain = entry.writ->chain_writs;
      const bool below = std::find(chain.begin(), chain.end(), writ.id) != chain.end();
      if (below && entry.state != identity::WritState::kRevoked) ids.push_back(entry.writ->id);
    }
    return ids;
  };
  Revoked revoked{.handle = *handle, .ids = standing()};
  parts_.book.revoke(*handle, caller.name(), wall_now());
  if (Status recorded = record(writ, "revoked", caller.name(), request.reason()); !recorded) {
    // It is revoked all the same; a record that cannot be written is told.
    return context(recorded.error(),
                   fmt::format("writ {} is revoked, but there is no record of it", writ.id));
  }
  return revoked;
}

void WritDesk::end(WritHandle handle) { parts_.book.end(handle, wall_now()); }

void WritDesk::settle(StateKeeper::Then then) {
  parts_.keeper.keep(parts_.book.take_changes().changes, std::move(then));
}

void WritDesk::keep(identity::Change change) {
  // Behind the writ that it belongs to.
  auto changes = parts_.book.take_changes().changes;
  changes.push_back(std::move(change));
  parts_.keeper.keep(std::move(changes), {});
}

// --- Counting ---

Status WritDesk::open_limits(const identity::Writ& writ, std::uint64_t used) {
  if (accounts_.contains(writ.id)) return {};
  if (Status opened =
          parts_.limits.open_writ(writ.id, accounts_.contains(writ.parent) ? writ.parent : "",
                                  writ.tenant + "/" + writ.user.id,
                                  {.max_tool_calls = writ.limits.max_tool_calls,
                                   .max_duration = writ.limits.max_duration,
                                   .calls_per_minute = writ.limits.calls_per_minute,
                                   .user_calls_per_minute = writ.user.calls_per_minute},
                                  std::chrono::steady_clock::now(), used);
      !opened) {
    return opened;
  }
  accounts_[writ.id] = *parts_.book.find(writ.tenant, writ.id);
  return {};
}

void WritDesk::sweep(const Sessions& sessions) {
  for (auto it = accounts_.begin(); it != accounts_.end();) {
    const auto state = parts_.book.state(it->second, wall_now());
    const bool over =
        state == identity::WritState::kRevoked || state == identity::WritState::kExpired;
    const bool used = std::any_of(sessions.begin(), sessions.end(), [&](const auto& session) {
      return session.second->writ.id == it->first;
    });
    if (!over || used) {
      ++it;
      continue;
    }
    parts_.limits.close_writ(it->first, std::chrono::steady_clock::now());
    it = accounts_.erase(it);
  }
  parts_.book.prune(wall_now());
}

}  // namespace writ::daemon
