// Ranges of IP addresses in CIDR notation.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "util/result.h"

namespace writ::policy {

struct Address {
  std::array<std::uint8_t, 16> bytes{};  // network order; IPv4 in the first four
  bool v6 = false;
  friend bool operator==(const Address&, const Address&) = default;
};

// Numeric only; an IPv4-mapped IPv6 address is the IPv4 address.
std::optional<Address> parse_address(std::string_view text);
std::string to_text(const Address& address);  // as inet_ntop() has it

struct AddressRange {
  Address base;
  unsigned prefix = 0;
  friend bool operator==(const AddressRange&, const AddressRange&) = default;
};

// The address with all bits behind the prefix cleared.
Address masked(Address address, unsigned prefix);

// "10.0.0.0/8", "::1/128" or one address. kInvalid: not an address, the prefix is too long for it,
// or bits are set behind the prefix (the writer meant something else).
Result<AddressRange> parse_range(std::string_view text);

bool contains(const AddressRange& range, const Address& address);
bool overlap(const std::vector<AddressRange>& a, const std::vector<AddressRange>& b);

}  // namespace writ::policy
