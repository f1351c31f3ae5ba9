// The writ desk issues writs, ends them, and knows which of them count: who may ask for what, on
// whose word, and where it is written down.
//
// Every writ enters the book (memory, decides), the audit record (proof) and the state file (a
// restart), in this order; an answer that depends on a writ is given when the last one is done.
//
// Owner: the daemon; loop thread only. Everything handed in must outlive it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "audit/writer.h"
#include "budget/limits.h"
#include "control.pb.h"
#include "daemon/caller.h"
#include "daemon/person_source.h"
#include "daemon/state_keeper.h"
#include "identity/directory.h"
#include "identity/token_service.h"
#include "identity/writ_book.h"

namespace writ::daemon {

class WritDesk {
 public:
  struct Parts {
    const identity::Directory& directory;
    identity::WritBook& book;
    StateKeeper& keeper;
    budget::LimitBook& limits;
    audit::Writer& audit;
    identity::TokenService* tokens;  // nullptr: no issuers.yaml
    std::string issuers_path;        // for messages
    std::string users_path;
    std::string agents_path;
  };
  explicit WritDesk(Parts parts) : parts_(std::move(parts)) {}

  using Granted = std::function<void(Result<identity::WritHandle>)>;

  // A new writ for a person, who is the caller, the bearer of a token, or whom root names. `then`
  // may be called later, when keys of a token's issuer had to be fetched; not when the writ is
  // durable, for which see settle().
  void issue(const Caller& caller, const v1::WritTerms& terms, identity::Lifetime lifetime,
             Granted then);
  // For a session that a `match` rule bound. With a token it ends when the token does, and is
  // kInvalid when it is the one of `known_token` (its digest), since that one has been used.
  void issue_matched(const FoundPerson& found, const identity::MatchRule& rule,
                     const std::string& known_token, Granted then);
  // A child of the caller's own writ. `parent`: which one that is, as the caller believes; may be
  // empty.
  Result<identity::WritHandle> delegate(const Caller& caller, const v1::WritTerms& terms,
                                        const std::string& parent);
  // One that the caller may act under: its subject, its tenant's administrator and root may.
  Result<identity::WritHandle> find_usable(const Caller& caller, const std::string& id) const;
  // The same, and it counts.
  Result<identity::WritHandle> find_granted(const Caller& caller, const std::string& id) const;

  struct Revoked {
    identity::WritHandle handle;
    std::vector<std::string> ids;  // it and all below it that were not revoked before
  };
  Result<Revoked> revoke(const Caller& caller, const v1::RevokeRequest& request);

  // Its last session is over.
  void end(identity::WritHandle handle);

  // Hands what changed to the state file; `then` is told when that is durable.
  void settle(StateKeeper::Then then);
  void keep(identity::Change change);

  [[nodiscard]] std::vector<v1::WritInfo> list(const Sight& sight, bool ended) const;
  Result<v1::WritInfo> show(const Sight& sight, const std::string& id) const;
  [[nodiscard]] v1::WritInfo info(identity::WritHandle handle) const;

  // Whom a verified token speaks of.
  [[nodiscard]] identity::User user_of(const identity::VerifiedPerson& verified) const;

  // A session begins under it: its calls are counted from here on. `used`: how many there were
  // before a restart.
  Status open_limits(const identity::Writ& writ, std::uint64_t used = 0);
  // Closes the accounts of writs that are over. Now and then.
  void sweep(const Sessions& sessions);

 private:
  // A person, as far as somebody vouches for them.
  struct Person {
    identity::User user;
    std::string via;
    identity::IdentityStrength strength = identity::IdentityStrength::kNone;
    std::string issuer;
    std::string token;
    identity::TimePoint expires;               // of the token
    std::optional<identity::TimePoint> until;  // what is issued on it ends then at the latest
  };
  using Known = std::function<void(Result<Person>)>;

  void find_person(const Caller& caller, const v1::WritTerms& terms, Known then);
  Result<Person> person_of_token(const identity::VerifiedPerson& verified,
                                 const v1::WritTerms& terms) const;
  Result<identity::WritHandle> issue_to(const Person& person, const Caller& caller,
                                        const v1::WritTerms& terms, identity::Lifetime lifetime);
  Result<identity::WritHandle> enter(identity::Writ writ, const Caller& caller);
  [[nodiscard]] identity::Limits rest_of(const identity::Writ& writ);
  Status record(const identity::Writ& writ, const char* what, const std::string& by,
                const std::string& detail);

  Parts parts_;
  std::map<std::string, identity::WritHandle> accounts_;  // writs whose calls are counted
};

// `writ.v1` messages of what the identity library holds.
void fill_limits(const identity::Limits& from, v1::Limits& to);

}  // namespace writ::daemon
