// What the HTTP/1.1 fuzzers make of their first input bytes: cuts of the stream, and limits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "protocol/http1_types.h"

namespace writ::protocol {

// 0: byte by byte; else pieces of pseudo-random lengths, 1 to 16 bytes, chosen by `seed`.
inline std::vector<std::size_t> fuzz_cuts(std::uint8_t seed, std::size_t size) {
  std::vector<std::size_t> cuts;
  std::uint32_t state = seed;
  std::size_t at = 0;
  while (true) {
    state = state * 1664525U + 1013904223U;
    at += seed == 0 ? 1 : 1 + (state >> 28);
    if (at >= size) return cuts;
    cuts.push_back(at);
  }
}

// Limits that a short input can reach, or the real ones.
inline Http1Limits fuzz_limits(std::uint8_t choice) {
  if ((choice & 1) == 0) return {};
  return {.start_line = 40,
          .header_bytes = 120,
          .headers = 3,
          .chunk_line = 8,
          .trailer_bytes = 24,
          .pipelined = 3};
}

}  // namespace writ::protocol
