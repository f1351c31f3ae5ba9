// Scope algebra: what a permission covers, what two permissions have in common.
//
//   scope    := "*" | words | words ".*"
//   words    := word { "." word }          word := [A-Za-z0-9_:-]+
//
// "crm.contacts.read" is one permission, "crm.*" all below crm (not "crm" itself), "*" all there
// are. A wildcard stands only at the end, so that of two scopes one covers the other or they have
// nothing in common. From that follows the law the whole product stands on
// (tests/unit/identity/scope_test.cpp holds it to it):
//
//   covers(intersect(U, A), s)  ==  covers(U, s) && covers(A, s)      for every scope s
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace writ::identity {

using Scopes = std::vector<std::string>;

inline constexpr std::size_t kMaxScopes = 1000;  // of one user, agent, token or writ

bool valid_scope(std::string_view scope);
bool has_wildcard(std::string_view scope);

// Whether a holder of `granted` may do what needs `required`. A wildcard in `required` asks for all
// of it, so "crm.contacts.read" never covers "crm.*". Both must be valid; an invalid scope covers
// nothing.
bool covers(std::string_view granted, std::string_view required);
bool covers(const Scopes& granted, std::string_view required);

// The same permissions in the one way to write them: sorted, unique, none covered by another.
Scopes minimal(Scopes scopes);

// What both sides grant; minimal. Of a wildcard and a specific scope the specific one remains.
Scopes intersect(const Scopes& a, const Scopes& b);

// The part of `required` that `granted` does not cover, in the order of `required`.
Scopes missing(const Scopes& granted, const Scopes& required);

}  // namespace writ::identity
