// gRPC's messages: framing, compression within a bound, and what two readers could read
// differently.
#include "protocol/grpc.h"

#include <gtest/gtest.h>

#include "protocol/coding_support.h"
#include "protocol/grpc_messages.h"

namespace writ::protocol {
namespace {

// What the messages said, each with a '|' behind it, and the problem's code.
struct Read : GrpcSink {
  void on_message_bytes(std::string_view bytes) override { story += bytes; }
  void on_message_end() override { story += '|'; }
  std::string story;
};

std::string read(const Headers& headers, std::string_view body, std::uint64_t most = 1u << 20,
                 std::size_t cut = 0) {
  GrpcReader reader(headers, {.decoded_bytes = most});
  Read sink;
  const bool good = reader.feed(body.substr(0, cut), sink) && reader.feed(body.substr(cut), sink) &&
                    reader.finish();
  EXPECT_NE(good, reader.problem().has_value());
  if (good) return sink.story;
  EXPECT_FALSE(reader.feed("more", sink)) << "a problem is sticky";
  EXPECT_FALSE(reader.finish());
  return sink.story + " " + reader.problem()->code;
}

const Headers kPlain = {{"content-type", "application/grpc"}};
Headers encoded(const std::string& name) { return {{"grpc-encoding", name}}; }

TEST(Grpc, IsKnownByItsContentType) {
  for (const char* type : {"application/grpc", "application/grpc+proto", "Application/gRPC+json",
                           "application/grpc; charset=utf-8"}) {
    EXPECT_TRUE(is_grpc({{"Content-Type", type}})) << type;
  }
  for (const char* type : {"application/grpc-web", "application/grpcx", "application/json", ""}) {
    EXPECT_FALSE(is_grpc({{"content-type", type}})) << type;
  }
  EXPECT_FALSE(is_grpc({}));
  EXPECT_TRUE(is_grpc({{"content-type", "text/plain"}, {"content-type", "application/grpc"}}));
}

TEST(Grpc, MessagesComeOutWithoutTheirFraming) {
  EXPECT_EQ(read(kPlain, ""), "");
  EXPECT_EQ(read(kPlain, grpc_message("one") + grpc_message("") + grpc_message("three")),
            "one||three|");
  const std::string longer(70'000, 'x');
  EXPECT_EQ(read(kPlain, grpc_message(longer)), longer + "|");
}

TEST(Grpc, CompressedMessagesAreReadEachByItself) {
  const std::string text = "the same words, the same words";
  EXPECT_EQ(read(encoded("gzip"),
                 grpc_message(gzip(text), 1) + grpc_message("plain") + grpc_message(gzip("b"), 1)),
            text + "|plain|b|");
  EXPECT_EQ(read(encoded("deflate"), grpc_message(deflate_zlib(text), 1)), text + "|");
  EXPECT_EQ(read(encoded("zstd"), grpc_message(zstd(text), 1)), text + "|");
}

TEST(Grpc, CutAnywhereItSaysTheSame) {
  const std::string body = grpc_message("first") + grpc_message(gzip("second"), 1) +
                           grpc_message("") + grpc_message("last");
  for (std::size_t cut = 0; cut <= body.size(); ++cut) {
    EXPECT_EQ(read(encoded("gzip"), body, 1u << 20, cut), "first|second||last|") << cut;
  }
  for (std::size_t length = 0; length < body.size(); ++length) {
    const std::string story = read(encoded("gzip"), body.substr(0, length));
    const bool between = length == 0 || story.back() == '|';
    EXPECT_TRUE(between || story.ends_with(" grpc_truncated")) << length << ": " << story;
  }
}

TEST(Grpc, WhatCannotBeReadIsAProblem) {
  EXPECT_EQ(read(kPlain, grpc_message("x", 2)), " grpc_bad_flag");
  EXPECT_EQ(read(kPlain, grpc_prefix(UINT32_MAX) + "x"), "x grpc_truncated");
  EXPECT_EQ(read(kPlain, std::string(4, '\0')), " grpc_truncated");
  EXPECT_EQ(read(kPlain, grpc_message(gzip("x"), 1)), " grpc_encoding_unknown");
  EXPECT_EQ(read(encoded("snappy"), grpc_message("x", 1)), " grpc_encoding_unknown");
  EXPECT_EQ(read(encoded("identity"), grpc_message("x", 1)), " grpc_encoding_unknown");
  EXPECT_EQ(
      read({{"grpc-encoding", "gzip"}, {"grpc-encoding", "deflate"}}, grpc_message(gzip("x"), 1)),
      " grpc_encoding_unknown");
  EXPECT_EQ(read(encoded("gzip"), grpc_message("no gzip at all", 1)), " content_coding_corrupt");
  EXPECT_EQ(read(encoded("gzip"), grpc_message(gzip("x") + "y", 1)), "x content_coding_trailing");
  const std::string cut = gzip("x");
  EXPECT_EQ(read(encoded("gzip"), grpc_message(cut.substr(0, cut.size() - 1), 1)),
            "x content_coding_truncated");
  EXPECT_EQ(read({{"content-encoding", "gzip"}}, grpc_message("x")), " grpc_coded_body");
  EXPECT_EQ(read({{"content-encoding", "identity"}}, grpc_message("x")), "x|");
}

TEST(Grpc, TheBoundIsForAllMessages) {
  const std::string half = grpc_message(gzip(std::string(600, 'a')), 1);
  EXPECT_EQ(read(encoded("gzip"), half, 1000), std::string(600, 'a') + "|");
  EXPECT_EQ(read(encoded("gzip"), half + half, 1000),
            std::string(600, 'a') + "|" + std::string(400, 'a') + " content_coding_too_large");
}

}  // namespace
}  // namespace writ::protocol
