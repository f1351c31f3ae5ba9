// Patterns over request paths: "/contacts/{id}/notes", "/files/**".
//
//   pattern := "/" | { "/" segment } [ "/**" ]      segment := literal | "{" name "}"
//
// A literal is itself, percent-decoded. {name} is exactly one non-empty segment. A trailing /** is
// whatever is left, also nothing: /files/** matches /files and /files/a/b.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "util/result.h"

namespace writ::policy {

struct PathPattern {
  struct Segment {
    bool capture = false;
    std::string text;  // the literal, or the capture's name
    friend bool operator==(const Segment&, const Segment&) = default;
  };
  std::vector<Segment> segments;
  bool tail = false;  // ends with /**
  friend bool operator==(const PathPattern&, const PathPattern&) = default;
};

// kInvalid: the message says what is wrong, for the person who wrote it.
Result<PathPattern> parse_path_pattern(std::string_view text);
std::string to_text(const PathPattern& pattern);  // parses to the same pattern

// Whether the pattern, by itself, matches a path that is plain_path().
bool path_matches(const PathPattern& pattern, std::string_view path);

// Whether all servers can be expected to read `path` (decoded once, without query) the same way.
// False for dot segments, empty segments, backslashes and control characters: a pattern could match
// what the server never serves. One trailing slash is fine, and matches as if it were not there.
bool plain_path(std::string_view path);

}  // namespace writ::policy
