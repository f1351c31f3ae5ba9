// From the paths that calls had to the patterns of a tool, no wider than what was seen gives reason
// for.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "policy/path_pattern.h"
#include "util/result.h"

namespace writ::policy {

struct SeenPath {
  std::string path;                             // decoded, without the query
  std::map<std::string, std::string> captures;  // of the catalog's pattern: name → value

  friend bool operator<(const SeenPath& a, const SeenPath& b) {
    return std::tie(a.path, a.captures) < std::tie(b.path, b.captures);
  }
};

// So many different values in one place, with the rest of the path the same, are one capture.
inline constexpr std::size_t kManyValues = 10;

// A number, a UUID, 8 hexadecimal digits or more, or a long word that holds digits.
bool looks_like_id(std::string_view segment);

// The pattern that matches this path alone. kInvalid: none does, since it is not plain_path() or
// holds a character that patterns cannot say; the message is the end of a sentence.
Result<PathPattern> exact_pattern(std::string_view path);

struct FoundPattern {
  PathPattern pattern;
  std::vector<std::string> paths;  // that it was made from
};

// Both: each path is of one pattern, and patterns are in the order in which a catalog looks.
// REQUIRES: exact_pattern() of each path.

// Of paths that no catalog named: what looks like an id is a capture {id}, {id2}, ..., and so is a
// place with kManyValues values. Anything else stays as it was seen.
std::vector<FoundPattern> patterns_of_unnamed(const std::set<std::string>& paths);

// Of paths that a catalog named: its captures, found again by their values. A value that stands in
// two places names neither, and such a path stays as it is if no pattern of another one covers it.
// What the catalog wrote as a literal, or took by its "/**", stays as it was seen, up to
// kManyValues.
std::vector<FoundPattern> patterns_of_named(const std::set<SeenPath>& paths);

}  // namespace writ::policy
