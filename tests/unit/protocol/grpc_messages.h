// gRPC's message framing, for the tests.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/http2_frames.h"

namespace writ::protocol {

// `flag`: 1, it is compressed.
inline std::string grpc_prefix(std::uint32_t length, char flag = 0) {
  return std::string(1, flag) + number(length, 4);
}
inline std::string grpc_message(std::string_view bytes, char flag = 0) {
  return grpc_prefix(static_cast<std::uint32_t>(bytes.size()), flag) + std::string(bytes);
}

}  // namespace writ::protocol
