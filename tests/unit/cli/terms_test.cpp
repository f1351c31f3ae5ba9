// The options of run, grant and attach, as a request.
#include "cli/terms.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace writ::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class TermsTest : public testing::Test {
 protected:
  Result<v1::WritTerms> parse(const std::vector<std::string>& words) {
    CLI::App app;
    const auto options = add_terms(app);
    std::vector<std::string> reversed(words.rbegin(), words.rend());
    app.parse(reversed);
    said_something_ = says_anything(*options);
    return read_terms(*options);
  }
  std::string file(const std::string& content) {
    const std::string path = testing::TempDir() + "token";
    std::ofstream(path) << content;
    return path;
  }
  bool said_something_ = false;
};

TEST_F(TermsTest, AllOfThem) {
  const auto terms =
      parse({"--agent", "bot", "--user", "sarah", "--tenant", "acme", "--scopes", "crm.*,test.use",
             "--task", "look it up", "--ttl", "10m", "--limits",
             "max_tool_calls=3,calls_per_minute=60,max_duration=2h", "--tier", "api"});
  ASSERT_TRUE(terms) << terms.error().message;
  EXPECT_EQ(terms->agent() + terms->user() + terms->tenant(), "botsarahacme");
  EXPECT_THAT(terms->scopes(), ElementsAre("crm.*", "test.use"));
  EXPECT_EQ(terms->task(), "look it up");
  EXPECT_EQ(terms->ttl_ms(), 600'000u);
  EXPECT_EQ(terms->limits().max_tool_calls(), 3u);
  EXPECT_EQ(terms->limits().calls_per_minute(), 60u);
  EXPECT_EQ(terms->limits().max_duration_ms(), 7'200'000u);
  EXPECT_EQ(terms->tier(), "api");
  EXPECT_TRUE(said_something_);
}

TEST_F(TermsTest, NothingSaid) {
  const auto terms = parse({});
  ASSERT_TRUE(terms);
  EXPECT_FALSE(said_something_);
  EXPECT_FALSE(terms->has_limits());
  EXPECT_EQ(terms->ttl_ms(), 0u);
}

TEST_F(TermsTest, BadValuesSayWhatIsRight) {
  for (const char* limit : {"max_tool_calls", "max_tool_calls=", "max_tool_calls=-1", "calls=3",
                            "calls_per_minute=4294967296", "max_duration=soon", "=3"}) {
    const auto terms = parse({"--limits", limit});
    EXPECT_FALSE(terms) << limit;
  }
  const auto ttl = parse({"--ttl", "0s"});
  ASSERT_FALSE(ttl);
  EXPECT_THAT(ttl.error().message, HasSubstr("10m"));
  EXPECT_THROW((void)parse({"--tier", "boss"}), CLI::ParseError);
  EXPECT_THROW((void)parse({"--user", "a", "--token-file", "b"}), CLI::ParseError);
}

TEST_F(TermsTest, TheTokenComesFromItsFileWithoutBlanks) {
  const auto terms = parse({"--token-file", file("\n  aaa.bbb.ccc \r\n")});
  ASSERT_TRUE(terms) << terms.error().message;
  EXPECT_EQ(terms->token(), "aaa.bbb.ccc");
}

TEST_F(TermsTest, FilesThatHoldNoToken) {
  for (const std::string& content :
       {std::string(), std::string(" \n"), std::string("a\x01"), std::string(70'000, 'a')}) {
    const auto terms = parse({"--token-file", file(content)});
    ASSERT_FALSE(terms) << content.size();
    EXPECT_THAT(terms.error().message, HasSubstr("token"));
    EXPECT_LT(terms.error().message.size(), 300u);
  }
  EXPECT_FALSE(parse({"--token-file", "/nonexistent"}));
}

}  // namespace
}  // namespace writ::cli
