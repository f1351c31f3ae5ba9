// What an agent says to a server over stdio, in pieces: the frames are the same however they are
// cut, and what they hold has one id or none.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/json_frames.h"
#include "protocol/json_rpc.h"
#include "protocol/mcp.h"

namespace {

struct Frames : writ::protocol::JsonFrameSink {
  void on_message(std::string_view text, std::uint64_t begin, std::uint64_t end) override {
    if (text.size() != end - begin || begin < last) std::abort();
    last = end;
    told.emplace_back(text);
    (void)writ::protocol::read_mcp(text);
    (void)writ::protocol::guess_id(text);
  }
  void on_stray(std::string_view text, std::uint64_t begin, std::uint64_t end) override {
    if (begin > end || begin < last) std::abort();
    last = end;
    (void)writ::protocol::guess_id(text);
  }
  std::vector<std::string> told;
  std::uint64_t last = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  constexpr std::size_t kMax = 512;
  const std::size_t step = data[0] + 1u;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  Frames whole;
  writ::protocol::JsonFrames at_once(kMax);
  at_once.feed(bytes, whole);
  Frames cut;
  writ::protocol::JsonFrames in_pieces(kMax);
  for (std::size_t at = 0; at < bytes.size(); at += step)
    in_pieces.feed(bytes.substr(at, step), cut);
  if (whole.told != cut.told || at_once.offset() != bytes.size() ||
      in_pieces.offset() != bytes.size())
    std::abort();
  return 0;
}
