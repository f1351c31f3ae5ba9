// What a DNS answer says of addresses (RFC 1035; AAAA: RFC 3596), read by glibc's libresolv.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace writ::protocol {

// IPv4 as an IPv4-mapped one (::ffff:a.b.c.d).
using IpAddress = std::array<std::uint8_t, 16>;

struct DnsAddress {
  IpAddress address;
  std::chrono::seconds ttl;  // of the shortest-lived record that leads to it
};

struct DnsAnswer {
  std::string name;  // what was asked for: lower case, no dot at its end
  // Of that name, or of one that its CNAME records lead to; at most kMaxDnsAddresses.
  std::vector<DnsAddress> addresses;
};

inline constexpr std::size_t kMaxDnsAddresses = 64;

// nullopt: it is no whole and sound answer to one question of class IN. One that says that there is
// nothing has no addresses. Names that are none of a host (RFC 952, with '_') are not read, since
// names stand in records.
std::optional<DnsAnswer> read_dns_answer(std::string_view message);

}  // namespace writ::protocol
