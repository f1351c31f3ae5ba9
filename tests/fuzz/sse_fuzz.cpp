// An event stream says the same whole and in any pieces.
//
// Input: a byte that chooses the cuts, one for the limits, then the stream.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "../unit/protocol/sse_log.h"
#include "http1_cuts.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace writ::protocol;  // NOLINT(google-build-using-namespace)
  if (size < 2) return 0;
  const std::string_view stream(reinterpret_cast<const char*>(data) + 2, size - 2);
  const SseLimits limits = (data[1] & 1) != 0 ? SseLimits{.type = 2, .id = 3} : SseLimits{};
  const SseLog whole = sse_log(stream, {}, limits);
  const SseLog pieces = sse_log(stream, fuzz_cuts(data[0], stream.size()), limits);
  if (!(pieces == whole) || !whole.counts_hold) std::abort();
  if (whole.data.size() + whole.aside.size() > stream.size() + 1) std::abort();
  return 0;
}
