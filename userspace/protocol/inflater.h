// An inflate stream of zlib, which begins with start(): what coding_zlib.cpp and
// websocket_inflate.cpp are made of, and nobody else uses.
#pragma once

#ifndef ZLIB_CONST
#define ZLIB_CONST  // next_in is not written to
#endif
#include <zlib.h>

#include <cstddef>
#include <span>
#include <string_view>

namespace writ::protocol {

class Inflater {
 public:
  Inflater() = default;
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  ~Inflater();

  // As inflateInit2() in zlib.h has it. Lack of memory is std::bad_alloc, here and in run().
  void start(int window_bits);
  // Begins a new stream, whose window is empty.
  void restart();
  [[nodiscard]] bool started() const { return started_; }

  // Takes from the front of `in` and writes behind out[written]. zlib's code; Z_BUF_ERROR: nothing
  // to do.
  int run(std::string_view& in, std::span<char> out, std::size_t& written);
  // What was taken ends on a byte with a block, and another one may begin.
  [[nodiscard]] bool between_blocks() const;

 private:
  z_stream z_ = {};
  bool started_ = false;
};

}  // namespace writ::protocol
