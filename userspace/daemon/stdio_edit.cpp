#include "daemon/stdio_edit.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

namespace writ::daemon {
namespace {

// What a reader of messages does nothing with: as a request of that length it would be a
// notification that it does not know.
constexpr std::string_view kNothing = R"({"jsonrpc":"2.0","method":"denied"})";

// Bytes [begin, end) of the stream, as far as this read has them. Where it has them all, `instead`
// comes in their place; of a part nothing is left, so that the message has no end.
Status take_out(const StdioRead& read, std::uint64_t begin, std::uint64_t end,
                std::string_view instead, Servers& servers) {
  const std::uint64_t first = std::max(begin, read.pieces.front().begin);
  const std::uint64_t last = std::min(end, read.pieces.back().end);
  if (first >= last) return {};
  std::string bytes(last - first, ' ');
  if (bytes.size() == end - begin && bytes.size() >= instead.size())
    bytes.replace(0, instead.size(), instead);
  for (const StdioRead::Piece& piece : read.pieces) {
    const std::uint64_t from = std::max(first, piece.begin);
    const std::uint64_t to = std::min(last, piece.end);
    if (from >= to) continue;
    const std::string_view part = std::string_view(bytes).substr(from - first, to - from);
    Status changed = servers.overwrite(read.reader.pid, piece.address + (from - piece.begin), part);
    if (!changed) return changed;
  }
  return {};
}

}  // namespace

Status take_out_denied(const StdioRead& read, Servers& servers) {
  for (const StdioRead::Stray& stray : read.strays) {
    if (Status changed = take_out(read, stray.begin, stray.end, {}, servers); !changed)
      return changed;
  }
  for (const StdioRead::Message& message : read.messages) {
    if (message.may || message.stray) continue;
    Status changed = take_out(read, message.begin, message.end, kNothing, servers);
    if (!changed) return changed;
  }
  return {};
}

}  // namespace writ::daemon
