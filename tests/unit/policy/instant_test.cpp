#include "policy/instant.h"

#include <gtest/gtest.h>

namespace writ::policy {
namespace {

TEST(Instant, ReadsRfc3339) {
  struct Case {
    const char* text;
    std::int64_t seconds;
    std::uint32_t nanos;
  };
  // The examples of RFC 3339 section 5.8, and edges.
  for (const Case& c :
       std::initializer_list<Case>{{"1970-01-01T00:00:00Z", 0, 0},
                                   {"1985-04-12T23:20:50.52Z", 482196050, 520'000'000},
                                   {"1996-12-19T16:39:57-08:00", 851042397, 0},
                                   {"1990-12-31T23:59:60Z", 662688000, 0},
                                   {"1990-12-31T15:59:60-08:00", 662688000, 0},
                                   {"1937-01-01T12:00:27.87+00:20", -1041337173, 870'000'000},
                                   {"2024-02-29t00:00:00z", 1709164800, 0},
                                   {"2024-02-29 00:00:00Z", 1709164800, 0},
                                   {"2024-02-29T00:00:00.1234567891234Z", 1709164800, 123'456'789},
                                   {"0000-01-01T00:00:00Z", -62167219200, 0},
                                   {"9999-12-31T23:59:59Z", 253402300799, 0}}) {
    const auto instant = parse_instant(c.text);
    ASSERT_TRUE(instant) << c.text;
    EXPECT_EQ(instant->seconds, c.seconds) << c.text;
    EXPECT_EQ(instant->nanos, c.nanos) << c.text;
    EXPECT_FALSE(instant->date_only);
  }
  EXPECT_TRUE(parse_instant("2024-02-29")->date_only);
  EXPECT_EQ(parse_instant("2024-02-29")->seconds, 1709164800);
}

TEST(Instant, RefusesTheRest) {
  for (const char* text : {"",
                           "2024",
                           "2024-02",
                           "2023-02-29",
                           "2024-13-01",
                           "2024-00-01",
                           "2024-01-00",
                           "2024-01-32",
                           "2024-1-01",
                           "20240101",
                           "2024-01-01T",
                           "2024-01-01T00:00",
                           "2024-01-01T00:00:00",
                           "2024-01-01T24:00:00Z",
                           "2024-01-01T00:60:00Z",
                           "2024-01-01T00:00:61Z",
                           "2024-01-01T00:00:00.Z",
                           "2024-01-01T00:00:00+01",
                           "2024-01-01T00:00:00+0100",
                           "2024-01-01T00:00:00+24:00",
                           "2024-01-01T00:00:00Zx",
                           "2024-01-01x",
                           " 2024-01-01",
                           "+024-01-01",
                           "2024-01-01T00:00:00ZZ"})
    EXPECT_FALSE(parse_instant(text)) << text;
}

TEST(Instant, HasAnOrderWithinItsKind) {
  const auto at = [](const char* text) { return *parse_instant(text); };
  EXPECT_EQ(*compare(at("2024-01-01T01:00:00+01:00"), at("2024-01-01T00:00:00Z")),
            std::strong_ordering::equal);
  EXPECT_EQ(*compare(at("2024-01-01T00:00:00.1Z"), at("2024-01-01T00:00:00.2Z")),
            std::strong_ordering::less);
  EXPECT_EQ(*compare(at("2024-01-02"), at("2024-01-01")), std::strong_ordering::greater);
  EXPECT_FALSE(compare(at("2024-01-02"), at("2024-01-01T00:00:00Z")));
}

}  // namespace
}  // namespace writ::policy
