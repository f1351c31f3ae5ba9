#include "policy/made_up_name.h"

#include "policy/address.h"

namespace writ::policy {
namespace {

constexpr std::size_t kMaxWord = 32;
constexpr std::size_t kRoom = 80;  // of prefix, host and path; the method and a number come behind

// Lower-case letters, digits and '_', with '-' for everything else in between.
std::string word_of(std::string_view text) {
  std::string word;
  bool gap = false;
  for (char c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    if (plain && gap && !word.empty()) word += '-';
    if (plain) word += c;
    gap = !plain;
    if (word.size() >= kMaxWord) break;
  }
  return word;
}

std::string word_of_host(std::string_view host) {
  if (parse_address(host)) return "ip-" + word_of(host);
  std::string_view label = host.substr(0, host.find('.'));
  if ((label == "api" || label == "www") && label.size() < host.size()) {
    host.remove_prefix(label.size() + 1);
    label = host.substr(0, host.find('.'));
  }
  std::string word = word_of(label);
  return word.empty() ? "host" : word;
}

std::string word_of_method(std::string_view method) {
  if (method == "GET") return "read";
  std::string word = word_of(method);
  return word.empty() ? "call" : word;
}

}  // namespace

std::string made_up_name(std::string_view prefix, std::string_view host, const PathPattern& path,
                         std::string_view method) {
  std::string name =
      prefix.empty() ? word_of_host(host) : std::string(prefix) + "." + word_of_host(host);
  for (const PathPattern::Segment& segment : path.segments) {
    const std::string word = segment.capture ? "" : word_of(segment.text);
    if (word.empty() || name.size() + 1 + word.size() > kRoom) continue;
    name += "." + word;
  }
  return name + "." + word_of_method(method);
}

}  // namespace writ::policy
