// A request stream gives the same events whole and in any pieces; its heads name the same target.
//
// Input: two bytes that choose the cuts and the limits, then the stream.
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "../unit/protocol/event_log.h"
#include "http1_cuts.h"
#include "protocol/request_target.h"

namespace {

using namespace writ::protocol;  // NOLINT(google-build-using-namespace)

class TargetCheck : public RequestLog {
 public:
  void on_head(const RequestHead& head, std::uint64_t end) override {
    if (end <= head.begin) std::abort();
    writ::ToolCall call;
    if (fill_call(head, call)) return;
    if (!call.path.starts_with('/') || call.host.empty()) std::abort();
    for (const char* part : {"/../", "/./", "\\"})
      if ((call.path + "/").find(part) != std::string::npos) std::abort();
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view stream(reinterpret_cast<const char*>(data) + 2, size - 2);
  const Http1Limits limits = fuzz_limits(data[1]);
  const auto whole = request_events(stream, {}, limits);
  if (request_events(stream, fuzz_cuts(data[0], stream.size()), limits) != whole) std::abort();

  RequestParser parser;
  TargetCheck check;
  check.feeding(stream);
  // Tunnels are entered and refused where the parser says that it waits.
  if (parser.feed(stream, check) && (data[1] & 0x80) != 0) {
    parser.stay_http();
    (void)parser.enter_tunnel();  // any answer is right; only its effects matter
    (void)parser.feed(stream, check);
  }
  return 0;
}
