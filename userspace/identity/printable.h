// Text from outside, fit to stand in a sentence.
#pragma once

#include <string>
#include <string_view>

namespace writ::identity {

// In single quotes; other than printable ASCII becomes '?', and behind 100 characters "…".
inline std::string printable(std::string_view text) {
  constexpr std::size_t kMost = 100;
  std::string shown = "'";
  for (const char c : text.substr(0, kMost)) {
    shown += c >= ' ' && c <= '~' && c != '\'' ? c : '?';
  }
  if (text.size() > kMost) shown += "…";
  return shown + "'";
}

}  // namespace writ::identity
