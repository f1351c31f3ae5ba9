// Rows of the writ store: whatever the bytes are, what comes out is a writ that could have been
// issued, and it is written and read again as the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "identity/writ_codec.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace writ::identity;  // NOLINT(google-build-using-namespace)
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto writ = decode_writ(bytes)) {
    const auto encoded = encode_writ(*writ);
    if (!encoded) std::abort();
    const auto again = decode_writ(*encoded);
    if (!again || *encode_writ(*again) != *encoded) std::abort();
    for (const std::string& scope : writ->effective) {
      if (!covers(writ->user.scopes, scope) || !covers(writ->agent.scopes, scope)) std::abort();
    }
  }
  if (const auto session = decode_session(bytes)) {
    const auto again = decode_session(encode_session(*session));
    // UTF-8 is asked of ids only; what is not is no session that was written.
    if (again && !(*again == *session)) std::abort();
  }
  return 0;
}
