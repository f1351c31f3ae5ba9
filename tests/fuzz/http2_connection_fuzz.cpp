// An HTTP/2 connection gives the same events whole and in any pieces, and its heads name a target.
//
// Input: two bytes that choose the cuts and how much of the rest the server has sent before; the
// client's part stands behind the preface, which nobody would find by chance.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "../unit/protocol/http2_frames.h"
#include "http1_cuts.h"
#include "protocol/request_target.h"

namespace {

using namespace writ::protocol;  // NOLINT(google-build-using-namespace)

// Limits that a short input can reach, or the real ones.
Http2Limits limits_of(std::uint8_t choice) {
  if ((choice & 1) == 0) return {};
  return {.header_bytes = 300, .headers = 6, .continuations = 2, .header_table = 64, .streams = 2};
}

class TargetCheck : public Http2RequestLog {
 public:
  void on_head(std::uint32_t stream, const RequestHead& head, std::uint64_t end) override {
    if (stream % 2 == 0 || end <= head.begin) std::abort();
    writ::ToolCall call;
    if (fill_call(head, call)) return;
    if (!call.path.starts_with('/') || call.host.empty() || call.protocol != "http/2") std::abort();
    if ((call.path + "/").find("/../") != std::string::npos) std::abort();
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 2, size - 2);
  const std::string_view from_server = rest.substr(0, data[1] / 2);
  const std::string from_client =
      std::string(kHttp2Preface) + std::string(rest.substr(from_server.size()));
  const Http2Limits limits = limits_of(data[1]);
  const auto whole = http2_events(from_client, from_server, {}, limits);
  if (http2_events(from_client, from_server, fuzz_cuts(data[0], from_client.size()), limits) !=
      whole) {
    std::abort();
  }
  Http2Connection connection(limits);
  TargetCheck check;
  Http2ResponseLog responses;
  // Whatever is said, the other side is read on.
  (void)connection.feed_out(from_client, check);
  (void)connection.feed_in(rest, responses);
  if (connection.open_streams() > limits.streams) std::abort();
  return 0;
}
