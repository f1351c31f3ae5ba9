// A response stream gives the same events whole and in any pieces.
//
// Input: two bytes that choose the cuts and the limits, one with the requests it answers (two bits
// each: GET, HEAD, CONNECT, Upgrade), then the stream.
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "../unit/protocol/event_log.h"
#include "http1_cuts.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace writ::protocol;  // NOLINT(google-build-using-namespace)
  if (size < 3) return 0;
  const std::string_view stream(reinterpret_cast<const char*>(data) + 3, size - 3);
  std::vector<Expected> expected;
  for (int i = 0; i < 4; ++i) {
    const int kind = data[2] >> (2 * i) & 3;
    expected.push_back({.head = kind == 1, .connect = kind == 2, .upgrade = kind == 3});
  }
  const Http1Limits limits = fuzz_limits(data[1]);
  const auto whole = response_events(stream, expected, {}, limits);
  const auto cuts = fuzz_cuts(data[0], stream.size());
  if (response_events(stream, expected, cuts, limits) != whole) std::abort();
  return 0;
}
