// Numbers as text.
#pragma once

#include <optional>
#include <string_view>

namespace writ::policy {

// As JSON writes them (RFC 8259 section 6): "-1.5e3"; "0x10", "1e99999", "05" and " 5" are none.
std::optional<long double> parse_number(std::string_view text);

}  // namespace writ::policy
