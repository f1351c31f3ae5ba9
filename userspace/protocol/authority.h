// Reads "host" and "host:port", as Host, CONNECT and absolute targets carry them, into one
// spelling.
//
// RFC 3986 section 3.2, RFC 9110 section 7.2. Stricter than both: what resolvers, proxies and
// servers are known to read in different ways is not a host here.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace writ::protocol {

struct Authority {
  // Lower case, no trailing dot. IPv6 without brackets, in RFC 5952's form; an IPv4-mapped IPv6
  // address as IPv4.
  std::string host;
  std::uint16_t port = 0;  // 0: none was given
};

// The error is a sentence. Refused are, among others: user information ("user@host"), percent
// escapes, characters outside letters, digits, '-', '_' and '.', zone ids, a port that is empty, 0,
// or written with a leading zero, and numbers that some resolvers take as an IPv4 address
// ("127.1", "0x7f000001", "2130706433").
tl::expected<Authority, std::string> parse_authority(std::string_view text);

}  // namespace writ::protocol
