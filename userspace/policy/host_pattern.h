// Patterns over the host that a request names: "crm.test", "crm.test:8443", "*.crm.test", "*".
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace writ::policy {

inline constexpr std::size_t kMaxHost =
    255;  // bytes; a longer one is no DNS name: only "*" matches it

struct HostPattern {
  // "crm.test" exactly, ".crm.test" for "*.crm.test", "" for "*". An IPv6 address as requests have
  // it (protocol/authority.h): without brackets, in the form of RFC 5952.
  std::string key;
  std::uint16_t port = 0;  // 0: any
};

// nullopt: no host can be meant by it.
std::optional<HostPattern> parse_host_pattern(std::string text);
std::string to_text(const HostPattern& host);  // parses to the same pattern

}  // namespace writ::policy
