#include "protocol/http1_line.h"

#include <algorithm>
#include <array>

namespace writ::protocol {
namespace {

constexpr std::size_t kKeptCapacity = 1024;  // a buffer worth keeping between messages

enum class ByteClass : unsigned char { kText, kCr, kLf, kControl };

constexpr std::array<ByteClass, 256> kClasses = [] {
  std::array<ByteClass, 256> table{};
  for (std::size_t c = 0; c < 0x20; ++c) table[c] = ByteClass::kControl;
  table[0x7f] = ByteClass::kControl;
  table['\t'] = ByteClass::kText;
  table['\r'] = ByteClass::kCr;
  table['\n'] = ByteClass::kLf;
  return table;
}();

ByteClass class_of(char c) { return kClasses[static_cast<unsigned char>(c)]; }

}  // namespace

std::optional<std::string_view> LineReader::next(Cursor& in, const LineLimit& limit,
                                                 std::optional<Problem>& problem) {
  if (fresh_) {
    pending_.clear();
    after_cr_ = false;
    begin_ = in.offset;
  }
  const std::string_view bytes = in.rest;
  const std::size_t window = std::min(bytes.size(), limit.bytes - pending_.size());
  const std::uint64_t offset = in.offset;
  for (std::size_t i = 0; i < window; ++i) {
    const ByteClass kind = class_of(bytes[i]);
    if (after_cr_ && kind != ByteClass::kLf) {
      problem = {"bare_cr", "a carriage return without a line feed behind it", offset + i - 1};
      return std::nullopt;
    }
    switch (kind) {
      case ByteClass::kText:
        break;
      case ByteClass::kCr:
        after_cr_ = true;
        break;
      case ByteClass::kControl:
        problem = {"control_byte", "a control character where text must be", offset + i};
        return std::nullopt;
      case ByteClass::kLf:
        if (!after_cr_) {
          problem = {"bare_lf", "a line feed without a carriage return before it", offset + i};
          return std::nullopt;
        }
        std::string_view line = in.take(i + 1);
        if (!pending_.empty()) line = pending_.append(line);
        fresh_ = true;
        length_ = line.size();
        line.remove_suffix(2);
        return line;
    }
  }
  if (pending_.size() + window == limit.bytes) {
    problem = {limit.code, limit.message, begin_ + limit.bytes};
    return std::nullopt;
  }
  pending_.append(in.take(window));
  fresh_ = false;
  return std::nullopt;
}

void LineReader::shrink() {
  if (fresh_ && pending_.capacity() > kKeptCapacity) std::string().swap(pending_);
}

}  // namespace writ::protocol
