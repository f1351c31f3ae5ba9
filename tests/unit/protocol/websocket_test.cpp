// Frames as the cases of the Autobahn test suite have them (its numbers stand beside them; written
// by us after its case descriptions, crossbar.io/autobahn), in both directions, whole and cut at
// every offset.
#include "protocol/websocket.h"

#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <ostream>

#include "protocol/websocket_frames.h"

namespace writ::protocol {
namespace {

using ::testing::ElementsAre;

struct FrameCase {
  const char* number;
  const char* frames;    // of a server; a client's have a mask
  const char* expected;  // the log's lines; of a Problem it ends with the code
};

void PrintTo(const FrameCase& one, std::ostream* out) { *out << one.number; }

const FrameCase kCases[] = {
    // 1: lengths
    {"1.1.1", "8100", "text"},
    {"1.1.2", "81 7d 2a*125", "text [125 bytes *]"},
    {"1.1.3", "81 7e 007e 2a*126", "text [126 bytes *]"},
    {"1.1.4", "81 7e 007f 2a*127", "text [127 bytes *]"},
    {"1.1.5", "81 7e 0080 2a*128", "text [128 bytes *]"},
    {"1.1.6", "81 7e ffff 2a*65535", "text [65535 bytes *]"},
    {"1.1.7", "81 7f 0000000000010000 2a*65536", "text [65536 bytes *]"},
    {"1.2.1", "8200", "binary"},
    {"1.2.2", "82 7d fe*125", "binary [125 bytes \xfe]"},
    {"1.2.3", "82 7e 007e fe*126", "binary [126 bytes \xfe]"},
    {"1.2.7", "82 7f 0000000000010000 fe*65536", "binary [65536 bytes \xfe]"},
    {"rfc5.2_16_bits_for_7", "81 7e 007d 2a*125", "problem length_not_minimal"},
    {"rfc5.2_64_bits_for_7", "81 7f 000000000000007d 2a*125", "problem length_not_minimal"},
    {"rfc5.2_64_bits_for_16", "82 7f 000000000000ffff 2a*9", "problem length_not_minimal"},
    {"rfc5.2_top_bit", "82 7f 8000000000000000 2a", "problem length_too_large"},
    {"rfc5.2_63_bits", "82 7f 7fffffffffffffff 2a", "unfinished"},
    // 2: ping and pong
    {"2.1", "8900", "ping"},
    {"2.2", "89 0d 48656c6c6f2c20776f726c6421", "ping Hello, world!"},
    {"2.3", "89 08 00fffefdfcfb00ff", "ping 00fffefdfcfb00ff"},
    {"2.4", "89 7d fe*125", "ping [125 bytes \xfe]"},
    {"2.5", "89 7e 007e fe*126", "problem control_too_long"},
    {"2.7", "8a00", "pong"},
    {"2.8", "8a 02 6869", "pong hi"},
    {"2.9", "8a 02 6869 89 02 6f6b", "pong hi | ping ok"},
    {"2.10", "89 01 30 89 01 31 89 01 32 89 01 33", "ping 0 | ping 1 | ping 2 | ping 3"},
    // 3: reserved bits
    {"3.1", "91 05 48656c6c6f", "problem reserved_bits"},
    {"3.2", "81 05 48656c6c6f a1 05 48656c6c6f 8900", "text Hello | problem reserved_bits"},
    {"3.3", "81 05 48656c6c6f b1 05 48656c6c6f 8900", "text Hello | problem reserved_bits"},
    {"3.4", "81 05 48656c6c6f c1 05 48656c6c6f 8900", "text Hello | problem reserved_bits"},
    {"3.5", "d2 05 fe*5", "problem reserved_bits"},
    {"3.6", "e9 05 48656c6c6f", "problem reserved_bits"},
    {"3.7", "f8 00", "problem reserved_bits"},
    // 4: opcodes
    {"4.1.1", "8300", "problem reserved_opcode"},
    {"4.1.2", "84 05 48656c6c6f", "problem reserved_opcode"},
    {"4.1.3", "81 05 48656c6c6f 8500 8900", "text Hello | problem reserved_opcode"},
    {"4.1.4", "81 05 48656c6c6f 86 01 2a 8900", "text Hello | problem reserved_opcode"},
    {"4.1.5", "81 05 48656c6c6f 87 01 2a 8900", "text Hello | problem reserved_opcode"},
    {"4.2.1", "8b00", "problem reserved_opcode"},
    {"4.2.2", "8c 01 2a", "problem reserved_opcode"},
    {"4.2.3", "81 05 48656c6c6f 8d00 8900", "text Hello | problem reserved_opcode"},
    {"4.2.4", "8e 01 2a", "problem reserved_opcode"},
    {"4.2.5", "8f 01 2a", "problem reserved_opcode"},
    // 5: fragments
    {"5.1", "09 02 6869 80 02 6869", "problem control_fragmented"},
    {"5.2", "0a 02 6869 80 02 6869", "problem control_fragmented"},
    {"5.3", "01 03 667261 80 04 676d656e", "text fragmen"},
    {"5.6", "01 03 667261 89 02 6869 80 04 676d656e", "ping hi | text fragmen"},
    {"5.9", "80 02 6e6f 81 02 6869", "problem unexpected_continuation"},
    {"5.12", "00 02 6e6f 81 02 6869", "problem unexpected_continuation"},
    {"5.15", "01 03 667261 80 04 676d656e 00 02 6e6f 81 02 6869",
     "text fragmen | problem unexpected_continuation"},
    {"5.16", "00 02 6e6f 81 02 6869 00 02 6e6f", "problem unexpected_continuation"},
    {"5.18", "01 03 667261 81 04 676d656e", "problem unfinished_message"},
    {"5.19", "01 01 31 00 01 32 89 01 61 00 01 33 00 01 34 89 01 62 80 01 35",
     "ping a | ping b | text 12345"},
    {"5_an_end_that_is_missing", "01 03 667261", "unfinished"},
    // 6: UTF-8
    {"6.1.1", "8100", "text"},
    {"6.1.2", "0100 0000 8000", "text"},
    {"6.1.3", "0100 00 05 48656c6c6f 8000", "text Hello"},
    {"6.2.1", "81 0b 48656c6c6f2dc2b5c39f21", "text 48656c6c6f2dc2b5c39f21"},
    {"6.2.2", "01 08 48656c6c6f2dc2b5 80 03 c39f21", "text 48656c6c6f2dc2b5c39f21"},
    {"6.2.3", "01 01 ce 00 01 ba 00 01 e1 00 01 bd 80 01 b9", "text cebae1bdb9"},
    {"6.2.4_between_pings", "01 01 ce 8900 80 01 ba", "ping | text ceba"},
    {"6.3.1", "81 0d cebae1bdb9cf83cebceda080", "problem not_utf8"},
    {"6.3.2", "01 01 ed 00 01 a0 80 01 80", "problem not_utf8"},
    {"6.4.1", "01 05 cebae1bdb9 00 04 f4908080 80 06 656469746564", "problem not_utf8"},
    {"6.6.1", "81 01 ce", "problem not_utf8"},
    {"6.6.2", "81 02 ceba", "text ceba"},
    {"6.6.3", "81 03 cebae1", "problem not_utf8"},
    {"6.7.1", "81 01 00", "text 00"},
    {"6.7.3", "81 03 e0a080", "text e0a080"},
    {"6.7.4", "81 04 f0908080", "text f0908080"},
    {"6.8.1", "81 05 f888808080", "problem not_utf8"},
    {"6.8.2", "81 06 fc8480808080", "problem not_utf8"},
    {"6.9.2", "81 02 dfbf", "text dfbf"},
    {"6.9.3", "81 03 efbfbf", "text efbfbf"},
    {"6.9.4", "81 04 f48fbfbf", "text f48fbfbf"},
    {"6.10.1", "81 04 f7bfbfbf", "problem not_utf8"},
    {"6.11.1", "81 03 ed9fbf", "text ed9fbf"},
    {"6.11.2", "81 03 ee8080", "text ee8080"},
    {"6.11.5", "81 04 f4908080", "problem not_utf8"},
    {"6.12.1", "81 01 80", "problem not_utf8"},
    {"6.12.3", "81 02 80bf", "problem not_utf8"},
    {"6.13.1", "81 03 c020c1", "problem not_utf8"},
    {"6.13.2", "81 03 e020e1", "problem not_utf8"},
    {"6.14.1", "81 01 df", "problem not_utf8"},
    {"6.14.2", "81 02 e080", "problem not_utf8"},
    {"6.14.5", "01 01 df 80 01 20", "problem not_utf8"},
    {"6.14.6", "01 02 e0a0 80 00", "problem not_utf8"},
    {"6.16.1", "81 01 fe", "problem not_utf8"},
    {"6.17.1", "81 02 c0af", "problem not_utf8"},
    {"6.17.2", "81 03 e080af", "problem not_utf8"},
    {"6.18.1", "81 02 c1bf", "problem not_utf8"},
    {"6.18.3", "81 04 f08fbfbf", "problem not_utf8"},
    {"6.19.1", "81 02 c080", "problem not_utf8"},
    {"6.20.1", "81 03 eda080", "problem not_utf8"},
    {"6.20.7", "81 03 edbfbf", "problem not_utf8"},
    {"6.21.1", "81 06 eda080edb080", "problem not_utf8"},
    {"6.22.1", "81 03 efbfbe", "text efbfbe"},
    {"6.23.1", "81 03 efbfbd", "text efbfbd"},
    {"6_ends_before_it_is_known", "01 02 e241 89 01 61 80 01 42", "problem not_utf8"},
    {"6_binary_is_free", "82 03 eda080", "binary eda080"},
    // 7: close
    {"7.1.1", "81 05 48656c6c6f 88 02 03e8", "text Hello | close 1000"},
    {"7.1.2", "88 02 03e8 88 02 03e8", "close 1000 | problem bytes_after_close"},
    {"7.1.3", "88 02 03e8 8900", "close 1000 | problem bytes_after_close"},
    {"7.1.4", "88 02 03e8 81 05 48656c6c6f", "close 1000 | problem bytes_after_close"},
    {"7.1.5", "01 03 667261 88 02 03e8 80 04 676d656e", "close 1000 | problem bytes_after_close"},
    {"7.3.1", "8800", "close"},
    {"7.3.2", "88 01 61", "problem bad_close"},
    {"7.3.3", "88 02 03e8", "close 1000"},
    {"7.3.4", "88 04 03e8 6f6b", "close 1000 ok"},
    {"7.3.5", "88 7d 03e8 2a*123", "close 1000 [123 bytes *]"},
    {"7.3.6", "88 7e 007e 03e8 2a*124", "problem control_too_long"},
    {"7.5.1", "88 0f 03e8 cebae1bdb9cf83cebceda08065", "problem not_utf8"},
    {"7.7.1", "88 02 03e8", "close 1000"},
    {"7.7.2", "88 02 03e9", "close 1001"},
    {"7.7.3", "88 02 03ea", "close 1002"},
    {"7.7.4", "88 02 03eb", "close 1003"},
    {"7.7.5", "88 02 03ef", "close 1007"},
    {"7.7.6", "88 02 03f0", "close 1008"},
    {"7.7.9", "88 02 03f3", "close 1011"},
    {"7.7.10", "88 02 0bb8", "close 3000"},
    {"7.7.13", "88 02 1387", "close 4999"},
    {"7_registered_since", "88 02 03f6", "close 1014"},
    {"7.9.1", "88 02 0000", "problem bad_close"},
    {"7.9.2", "88 02 03e7", "problem bad_close"},
    {"7.9.3", "88 02 03ec", "problem bad_close"},
    {"7.9.4", "88 02 03ed", "problem bad_close"},
    {"7.9.5", "88 02 03ee", "problem bad_close"},
    {"7.9.6", "88 02 03f8", "problem bad_close"},
    {"7.9.7", "88 02 044c", "problem bad_close"},
    {"7.9.8", "88 02 07d0", "problem bad_close"},
    {"7.9.9", "88 02 0bb7", "problem bad_close"},
    {"7.9_1015", "88 02 03f7", "problem bad_close"},
    {"7.13.1", "88 02 1388", "problem bad_close"},
    {"7.13.2", "88 02 ffff", "problem bad_close"},
};

// The same with permessage-deflate (12 and 13; the samples of RFC 7692 section 7.2.3).
const FrameCase kDeflateCases[] = {
    {"rfc7.2.3.1", "c1 07 f248cdc9c90700", "text Hello"},
    {"rfc7.2.3.1_fragments", "41 03 f248cd 80 04 c9c90700", "text Hello"},
    {"rfc7.2.3.1_ping_between", "41 03 f248cd 89 01 61 80 04 c9c90700", "ping a | text Hello"},
    {"rfc7.2.3.2_takeover", "c1 07 f248cdc9c90700 c1 05 f200110000", "text Hello | text Hello"},
    {"rfc7.2.3.3_stored", "c1 0b 000500faff48656c6c6f00", "text Hello"},
    {"rfc7.2.3.4_last_block", "c1 08 f348cdc9c9070000", "problem deflate_final_block"},
    {"rfc7.2.3.5_two_blocks", "c1 0d f248050000 00ffffcac9c90700", "text Hello"},
    {"rfc7.2.3.6_empty", "c1 01 00", "text"},
    {"not_compressed", "81 05 48656c6c6f", "text Hello"},
    {"rsv1_on_continuation", "41 03 f248cd c0 04 c9c90700", "problem reserved_bits"},
    {"rsv1_on_control", "c9 01 61", "problem reserved_bits"},
    {"rsv2", "e1 07 f248cdc9c90700", "problem reserved_bits"},
    {"corrupt", "c1 02 ffff", "problem deflate_corrupt"},
    {"cut_within_a_block", "c1 03 f248cd", "problem deflate_truncated"},
    {"too_far_back", "c1 05 f200110000", "problem deflate_corrupt"},
    {"not_utf8", "c1 04 fa070000", "problem not_utf8"},
};

class Frames : public ::testing::TestWithParam<FrameCase> {};
class DeflateFrames : public ::testing::TestWithParam<FrameCase> {};

std::string name_of_case(const ::testing::TestParamInfo<FrameCase>& info) {
  std::string name = info.param.number;
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
}

// Also cut at every offset, and byte by byte; of long ones near their ends.
void expect_events(const FrameCase& one, const std::optional<DeflateTerms>& deflate) {
  const std::string frames = from_hex(one.frames);
  for (const Side side : {Side::kResponse, Side::kRequest}) {
    const std::string stream = side == Side::kRequest ? masked(frames) : frames;
    const std::string where = side == Side::kRequest ? "of a client" : "of a server";
    WebSocketReading how{.side = side, .deflate = deflate, .places = false};
    EXPECT_EQ(fmt::format("{}", fmt::join(websocket_events(stream, {}, how), " | ")), one.expected)
        << where;
    how.places = true;
    const auto whole = websocket_events(stream, {}, how);
    std::vector<std::size_t> every(stream.size());
    std::iota(every.begin(), every.end(), 0U);
    EXPECT_EQ(websocket_events(stream, every, how), whole) << where << ", byte by byte";
    for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
      if (cut == 150 && stream.size() > 1000) cut = stream.size() - 10;
      EXPECT_EQ(websocket_events(stream, {cut}, how), whole) << where << ", cut at " << cut;
    }
  }
}

TEST_P(Frames, GiveTheirMessages) { expect_events(GetParam(), std::nullopt); }
TEST_P(DeflateFrames, GiveTheirMessages) { expect_events(GetParam(), DeflateTerms{}); }

INSTANTIATE_TEST_SUITE_P(Autobahn, Frames, ::testing::ValuesIn(kCases), name_of_case);
INSTANTIATE_TEST_SUITE_P(Autobahn, DeflateFrames, ::testing::ValuesIn(kDeflateCases), name_of_case);

TEST(WebSocketReader, WantsAMaskOfClientsOnly) {
  const WebSocketReading kOfClient{.side = Side::kRequest, .deflate = {}, .places = false};
  const WebSocketReading kOfServer{.side = Side::kResponse, .deflate = {}, .places = false};
  const std::string frame = ws_frame(0x81, "Hello");
  EXPECT_THAT(websocket_events(frame, {}, kOfClient), ElementsAre("problem mask_missing"));
  EXPECT_THAT(websocket_events(masked(frame), {}, kOfServer),
              ElementsAre("problem mask_unexpected"));
}

TEST(WebSocketReader, TellsWhereThingsLie) {
  const std::string stream = ws_frame(0x81, "one") + ws_frame(0x89, "p") + ws_frame(0x02, "two") +
                             ws_frame(0x8a, "") + ws_frame(0x80, "three") + "\x81";
  EXPECT_THAT(websocket_events(stream, {}, {}),
              ElementsAre("text one @0-5", "ping p @5-8", "pong @13-15", "binary twothree @8-22",
                          "unfinished", "boundary 22"));
}

TEST(WebSocketReader, ABoundaryIsBeforeAMessageThatIsNotWhole) {
  WebSocketReader reader(Side::kResponse, std::nullopt);
  WebSocketLog log(true);
  ASSERT_TRUE(reader.feed(ws_frame(0x89, "p"), log));
  EXPECT_EQ(reader.boundary(), 3u);
  EXPECT_TRUE(reader.at_frame_boundary());
  ASSERT_TRUE(reader.feed(ws_frame(0x01, "begin") + ws_frame(0x89, "q"), log));
  EXPECT_EQ(reader.boundary(), 3u);
  EXPECT_TRUE(reader.in_message());
  EXPECT_TRUE(reader.at_frame_boundary()) << "between two frames of a message";
  EXPECT_FALSE(reader.at_message_boundary());
  ASSERT_TRUE(reader.feed("\x80", log));
  EXPECT_FALSE(reader.at_frame_boundary());
  ASSERT_TRUE(reader.feed(std::string_view("\0", 1), log));
  EXPECT_TRUE(reader.at_message_boundary());
}

}  // namespace
}  // namespace writ::protocol
