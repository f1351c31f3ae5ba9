#include "policy/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace writ::policy {
namespace {

constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool same_prefix(const Address& a, const Address& b, unsigned bits) {
  if (a.v6 != b.v6) return false;
  const std::size_t whole = bits / 8;
  if (!std::equal(a.bytes.begin(), a.bytes.begin() + static_cast<std::ptrdiff_t>(whole),
                  b.bytes.begin()))
    return false;
  const unsigned rest = bits % 8;
  return rest == 0 || ((a.bytes.at(whole) ^ b.bytes.at(whole)) >> (8 - rest)) == 0;
}

}  // namespace

std::optional<Address> parse_address(std::string_view text) {
  if (text.size() >= INET6_ADDRSTRLEN || text.find('\0') != std::string_view::npos)
    return std::nullopt;
  const std::string terminated(text);
  Address address;
  if (inet_pton(AF_INET, terminated.c_str(), address.bytes.data()) == 1) return address;
  if (inet_pton(AF_INET6, terminated.c_str(), address.bytes.data()) != 1) return std::nullopt;
  address.v6 = true;
  if (std::equal(kMapped.begin(), kMapped.end(), address.bytes.begin())) {
    Address v4;
    std::copy_n(address.bytes.begin() + kMapped.size(), 4, v4.bytes.begin());
    return v4;
  }
  return address;
}

std::string to_text(const Address& address) {
  std::array<char, INET6_ADDRSTRLEN> buffer{};  // large enough for both, so it cannot fail
  return inet_ntop(address.v6 ? AF_INET6 : AF_INET, address.bytes.data(), buffer.data(),
                   buffer.size());
}

Result<AddressRange> parse_range(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::string_view host = text.substr(0, slash);
  const auto base = parse_address(host);
  if (!base) return fail(ErrorCode::kInvalid, "'{}' is not an IP address", host);
  const bool mapped = !base->v6 && host.find(':') != std::string_view::npos;
  const unsigned bits = base->v6 ? 128 : 32;
  AddressRange range{.base = *base, .prefix = bits};
  if (slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    const auto [end, code] =
        std::from_chars(digits.data(), digits.data() + digits.size(), range.prefix);
    if (code != std::errc() || end != digits.data() + digits.size())
      return fail(ErrorCode::kInvalid, "'{}' is not a prefix length", digits);
    if (mapped) range.prefix = range.prefix < 96 ? bits + 1 : range.prefix - 96;
    if (range.prefix > bits) {
      return fail(ErrorCode::kInvalid, "'{}' has a prefix length that its address cannot have",
                  text);
    }
  }
  if (masked(range.base, range.prefix) != range.base)
    return fail(ErrorCode::kInvalid, "'{}' has bits set behind its prefix", text);
  return range;
}

Address masked(Address address, unsigned prefix) {
  const unsigned bits = address.v6 ? 128 : 32;
  for (unsigned byte = prefix / 8; byte < bits / 8; ++byte) {
    const unsigned kept = byte == prefix / 8 ? prefix % 8 : 0;
    address.bytes.at(byte) &= static_cast<std::uint8_t>(~(0xffu >> kept));
  }
  return address;
}

bool contains(const AddressRange& range, const Address& address) {
  return same_prefix(range.base, address, range.prefix);
}

bool overlap(const std::vector<AddressRange>& a, const std::vector<AddressRange>& b) {
  return std::any_of(a.begin(), a.end(), [&](const AddressRange& left) {
    return std::any_of(b.begin(), b.end(), [&](const AddressRange& right) {
      return same_prefix(left.base, right.base, std::min(left.prefix, right.prefix));
    });
  });
}

}  // namespace writ::policy
