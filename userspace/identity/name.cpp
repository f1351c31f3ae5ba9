#include "identity/name.h"

#include <algorithm>

namespace writ::identity {
namespace {

constexpr std::size_t kMaxLength = 128;

bool plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

}  // namespace

bool valid_name(std::string_view name) {
  return !name.empty() && name.size() <= kMaxLength && plain(name.front()) &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return plain(c) || c == '.' || c == '@' || c == ':' || c == '-';
         });
}

}  // namespace writ::identity
