#include "cli/output.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "cli/command.h"
#include "cli/exit_code.h"
#include "control.pb.h"

namespace writ::cli {
namespace {

TEST(Printable, KeepsTextOfAnyLanguage) {
  EXPECT_EQ(printable("/contacts/42?q=x y"), "/contacts/42?q=x y");
  EXPECT_EQ(printable("Zoë 東京 🙂 → ✓"), "Zoë 東京 🙂 → ✓");
}

TEST(Printable, NothingReachesTheTerminalThatActsOnIt) {
  EXPECT_EQ(printable("a\x1b[2Jb"), "a\\x1b[2Jb");
  EXPECT_EQ(printable("a\r\nb\tc"), "a\\x0d\\x0ab\\x09c");
  EXPECT_EQ(printable(std::string_view("a\0b", 3)), "a\\x00b");
  EXPECT_EQ(printable("\x7f"), "\\x7f");
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m"),
            "\\xc2\\x9b31m");  // CSI as one C1 character
  EXPECT_EQ(printable("\xe2\x80\xae"
                      "txt"),
            "\\xe2\\x80\\xaetxt");  // right-to-left override
}

TEST(Printable, InvalidUtf8IsShownAsBytes) {
  EXPECT_EQ(printable("\xff\xfe"), "\\xff\\xfe");
  EXPECT_EQ(printable("a\xc3"), "a\\xc3");                  // cut
  EXPECT_EQ(printable("\xc0\xaf"), "\\xc0\\xaf");           // overlong
  EXPECT_EQ(printable("\xe0\x80\xaf"), "\\xe0\\x80\\xaf");  // overlong
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");  // surrogate
  EXPECT_EQ(printable("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");
}

TEST(Table, ColumnsAreAsWideAsTheirWidestCell) {
  Table table({"ID", "NAME", "N"});
  table.add({"1", "Zoë", "10"});
  table.add({"22", "a\x1b", ""});
  EXPECT_EQ(table.text(),
            "ID  NAME   N\n"
            "1   Zoë    10\n"
            "22  a\\x1b\n");
}

TEST(Palette, OffLeavesTextAlone) {
  EXPECT_EQ(Palette(false).paint(Colour::kRed, "x"), "x");
  EXPECT_EQ(Palette(true).paint(Colour::kRed, "x"), "\x1b[31mx\x1b[0m");
}

TEST(Text, SizesAndCounts) {
  EXPECT_EQ(bytes_text(812), "812 B");
  EXPECT_EQ(bytes_text(4300), "4.2 KiB");
  EXPECT_EQ(bytes_text(10u << 20), "10.0 MiB");
  EXPECT_EQ(count_of(1, "record"), "1 record");
  EXPECT_EQ(count_of(0, "record"), "0 records");
}

TEST(Json, FalseIsSaidAndEnumsAreNames) {
  v1::TraceResponse trace;
  trace.mutable_call()->mutable_decision()->mutable_decision()->set_verdict(v1::VERDICT_DENY);
  const auto text = json_text(trace, false);
  ASSERT_TRUE(text);
  EXPECT_NE(text->find("\"intact\":false"), std::string::npos) << *text;
  EXPECT_NE(text->find("\"verdict\":\"VERDICT_DENY\""), std::string::npos) << *text;
  EXPECT_EQ(std::count(text->begin(), text->end(), '\n'), 1);
  EXPECT_EQ(text->back(), '\n');
}

TEST(ExitCodes, AreWhatTheHeaderPromises) {
  EXPECT_EQ(exit_code_of(ErrorCode::kInvalid), 2);
  EXPECT_EQ(exit_code_of(ErrorCode::kUnavailable), 3);
  EXPECT_EQ(exit_code_of(ErrorCode::kDenied), 4);
  EXPECT_EQ(exit_code_of(ErrorCode::kNotFound), 5);
  EXPECT_EQ(exit_code_of(ErrorCode::kIo), 1);
}

}  // namespace
}  // namespace writ::cli
