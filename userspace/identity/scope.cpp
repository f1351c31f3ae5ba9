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

bool covers(std::string_view granted, std::string_view required) {
  if (!valid_scope(granted) || !valid_scope(required)) return false;
  if (granted == "*" || granted == required) return true;
  if (!granted.ends_with(".*")) return false;
  granted.remove_suffix(1);  // "crm." is what everything below crm begins with, "crm.*" included
  return required.starts_with(granted);
}

bool covers(const Scopes& granted, std::string_view required) {
  return std::any_of(granted.begin(), granted.end(),
                     [&](const std::string& scope) { return covers(scope, required); });
}

Scopes minimal(Scopes scopes) {
  std::sort(scopes.begin(), scopes.end());
  scopes.erase(std::unique(scopes.begin(), scopes.end()), scopes.end());
  Scopes kept;
  for (const std::string& scope : scopes) {
    const bool covered = std::any_of(scopes.begin(), scopes.end(), [&](const std::string& other) {
      return other != scope && covers(other, scope);
    });
    if (!covered && valid_scope(scope)) kept.push_back(scope);
  }
  return kept;
}

Scopes intersect(const Scopes& a, const Scopes& b) {
  Scopes common;
  for (const std::string& left : a) {
    for (const std::string& right : b) {
      if (covers(left, right)) {
        common.push_back(right);
      } else if (covers(right, left)) {
        common.push_back(left);
      }
    }
  }
  return minimal(std::move(common));
}

Scopes missing(const Scopes& granted, const Scopes& required) {
  Scopes absent;
  std::copy_if(required.begin(), required.end(), std::back_inserter(absent),
               [&](const std::string& scope) { return !covers(granted, scope); });
  return absent;
}

}  // namespace writ::identity
