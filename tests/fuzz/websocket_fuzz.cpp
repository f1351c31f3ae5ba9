// A WebSocket reader gives the same events whole and in any pieces, in both directions, with
// compression and without; and decompresses no more than it may.
//
// Input: a byte that chooses the cuts, one that chooses direction and compression; the rest is a
// server's frames, which a client's get their masks from: nobody would find those by chance.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "../unit/protocol/websocket_frames.h"
#include "http1_cuts.h"

namespace {

using namespace writ::protocol;  // NOLINT(google-build-using-namespace)

constexpr std::uint64_t kMessageMax = 5000;

class SizeCheck : public WebSocketSink {
 public:
  void on_message(const WebSocketMessage& /*message*/) override { size_ = 0; }
  void on_message_bytes(std::string_view bytes) override {
    size_ += bytes.size();
    if (size_ > kMessageMax + (1u << 20)) std::abort();  // what came uncompressed has no bound
  }
  void on_message_end(std::uint64_t /*end*/) override {}
  void on_control(const WebSocketControl& control) override {
    if (control.payload.size() > kMaxControlPayload || control.end <= control.begin) std::abort();
  }

 private:
  std::uint64_t size_ = 0;
};

WebSocketReading reading_of(std::uint8_t choice) {
  WebSocketReading how{.side = (choice & 1) != 0 ? Side::kRequest : Side::kResponse,
                       .message_max = kMessageMax};
  if ((choice & 2) != 0) {
    how.deflate = DeflateTerms{.context_takeover = (choice & 4) != 0};
  }
  return how;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const WebSocketReading how = reading_of(data[1]);
  std::string stream(reinterpret_cast<const char*>(data) + 2, size - 2);
  if (how.side == Side::kRequest && (data[1] & 8) == 0) stream = masked(stream);
  const auto whole = websocket_events(stream, {}, how);
  if (websocket_events(stream, fuzz_cuts(data[0], stream.size()), how) != whole) std::abort();
  WebSocketReader reader(how.side, how.deflate, kMessageMax);
  SizeCheck check;
  (void)reader.feed(stream, check);  // any answer is right
  return 0;
}
