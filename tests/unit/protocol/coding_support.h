// Encoders for the tests of content codings, and a decoder's story: what came out, and how it
// ended.
#pragma once

#include <brotli/encode.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/content_coding.h"

namespace writ::protocol {

inline void must(bool holds) {
  if (!holds) std::abort();
}

// `wrapper`: 16 gzip, 0 zlib, -1 none. `header`: of a gzip member.
inline std::string deflated(std::string_view text, int wrapper, gz_header* header = nullptr,
                            int flush = Z_FINISH) {
  z_stream z = {};
  const int bits = wrapper < 0 ? -MAX_WBITS : MAX_WBITS + wrapper;
  must(deflateInit2(&z, Z_BEST_COMPRESSION, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  if (header != nullptr) deflateSetHeader(&z, header);
  std::string out(deflateBound(&z, text.size()) + 1024, '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  z.avail_in = static_cast<uInt>(text.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  must(deflate(&z, flush) == (flush == Z_FINISH ? Z_STREAM_END : Z_OK));
  out.resize(out.size() - z.avail_out);
  (void)deflateEnd(&z);  // Z_DATA_ERROR after a flush only, which is what was wanted
  return out;
}
inline std::string gzip(std::string_view text) { return deflated(text, 16); }
inline std::string deflate_zlib(std::string_view text) { return deflated(text, 0); }
inline std::string deflate_raw(std::string_view text) { return deflated(text, -1); }

inline std::string brotli(std::string_view text, int window = BROTLI_DEFAULT_WINDOW) {
  std::size_t size = BrotliEncoderMaxCompressedSize(text.size()) + 16;
  std::string out(size, '\0');
  must(BrotliEncoderCompress(5, window, BROTLI_MODE_GENERIC, text.size(),
                             reinterpret_cast<const std::uint8_t*>(text.data()), &size,
                             reinterpret_cast<std::uint8_t*>(out.data())));
  out.resize(size);
  return out;
}

// `text` so many times, each time as far as it can be decoded; the stream has no end.
inline std::string brotli_flushed(std::string_view text, int times) {
  BrotliEncoderState* state = BrotliEncoderCreateInstance(nullptr, nullptr, nullptr);
  BrotliEncoderSetParameter(state, BROTLI_PARAM_QUALITY, 5);
  std::string out(1u << 20, '\0');
  std::size_t room = out.size();
  auto* to = reinterpret_cast<std::uint8_t*>(out.data());
  for (int i = 0; i < times; ++i) {
    std::size_t size = text.size();
    const auto* from = reinterpret_cast<const std::uint8_t*>(text.data());
    do {
      must(BrotliEncoderCompressStream(state, BROTLI_OPERATION_FLUSH, &size, &from, &room, &to,
                                       nullptr));
    } while (size != 0 || BrotliEncoderHasMoreOutput(state));
  }
  BrotliEncoderDestroyInstance(state);
  out.resize(out.size() - room);
  return out;
}

inline std::string zstd(std::string_view text, int window_log = 0) {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
  ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, window_log);
  // The size is not told beforehand, as when a server streams: else a small content needs no
  // window.
  std::string out(ZSTD_compressBound(text.size()) + 64, '\0');
  ZSTD_inBuffer in = {text.data(), text.size(), 0};
  ZSTD_outBuffer to = {out.data(), out.size(), 0};
  while (in.pos < in.size) ZSTD_compressStream2(context, &to, &in, ZSTD_e_continue);
  must(ZSTD_compressStream2(context, &to, &in, ZSTD_e_end) == 0);
  ZSTD_freeCCtx(context);
  out.resize(to.pos);
  return out;
}

inline std::string encode(Coding coding, std::string_view text) {
  switch (coding) {
    case Coding::kGzip:
      return gzip(text);
    case Coding::kDeflate:
      return deflate_zlib(text);
    case Coding::kBrotli:
      return brotli(text);
    case Coding::kZstd:
      return zstd(text);
  }
  return {};
}

struct Decoded {
  std::string text;
  std::string code;  // of the problem, or ""
  std::string message;
  std::size_t largest = 0;  // piece
  friend bool operator==(const Decoded& a, const Decoded& b) {
    return a.text == b.text && a.code == b.code && a.message == b.message;
  }
};
inline void PrintTo(const Decoded& d, std::ostream* out) {
  *out << d.text.size() << " bytes \"" << d.text.substr(0, 60) << "\" " << d.code << " "
       << d.message;
}

class Collector : public DecodedSink {
 public:
  void on_decoded(std::string_view bytes) override {
    decoded.text += bytes;
    decoded.largest = std::max(decoded.largest, bytes.size());
  }
  Decoded decoded;
};

// `cuts`: where the bytes are cut, ascending.
inline Decoded decode(const std::vector<Coding>& codings, std::string_view bytes,
                      const CodingLimits& limits = {}, const std::vector<std::size_t>& cuts = {}) {
  ContentDecoder decoder(codings, limits);
  Collector sink;
  std::size_t from = 0;
  bool good = true;
  for (std::size_t i = 0; i <= cuts.size() && good; ++i) {
    const std::size_t to = i < cuts.size() ? cuts[i] : bytes.size();
    good = decoder.feed(bytes.substr(from, to - from), sink);
    from = to;
  }
  if (good) good = decoder.finish();
  must(good != decoder.problem().has_value());
  if (decoder.problem()) {
    sink.decoded.code = decoder.problem()->code;
    sink.decoded.message = decoder.problem()->message;
    must(!decoder.feed("more", sink));  // a problem is sticky
    must(!decoder.finish());
  }
  return sink.decoded;
}

}  // namespace writ::protocol
