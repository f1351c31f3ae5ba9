// What anyone may write into the control socket: frames, and the requests in them. The first byte
// says in what pieces the rest arrives; the pieces must not change what is read.
#include <google/protobuf/stubs/logging.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "control.pb.h"
#include "util/framing.h"

namespace {

constexpr std::size_t kMax = 4096;

struct Read {
  std::vector<std::string> frames;
  bool failed = false;
  std::size_t pending = 0;
};

Read read_in_pieces(std::string_view bytes, std::size_t piece) {
  writ::FrameDecoder decoder(kMax);
  Read read;
  while (!bytes.empty()) {
    const std::size_t length = std::min(piece, bytes.size());
    decoder.feed(bytes.substr(0, length));
    bytes.remove_prefix(length);
    for (;;) {
      const auto frame = decoder.next();
      if (!frame) {
        read.failed = true;
        return read;
      }
      if (!*frame) break;
      if ((*frame)->size() > kMax) std::abort();
      read.frames.emplace_back(**frame);
    }
    if (decoder.pending() > kMax + writ::kFrameHeaderBytes) std::abort();
  }
  read.pending = decoder.pending();
  return read;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const google::protobuf::LogSilencer quiet;  // as the control server has it
  const std::size_t piece = std::size_t{data[0]} + 1;
  const std::string_view stream(reinterpret_cast<const char*>(data + 1), size - 1);
  const Read whole = read_in_pieces(stream, std::max<std::size_t>(stream.size(), 1));
  const Read cut = read_in_pieces(stream, piece);
  if (whole.frames != cut.frames || whole.failed != cut.failed) std::abort();
  if (!whole.failed && whole.pending != cut.pending) std::abort();

  for (const std::string& frame : whole.frames) {
    writ::v1::ControlRequest request;
    if (!request.ParseFromString(frame)) continue;
    // What was understood is understood the same when it is passed on.
    writ::v1::ControlRequest again;
    if (!again.ParseFromString(request.SerializeAsString())) std::abort();
    if (again.body_case() != request.body_case()) std::abort();
    std::string framed;
    if (!writ::append_frame(framed, frame)) std::abort();
    if (framed.size() != frame.size() + writ::kFrameHeaderBytes) std::abort();
  }
  return 0;
}
