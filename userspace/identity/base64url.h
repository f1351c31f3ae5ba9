// Strict base64url without padding (RFC 7515 section 2, RFC 4648 section 3.5).
#pragma once

#include <string>
#include <string_view>

namespace writ::identity {

// False when `text` is not the one way to write its bytes: a foreign character, padding, a length
// that no bytes have, or bits behind the last byte that are not zero. `out` is then unspecified.
bool decode_base64url(std::string_view text, std::string& out);

}  // namespace writ::identity
