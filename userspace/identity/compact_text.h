// How bytes become text in what this host issues.
#pragma once

#include <string>
#include <string_view>

namespace writ::identity {

// RFC 4648 section 5, without padding.
std::string encode_base64url(std::string_view bytes);

}  // namespace writ::identity
