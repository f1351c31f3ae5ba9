#include "protocol/authority.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <optional>

#include "protocol/http1_text.h"

namespace writ::protocol {
namespace {

constexpr std::size_t kMaxHost = 253;  // RFC 1035 section 2.3.4, as text
constexpr std::size_t kMaxLabel = 63;

std::optional<std::uint16_t> parse_port(std::string_view text) {
  if (text.empty() || text.front() == '0' || !std::all_of(text.begin(), text.end(), is_digit))
    return std::nullopt;
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return port;
}

std::optional<std::string> canonical_ipv6(std::string_view text) {
  in6_addr address{};
  const std::string terminated(text);
  if (inet_pton(AF_INET6, terminated.c_str(), &address) != 1) return std::nullopt;
  std::array<char, INET6_ADDRSTRLEN> buffer{};
  const char* written = nullptr;
  if (IN6_IS_ADDR_V4MAPPED(&address)) {
    in_addr v4{};
    std::memcpy(&v4, &address.s6_addr[12], sizeof v4);
    written = inet_ntop(AF_INET, &v4, buffer.data(), buffer.size());
  } else {
    written = inet_ntop(AF_INET6, &address, buffer.data(), buffer.size());
  }
  if (written == nullptr) return std::nullopt;
  return std::string(written);
}

// WHATWG URL, "ends in a number": what resolvers of the inet_aton family read as an address.
bool ends_in_number(std::string_view host) {
  const std::string_view label = host.substr(host.rfind('.') + 1);  // npos + 1 is 0
  if (std::all_of(label.begin(), label.end(), is_digit)) return true;
  return label.starts_with("0x") &&
         std::all_of(label.begin() + 2, label.end(), [](char c) { return hex_value(c) >= 0; });
}

bool has_valid_labels(std::string_view host) {
  if (host.size() > kMaxHost) return false;
  while (true) {
    const std::size_t dot = host.find('.');
    const std::string_view label = host.substr(0, dot);
    if (label.empty() || label.size() > kMaxLabel) return false;
    if (dot == std::string_view::npos) return true;
    host.remove_prefix(dot + 1);
  }
}

tl::expected<std::string, std::string> parse_name(std::string_view text) {
  std::string host;
  host.reserve(text.size());
  for (const char c : text) {
    if (!is_digit(c) && !is_upper(c) && !is_lower(c) && c != '-' && c != '_' && c != '.')
      return tl::unexpected(std::string("the host holds a character that no host name has"));
    host.push_back(to_lower(c));
  }
  if (host.ends_with('.')) host.pop_back();
  if (!has_valid_labels(host))
    return tl::unexpected(std::string("the host is empty, too long, or has an empty label"));
  in_addr address{};
  if (ends_in_number(host) && inet_pton(AF_INET, host.c_str(), &address) != 1)
    return tl::unexpected(std::string("the host is a number that is not a plain IPv4 address"));
  return host;
}

}  // namespace

tl::expected<Authority, std::string> parse_authority(std::string_view text) {
  Authority out;
  std::string_view port;
  bool has_port = false;
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    const auto host =
        close == std::string_view::npos ? std::nullopt : canonical_ipv6(text.substr(1, close - 1));
    if (!host) return tl::unexpected(std::string("the host is not an IPv6 address in brackets"));
    out.host = *host;
    port = text.substr(close + 1);
    has_port = !port.empty();
    if (has_port && port.front() != ':')
      return tl::unexpected(std::string("there is text behind the IPv6 address"));
    if (has_port) port.remove_prefix(1);
  } else {
    const std::size_t colon = text.find(':');
    has_port = colon != std::string_view::npos;
    if (has_port) port = text.substr(colon + 1);
    auto host = parse_name(text.substr(0, colon));
    if (!host) return tl::unexpected(std::move(host.error()));
    out.host = std::move(*host);
  }
  if (!has_port) return out;
  const auto number = parse_port(port);
  if (!number) return tl::unexpected(std::string("the port is not a plain number up to 65535"));
  out.port = *number;
  return out;
}

}  // namespace writ::protocol
