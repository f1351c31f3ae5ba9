// The two ways in which bytes become text in what this host issues: base64url and JSON strings.
#pragma once

#include <string>
#include <string_view>

namespace writ::identity {

// RFC 4648 section 5, without padding.
std::string encode_base64url(std::string_view bytes);

// With its quotes (RFC 8259 section 7). Bytes over 127 are kept.
std::string json_string(std::string_view text);

}  // namespace writ::identity
