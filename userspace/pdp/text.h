// Text from outside, fit for a document or for people's eyes.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace writ::pdp {

// The same text as UTF-8 (RFC 3629): each byte that is part of no character becomes U+FFFD.
std::string valid_utf8(std::string_view text);

// valid_utf8(), and what does not show or changes how the rest shows (controls, line and paragraph
// separators, directional marks and overrides) becomes '?'. Behind at most `max_bytes`, on a
// character's border, the end is "…"; REQUIRES: max_bytes >= 3.
std::string showable(std::string_view text, std::size_t max_bytes);

}  // namespace writ::pdp
