#include "identity/scope.h"

#include <algorithm>

namespace writ::identity {
namespace {

constexpr std::size_t kMaxScopeLength = 256;

bool word_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == ':' || c == '-';
}

}  // namespace

bool has_wildcard(std::string_view scope) { return scope == "*" || scope.ends_with(".*"); }

bool valid_scope(std::string_view scope) {
  if (scope == "*") return true;
  if (scope.size() > kMaxScopeLength) return false;
  if (scope.ends_with(".*")) scope.remove_suffix(2);
  bool in_word = false;
  for (const char c : scope) {
    if (word_character(c)) {
      in_word = true;
    } else if (c == '.' && in_word) {
      in_word = false;
    } else {
      return false;
    }
  }
  return in_word;
}

namespace {

// covers() for a valid `required`. Such a one needs no check of `granted`: it is equal to it, or a
// prefix of it, so all its words are valid too.
bool covers_valid(std::string_view granted, std::string_view required) {
  if (granted == required) return true;
  if (granted.empty() || granted.back() != '*') return false;
  granted.remove_suffix(1);  // "crm." is what everything below crm begins with, "crm.*" included
  if (granted.empty()) return true;
  return granted.size() > 1 && granted.back() == '.' && required.starts_with(granted);
}

// '*' sorts before every other character of a scope. So "crm.*" comes right before all that begins
// with "crm.", which are the scopes that it covers: what one scope covers stands in one piece
// behind it. That makes minimal() and intersect() one walk each, and leaves one scope of a minimal
// list that can cover `required`: the last that does not sort behind it. This looks at that one. In
// a list in another order it may look at the wrong one, so only `true` is an answer.
bool covers_by_order(const Scopes& granted, std::string_view required) {
  std::size_t begin = 0;  // not std::upper_bound, which must not be given an unsorted list
  for (std::size_t end = granted.size(); begin < end;) {
    const std::size_t middle = begin + (end - begin) / 2;
    if (granted[middle] <= required) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  return begin > 0 && covers_valid(granted[begin - 1], required);
}

}  // namespace

bool covers(std::string_view granted, std::string_view required) {
  return valid_scope(required) && covers_valid(granted, required);
}

bool covers(const Scopes& granted, std::string_view required) {
  return valid_scope(required) &&
         (covers_by_order(granted, required) ||
          std::any_of(granted.begin(), granted.end(),
                      [&](const std::string& scope) { return covers_valid(scope, required); }));
}

Scopes minimal(Scopes scopes) {
  std::erase_if(scopes, [](const std::string& scope) { return !valid_scope(scope); });
  std::sort(scopes.begin(), scopes.end());
  Scopes kept;
  for (std::string& scope : scopes) {
    if (kept.empty() || !covers_valid(kept.back(), scope)) kept.push_back(std::move(scope));
  }
  return kept;
}

Scopes intersect(const Scopes& a, const Scopes& b) {
  const Scopes left = minimal(a);
  const Scopes right = minimal(b);
  Scopes common;
  for (auto l = left.begin(), r = right.begin(); l != left.end() && r != right.end();) {
    if (covers_valid(*l, *r)) {
      common.push_back(*r++);
    } else if (covers_valid(*r, *l)) {
      common.push_back(*l++);
    } else {
      ++(*l < *r ? l : r);
    }
  }
  return common;
}

Scopes missing(const Scopes& granted, const Scopes& required) {
  Scopes absent;
  std::copy_if(required.begin(), required.end(), std::back_inserter(absent),
               [&](const std::string& scope) { return !covers(granted, scope); });
  return absent;
}

}  // namespace writ::identity
