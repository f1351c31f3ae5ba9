// RFC 7541's own examples (appendix C), through the decoder that every header block goes through.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "protocol/http1_text.h"
#include "protocol/http2_frames.h"

namespace writ::protocol {
namespace {

using ::testing::ElementsAre;

std::string bytes_of(std::string_view hex) {
  std::string bytes;
  int high = -1;
  for (const char c : hex) {
    const int value = hex_value(c);
    if (value < 0) continue;
    if (high < 0) {
      high = value;
      continue;
    }
    bytes.push_back(static_cast<char>(high << 4 | value));
    high = -1;
  }
  return bytes;
}

std::vector<std::string> decoded(HpackDecoder& decoder, std::string_view hex) {
  Headers fields;
  const auto problem = decoder.decode(bytes_of(hex), 0, fields);
  std::vector<std::string> lines;
  for (const Header& field : fields) lines.push_back(field.name + ": " + field.value);
  if (problem) lines.push_back(problem->code);
  return lines;
}

TEST(Hpack, C2HeaderFieldRepresentations) {
  HpackDecoder literal;
  EXPECT_THAT(decoded(literal, "400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572"),
              ElementsAre("custom-key: custom-header"));
  EXPECT_EQ(literal.table_bytes(), 55u);
  HpackDecoder unindexed;
  EXPECT_THAT(decoded(unindexed, "040c 2f73 616d 706c 652f 7061 7468"),
              ElementsAre(":path: /sample/path"));
  EXPECT_EQ(unindexed.table_bytes(), 0u);
  HpackDecoder never;
  EXPECT_THAT(decoded(never, "1008 7061 7373 776f 7264 0673 6563 7265 74"),
              ElementsAre("password: secret"));
  HpackDecoder indexed;
  EXPECT_THAT(decoded(indexed, "82"), ElementsAre(":method: GET"));
}

// C.3 (plain) and C.4 (Huffman) are the same three requests on one connection.
class HpackRequests : public testing::TestWithParam<std::vector<std::string>> {};

TEST_P(HpackRequests, AreRead) {
  HpackDecoder decoder;
  const auto& blocks = GetParam();
  EXPECT_THAT(decoded(decoder, blocks[0]), ElementsAre(":method: GET", ":scheme: http", ":path: /",
                                                       ":authority: www.example.com"));
  EXPECT_EQ(decoder.table_bytes(), 57u);
  EXPECT_THAT(decoded(decoder, blocks[1]),
              ElementsAre(":method: GET", ":scheme: http", ":path: /",
                          ":authority: www.example.com", "cache-control: no-cache"));
  EXPECT_EQ(decoder.table_bytes(), 110u);
  EXPECT_THAT(decoded(decoder, blocks[2]),
              ElementsAre(":method: GET", ":scheme: https", ":path: /index.html",
                          ":authority: www.example.com", "custom-key: custom-value"));
  EXPECT_EQ(decoder.table_bytes(), 164u);
}

INSTANTIATE_TEST_SUITE_P(
    AppendixC, HpackRequests,
    testing::Values(
        std::vector<std::string>{
            "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
            "8286 84be 5808 6e6f 2d63 6163 6865",
            "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65"},
        std::vector<std::string>{"8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
                                 "8286 84be 5886 a8eb 1064 9cbf",
                                 "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf"}),
    [](const auto& with) { return with.index == 0 ? "C3" : "C4"; });

// C.5 and C.6: responses, with a table of 256 bytes, so that entries are evicted. The examples set
// the size outside of the blocks; here it is said in front of the first (section 6.3).
class HpackResponses : public testing::TestWithParam<std::vector<std::string>> {};

TEST_P(HpackResponses, AreRead) {
  HpackDecoder decoder;
  const auto& blocks = GetParam();
  EXPECT_THAT(
      decoded(decoder, "3fe101" + blocks[0]),
      ElementsAre(":status: 302", "cache-control: private", "date: Mon, 21 Oct 2013 20:13:21 GMT",
                  "location: https://www.example.com"));
  EXPECT_EQ(decoder.table_bytes(), 222u);
  EXPECT_THAT(decoded(decoder, blocks[1]), ElementsAre(":status: 307", "cache-control: private",
                                                       "date: Mon, 21 Oct 2013 20:13:21 GMT",
                                                       "location: https://www.example.com"));
  EXPECT_EQ(decoder.table_bytes(), 222u);
  EXPECT_THAT(
      decoded(decoder, blocks[2]),
      ElementsAre(":status: 200", "cache-control: private", "date: Mon, 21 Oct 2013 20:13:22 GMT",
                  "location: https://www.example.com", "content-encoding: gzip",
                  "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"));
  EXPECT_EQ(decoder.table_bytes(), 215u);
}

INSTANTIATE_TEST_SUITE_P(
    AppendixC, HpackResponses,
    testing::Values(
        std::vector<std::string>{
            "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032"
            "303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63"
            "6f6d",
            "4803 3330 37c1 c0bf",
            "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0"
            "5a04 677a 6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851"
            "5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31"},
        std::vector<std::string>{
            "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b"
            "ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3",
            "4883 640e ffc1 c0bf",
            "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad"
            "94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160"
            "65c0 03ed 4ee5 b106 3d50 07"}),
    [](const auto& with) { return with.index == 0 ? "C5" : "C6"; });

TEST(Hpack, RefusesWhatCannotBe) {
  const struct {
    const char* why;
    const char* hex;
  } cases[] = {
      {"index 0", "80"},
      {"an index behind the table", "ff00"},
      {"a block that ends within a field", "400a 6375"},
      {"an integer without end", "ffffffffffffffffff"},
      {"a size above what is allowed", "3fe2ff7f"},
      {"a size update behind a field", "82 20"},
      {"Huffman padding that is not ones", "0085 f2b2 4a84 00 0161"},
  };
  for (const auto& c : cases) {
    HpackDecoder decoder;
    const auto lines = decoded(decoder, c.hex);
    ASSERT_FALSE(lines.empty()) << c.why;
    EXPECT_EQ(lines.back(), "bad_header_block") << c.why;
  }
}

TEST(Hpack, ASmallBlockThatDecodesToMuchIsBounded) {
  HpackDecoder decoder;
  // One entry of 4,000 bytes in the table, then that entry again and again.
  Headers fields;
  const std::string large = std::string("\x40\x01x\x7f\xa1\x1e", 6) + std::string(4000, 'v') +
                            std::string(60'000, '\xbe');
  const auto problem = decoder.decode(large, 7, fields);
  ASSERT_TRUE(problem);
  EXPECT_EQ(problem->code, "header_section_too_large");
  EXPECT_EQ(problem->offset, 7u);
  EXPECT_LE(fields.size(), 16u);
}

TEST(Hpack, ATableGrowsAsFarAsAllowed) {
  HpackDecoder decoder;
  EXPECT_THAT(decoded(decoder, "3fe13f"), ElementsAre("bad_header_block")) << "8,192 of 4,096";
  HpackDecoder larger;
  larger.allow(8192);
  EXPECT_THAT(decoded(larger, "3fe13f"), ElementsAre());
  HpackDecoder capped;
  capped.allow(UINT32_MAX);
  EXPECT_THAT(decoded(capped, "3fe1ff03"), ElementsAre()) << "65,536";
  EXPECT_THAT(decoded(capped, "3fe2ff03"), ElementsAre("bad_header_block")) << "65,537";
}

}  // namespace
}  // namespace writ::protocol
