// permessage-deflate against zlib's own compressor: contexts, bombs.
#include "protocol/websocket_inflate.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <random>

#include "protocol/websocket_frames.h"

namespace writ::protocol {
namespace {

// One side's compressor.
class Deflater {
 public:
  Deflater() { EXPECT_EQ(deflateInit2(&z_, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK); }
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;
  ~Deflater() { (void)deflateEnd(&z_); }
  std::string message(std::string text) {
    std::string out(deflateBound(&z_, text.size()) + 64, '\0');
    z_.next_in = reinterpret_cast<Bytef*>(text.data());
    z_.avail_in = static_cast<uInt>(text.size());
    z_.next_out = reinterpret_cast<Bytef*>(out.data());
    z_.avail_out = static_cast<uInt>(out.size());
    EXPECT_EQ(deflate(&z_, Z_SYNC_FLUSH), Z_OK);
    out.resize(out.size() - z_.avail_out);
    EXPECT_TRUE(out.ends_with(std::string("\x00\x00\xff\xff", 4)));
    out.resize(out.size() - 4);
    return out;
  }

 private:
  z_stream z_ = {};
};

struct Collected : DecodedSink {
  void on_decoded(std::string_view bytes) override { text += bytes; }
  std::string text;
};

// The text, or "problem CODE".
std::string inflated(WebSocketInflate& inflate, std::string_view payload) {
  Collected sink;
  inflate.begin();
  if (auto problem = inflate.feed(payload, 7, sink)) return "problem " + problem->code;
  if (auto problem = inflate.end(7, sink)) return "problem " + problem->code;
  return sink.text;
}

std::string noise(std::size_t bytes) {
  std::minstd_rand random(5);
  std::string text(bytes, '\0');
  for (char& c : text) c = static_cast<char>('a' + random() % 26);
  return text;
}

TEST(WebSocketInflate, GoesOnFromMessageToMessage) {
  Deflater deflater;
  WebSocketInflate inflate({}, 1u << 20);
  const std::string text = noise(30000);
  EXPECT_EQ(inflated(inflate, deflater.message(text)), text);
  const std::string again = deflater.message(text);
  EXPECT_LT(again.size(), 500u) << "it refers to the first one";
  EXPECT_EQ(inflated(inflate, again), text);
}

TEST(WebSocketInflate, WithoutTakeoverNothingIsReferredTo) {
  Deflater deflater;
  WebSocketInflate inflate({.context_takeover = false}, 1u << 20);
  const std::string text = noise(30000);
  EXPECT_EQ(inflated(inflate, deflater.message(text)), text);
  EXPECT_EQ(inflated(inflate, deflater.message(text)), "problem deflate_corrupt");
}

TEST(WebSocketInflate, ABombIsStoppedAtTheBound) {
  Deflater deflater;
  const std::string bomb = deflater.message(std::string(8u << 20, 'x'));
  EXPECT_LT(bomb.size(), 10'000u);
  WebSocketInflate inflate({}, 100'000);
  Collected sink;
  inflate.begin();
  const auto problem = inflate.feed(bomb, 7, sink);
  ASSERT_TRUE(problem);
  EXPECT_EQ(problem->code, "message_too_large");
  EXPECT_EQ(problem->offset, 7u);
  EXPECT_LE(sink.text.size(), 100'000u);
}

TEST(WebSocketInflate, TheBoundIsOfEachMessage) {
  Deflater deflater;
  WebSocketInflate inflate({}, 1000);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(inflated(inflate, deflater.message(std::string(1000, 'x'))), std::string(1000, 'x'));
  }
  EXPECT_EQ(inflated(inflate, deflater.message(std::string(1001, 'x'))),
            "problem message_too_large");
}

TEST(WebSocketInflate, MessagesInFramesCutAtEveryOffset) {
  Deflater deflater;
  const std::string first = deflater.message(noise(300) + "\xce\xba");
  const std::string second = deflater.message(noise(300));
  const std::string stream = ws_frame(0x41, first.substr(0, 100)) + ws_frame(0x89, "p") +
                             ws_frame(0x80, first.substr(100)) + ws_frame(0xc2, second) +
                             ws_frame(0x81, "plain");
  for (const Side side : {Side::kRequest, Side::kResponse}) {
    const std::string sent = side == Side::kRequest ? masked(stream) : stream;
    const WebSocketReading how{.side = side, .deflate = DeflateTerms{}};
    const auto whole = websocket_events(sent, {}, how);
    ASSERT_EQ(whole.size(), 5u);
    for (std::size_t cut = 0; cut <= sent.size(); ++cut) {
      EXPECT_EQ(websocket_events(sent, {cut}, how), whole) << "cut at " << cut;
    }
  }
}

}  // namespace
}  // namespace writ::protocol
