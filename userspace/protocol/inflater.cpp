#include "protocol/inflater.h"

#include <algorithm>
#include <limits>
#include <new>

namespace writ::protocol {

Inflater::~Inflater() {
  if (started_) (void)inflateEnd(&z_);  // fails for a broken state only
}

void Inflater::start(int window_bits) {
  if (inflateInit2(&z_, window_bits) != Z_OK) throw std::bad_alloc();
  started_ = true;
}

void Inflater::restart() { (void)inflateReset(&z_); }  // fails for a broken state only

int Inflater::run(std::string_view& in, std::span<char> out, std::size_t& written) {
  constexpr std::size_t kMost = std::numeric_limits<uInt>::max();
  const auto given = static_cast<uInt>(std::min(in.size(), kMost));
  const std::span<char> room = out.subspan(written);
  z_.next_in = reinterpret_cast<const Bytef*>(in.data());
  z_.avail_in = given;
  z_.next_out = reinterpret_cast<Bytef*>(room.data());
  z_.avail_out = static_cast<uInt>(room.size());
  const int code = inflate(&z_, Z_NO_FLUSH);
  in.remove_prefix(given - z_.avail_in);
  written += room.size() - z_.avail_out;
  if (code == Z_MEM_ERROR) throw std::bad_alloc();
  return code;
}

bool Inflater::between_blocks() const {
  // inflate() in zlib.h: data_type is the number of unused bits of the last byte, and 128 when it
  // stands behind a block.
  constexpr int kBehindBlock = 128;
  constexpr int kUnusedBits = 63;
  return (z_.data_type & kBehindBlock) != 0 && (z_.data_type & kUnusedBits) == 0;
}

}  // namespace writ::protocol
