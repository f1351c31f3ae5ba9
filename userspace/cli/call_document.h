// The JSON document of a call that `writ decide` asks about.
//
//   {"tool": "pay", "captures": {"id": "7"}, "args": {"amount": 501}}
//   {"request": {"method": "POST", "host": "pay.test", "path": "/pay/7"}, "body": "no JSON"}
//
// It is the JSON of v1.ProposedCall (control.proto), but for `args`: a body of just that JSON, byte
// for byte as it is written. A protobuf value would round large numbers and forget the second of
// two equal names, and what is judged must be what will be sent.
#pragma once

#include <cstddef>
#include <string_view>

#include "control.pb.h"
#include "util/framing.h"
#include "util/result.h"

namespace writ::cli {

// What a frame of the control socket can carry beside the rest of the request.
inline constexpr std::size_t kMaxCallDocument = kMaxFrameBytes - (4u << 10);

// kInvalid: over kMaxCallDocument, not one JSON object, a name in it twice, or a key that is not
// known.
Result<v1::ProposedCall> read_call_document(std::string_view json);

}  // namespace writ::cli
