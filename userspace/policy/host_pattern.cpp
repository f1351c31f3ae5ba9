#include "policy/host_pattern.h"

#include <algorithm>
#include <charconv>

#include "policy/address.h"

namespace writ::policy {

std::optional<HostPattern> parse_host_pattern(std::string text) {
  if (text.starts_with('.')) return std::nullopt;  // would be taken for "*.x"
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  HostPattern host;
  const bool bracketed = text.starts_with('[');
  const std::size_t close = bracketed ? text.find(']') : 0;
  if (close == std::string::npos) return std::nullopt;
  if (const std::size_t colon = text.find(':', close); colon != std::string::npos) {
    const char* const digits = text.data() + colon + 1;
    const char* const end = text.data() + text.size();
    const auto [stop, code] = std::from_chars(digits, end, host.port);
    if (code != std::errc() || stop != end || host.port == 0) return std::nullopt;
    text.resize(colon);
  }
  if (text.empty() || text.size() > 253) return std::nullopt;
  if (bracketed) {
    if (text.back() != ']') return std::nullopt;
    const auto address = parse_address(text.substr(1, text.size() - 2));
    if (!address) return std::nullopt;
    host.key = to_text(*address);
    return host;
  }
  if (text == "*") return host;
  if (text.starts_with("*.")) text.erase(0, 1);  // the key keeps the dot
  const bool fine = std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  });
  if (!fine || text.ends_with('.') || text.find("..") != std::string::npos) return std::nullopt;
  host.key = std::move(text);
  return host;
}

std::string to_text(const HostPattern& host) {
  std::string text = host.key.empty() ? "*" : host.key.starts_with('.') ? "*" + host.key : host.key;
  if (text.find(':') != std::string::npos) text = "[" + text + "]";
  if (host.port != 0) text += ":" + std::to_string(host.port);
  return text;
}

}  // namespace writ::policy
