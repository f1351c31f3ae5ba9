// Writs and sessions as bytes: StoredWrit and StoredSession of include/writ/state.proto.
#pragma once

#include <string>
#include <string_view>

#include "identity/writ_change.h"

namespace writ::identity {

// kInvalid: check_writ() refuses it, so it could not be read back.
Result<std::string> encode_writ(const Writ& writ);
std::string encode_session(const SessionRow& session);

// kCorrupt: the bytes are not one, or say what no writ that was issued can say.
Result<Writ> decode_writ(std::string_view bytes);
Result<SessionRow> decode_session(std::string_view bytes);

// Since 1970, in nanoseconds, clamped to what 64 bits hold.
std::int64_t to_unix_ns(TimePoint time);
TimePoint from_unix_ns(std::int64_t ns);

}  // namespace writ::identity
